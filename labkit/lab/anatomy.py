"""What is written in a token. Reading it asks nobody and proves nothing: only the server says whether it is valid."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from labkit.lab.errors import LabError

TIMES = {"iat": "issued", "nbf": "not before", "exp": "expires"}
MEANINGS = {
    "alg": "how it is signed",
    "kid": "which key signed it",
    "typ": "what it is",
    "iss": "who issued it",
    "sub": "who it stands for",
    "aud": "who may accept it",
    "exp": "until when",
    "nbf": "from when",
    "iat": "when it was issued",
    "jti": "its own id",
    "kubernetes.io": "what it is bound to",
}


@dataclass(frozen=True, slots=True)
class Anatomy:
    """A decoded token: header and claims as they are written, nothing verified. `now` is the cluster's time."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signature_bytes: int
    now: datetime

    @classmethod
    def of(cls, token: str, *, now: datetime) -> Anatomy:
        """Decode a token.

        Raises:
            LabError: it is no JWT.
        """
        parts = str(token).strip().split(".")
        try:
            header, claims, signature = (_unpad(part) for part in parts)
            return cls(json.loads(header), json.loads(claims), len(signature), now)
        except (ValueError, binascii.Error):
            raise LabError("This is no JWT: one has three parts in base64url, with dots between them.") from None

    @property
    def lifetime(self) -> int | None:
        """Seconds from its issue to its end; None for one that does not end."""
        return int(self.claims["exp"]) - int(self.claims["iat"]) if {"exp", "iat"} <= set(self.claims) else None

    @property
    def expired(self) -> bool:
        """Whether its end is in the past, by the cluster's clock."""
        return "exp" in self.claims and datetime.fromtimestamp(int(self.claims["exp"]), UTC) <= self.now

    def rows(self) -> Iterator[tuple[str, str, str, str]]:
        """Part, name, value and meaning, one row for each value; nested claims are flattened."""
        for part, content in (("header", self.header), ("claims", self.claims)):
            for name, value in sorted(content.items()):
                for path, item in _flat(name, value):
                    yield part, path, _shown(name, item), MEANINGS.get(path, "")
        yield "signature", "", f"({self.signature_bytes} bytes)", "proves the rest, to who has the public key"

    def __repr__(self) -> str:
        return f"(the token of {self.claims.get('sub', 'nobody')})"


def _unpad(part: str) -> bytes:
    return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)


def _flat(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        # kubernetes.io is where everything of Kubernetes' own stands; saying so each time would say nothing.
        above = "" if name == "kubernetes.io" else f"{name}."
        for key in sorted(value):
            yield from ((f"{above}{path}", item) for path, item in _flat(key, value[key]))
    else:
        yield name, value


def _shown(name: str, value: Any) -> str:
    if name in TIMES and isinstance(value, (int, float)):
        return f"{int(value)} ({datetime.fromtimestamp(int(value), UTC):%Y-%m-%dT%H:%M:%SZ})"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
