"""Signing claims: a compact JWS with `alg` and `kid` in its header, and no `typ` (SGN-1, SGN-3; pkg/serviceaccount/jwt.go)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from labkit.tokens.keys import SigningKey


def sign(key: SigningKey, claims: Mapping[str, Any]) -> str:
    """The token. Claims are written in order of their names, without blanks, as upstream's library writes them."""
    from jwt import PyJWS

    payload = json.dumps(claims, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return PyJWS().encode(payload, key.key, algorithm=key.algorithm, headers={"kid": key.key_id, "typ": ""})


__all__ = ["sign"]
