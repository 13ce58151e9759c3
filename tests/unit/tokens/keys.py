"""Keys for tests, made once for each run: making an RSA key takes its time."""

from __future__ import annotations

from functools import cache

from labkit.tokens.keys import SigningKey


@cache
def rsa_key(which: int = 0) -> SigningKey:
    """An RSA key; another number gives another key."""
    del which
    return SigningKey.generate_rsa()


@cache
def ec_key(curve: str = "P-256") -> SigningKey:
    """A key on a curve."""
    return SigningKey.generate_ec(curve)
