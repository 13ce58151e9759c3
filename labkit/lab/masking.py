"""Secrets on the screen: `eyJ…(1166 characters)` for a token, base64 in Secrets too. The real value is never printed by accident."""

from __future__ import annotations

import re

_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
# Base64 of a JWT begins with ZXlK, that of any PEM block with LS0t.
_BASE64 = re.compile(r"\b(ZXlK|LS0t)[A-Za-z0-9+/]{36,}={0,2}")
_CERTIFICATES = re.compile(
    r"(-----BEGIN CERTIFICATE-----)[A-Za-z0-9+/=\s\\]+?(-----END CERTIFICATE-----)(?:[\s\\n]*\1[A-Za-z0-9+/=\s\\]+?\2)*"
)
_KEYS = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)


def mask(text: str) -> str:
    """`text` with tokens, keys and certificates cut down to how they begin and how long they are."""
    text = _KEYS.sub(lambda found: f"-----BEGIN {found[1]}-----…({len(found[0])} characters)", text)
    text = _CERTIFICATES.sub(lambda found: f"{found[1]}…({len(found[0])} characters)", text)
    text = _JWT.sub(lambda found: f"eyJ…({len(found[0])} characters)", text)
    return _BASE64.sub(lambda found: f"{found[1]}…({len(found[0])} characters)", text)


class Token(str):
    """A bearer token: text like any other, except that a notebook which shows it shows `eyJ…(1166 characters)`."""

    __slots__ = ()

    def __repr__(self) -> str:
        return mask(str(self)) if self.startswith("eyJ") else f"(a token of {len(self)} characters)"
