"""Checking a token without asking anybody: whose it is, which keys may have signed it, whether one did (AUT-5 to AUT-9).

The steps and their order are upstream's (pkg/serviceaccount/jwt.go); signatures are checked by PyJWT's algorithms. Times, audiences and
what a token is bound to are judged by `labkit.authentication`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.kube.go import json_kind
from labkit.kube.objects import Obj
from labkit.kube.versions import Era
from labkit.tokens.claims import PRIVATE_CLAIM
from labkit.tokens.keys import PublicKey

BAD_SIGNATURE = "go-jose/go-jose: error in cryptographic primitive"
NO_KEYS = "invalid signature, no keys found"
_BAD_DATE = "go-jose/go-jose/jwt: expected number value to unmarshal NumericDate"
_BAD_AUDIENCE = "go-jose/go-jose/jwt: expected string or array value to unmarshal to Audience"
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_RSA_ALGORITHMS = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_LARGEST = 2**63 - 1


class TokenError(Exception):
    """A token that claims to be one of ours and is not good. The text is what TokenReview's `status.error` shows."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The claims of a token whose signature is right, and the key that made it."""

    claims: Obj
    key_id: str


def verify(token: str, keys: Sequence[PublicKey], issuers: Collection[str], era: Era) -> Verified | None:
    """The claims of a token, or None where it is none of ours, for somebody else to try.

    1. A text that is no compact JWT, or whose `iss` is not among `issuers`, is passed on; so is an unreadable header (AUT-5, AUT-6).
    2. The keys with the header's `kid` are tried, all where it has none; up to 1.30 all are always tried (AUT-7, AUT-8).
    3. The claims are read again from what was verified: no key twice, and times, names and audiences of the right type (AUT-9).

    Raises:
        TokenError: no key fits, no signature is right, or the claims are not what they have to be.
    """
    if era.since("1.30") and token.strip().startswith("{"):
        return None
    parts = token.split(".")
    if len(parts) != 3 or unverified_issuer(parts[1]) not in issuers:
        return None
    header, signature = _json_object(parts[0]), _decode(parts[2])
    if header is None or signature is None or not _readable(header):
        return None
    candidates = choose_keys(keys, header.get("kid") or "", era)
    if not candidates:
        if not era.since("1.31"):
            return None
        raise TokenError(NO_KEYS)
    signed = f"{parts[0]}.{parts[1]}".encode()
    right = next((key for key in candidates if _signature_is_right(key, header, signed, signature)), None)
    if right is None:
        raise TokenError(BAD_SIGNATURE)
    claims = _claims(parts[1])
    if claims.get("iss") not in issuers:
        raise TokenError(f"token issuer {json.dumps(claims.get('iss') or '')} is invalid")
    return Verified(claims, right.key_id)


def choose_keys(keys: Sequence[PublicKey], key_id: str, era: Era) -> Sequence[PublicKey]:
    """The keys to try for a token with that `kid` (AUT-7)."""
    if not key_id or not era.since("1.31"):
        return keys
    return [key for key in keys if key.key_id == key_id]


def unverified_issuer(payload: str) -> str:
    """The `iss` that a token's second part claims, or an empty text. Nothing vouches for it."""
    content = _decode(payload)
    if content is None:
        return ""
    try:
        claims = json.loads(content)
    except (ValueError, RecursionError):
        return ""
    issuer = claims.get("iss") if isinstance(claims, dict) else None
    return issuer if isinstance(issuer, str) else ""


def _decode(part: str) -> bytes | None:
    """The bytes of unpadded base64url; Python's own decoder would skip over what does not belong there."""
    if not _BASE64URL.fullmatch(part) or len(part) % 4 == 1:
        return None
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _json_object(part: str) -> Obj | None:
    content = _decode(part)
    if not content:
        return None
    try:
        found = json.loads(content, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except (ValueError, RecursionError, TokenError):
        return None
    return found if isinstance(found, dict) else None


def _readable(header: Obj) -> bool:
    return isinstance(header.get("alg", ""), str) and isinstance(header.get("kid") or "", str)


def _signature_is_right(key: PublicKey, header: Obj, signed: bytes, signature: bytes) -> bool:
    """Whether the key made the signature by the header's algorithm. An RSA key may have used any of RSA's (corrections 18)."""
    algorithm = header.get("alg", "")
    fits = algorithm in _RSA_ALGORITHMS if key.algorithm == "RS256" else algorithm == key.algorithm
    if not fits or header.get("crit"):
        return False
    from jwt.algorithms import get_default_algorithms

    return bool(get_default_algorithms()[algorithm].verify(signed, key.key, signature))


def _no_key_twice(pairs: list[tuple[str, Any]]) -> Obj:
    found: Obj = {}
    for key, value in pairs:
        if key in found:
            raise TokenError(f"json: duplicate key '{key}' in object")
        found[key] = value
    return found


def _no_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _claims(payload: str) -> Obj:
    """The claims, checked for their types; a null counts as absent.

    Raises:
        TokenError: one is of the wrong type, or a key occurs twice.
    """
    content = _decode(payload) or b""
    try:
        claims: Obj = json.loads(content, object_pairs_hook=_no_key_twice, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise TokenError(f"json: {error}") from None
    found = {key: value for key, value in claims.items() if value is not None}
    for key in ("iss", "sub", "jti"):
        _text(found, key)
    for key in ("exp", "nbf", "iat"):
        _date(found, key)
    if "aud" in found:
        found["aud"] = _audience(found["aud"])
    for key in found:
        if key.startswith("kubernetes.io/serviceaccount/"):
            _text(found, key)
    if PRIVATE_CLAIM in found:
        found[PRIVATE_CLAIM] = _private(found[PRIVATE_CLAIM])
    return found


def _private(claim: Any) -> Obj:
    if not isinstance(claim, dict):
        raise TokenError(f"json: cannot unmarshal {json_kind(claim)} into Go value of type serviceaccount.kubernetes")
    found = {key: value for key, value in claim.items() if value is not None}
    _text(found, "namespace")
    for key in ("serviceaccount", "pod", "secret", "node"):
        if key not in found:
            continue
        if not isinstance(found[key], dict):
            raise TokenError(f"json: cannot unmarshal {json_kind(found[key])} into Go value of type serviceaccount.ref")
        found[key] = {name: value for name, value in found[key].items() if value is not None}
        for name in ("name", "uid"):
            _text(found[key], name)
    _date(found, "warnafter")
    return found


def _text(claims: Obj, key: str) -> None:
    if not isinstance(claims.get(key, ""), str):
        raise TokenError(f"json: cannot unmarshal {json_kind(claims[key])} into Go value of type string")


def _date(claims: Obj, key: str) -> None:
    """Make a time whole seconds; fractions are allowed and cut off."""
    value = claims.get(key)
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
        raise TokenError(_BAD_DATE)
    claims[key] = int(value)


def _audience(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    raise TokenError(_BAD_AUDIENCE)


__all__ = ["BAD_SIGNATURE", "NO_KEYS", "TokenError", "Verified", "choose_keys", "unverified_issuer", "verify"]
