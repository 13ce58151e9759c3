"""The cache of accepted tokens: ten seconds each, failures never (AUT-2; apiserver/pkg/authentication/token/cache)."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

from labkit.authentication.identity import Authenticated

LIFETIME = timedelta(seconds=10)
SWEEP_SIZE = 4096


class TokenCache:
    """Remembers accepted tokens by token and audiences. The time comes from the caller; tokens are kept only as hashes.

    An answer from before the caller's time, should its clock have been set back, does not count.
    """

    def __init__(self, lifetime: timedelta = LIFETIME) -> None:
        self.lifetime = lifetime
        self._kept: dict[bytes, tuple[datetime, Authenticated]] = {}

    def get(self, token: str, audiences: tuple[str, ...], now: datetime) -> Authenticated | None:
        """What was found for the token, if that was less than the lifetime ago."""
        kept = self._kept.get(_key(token, audiences))
        if kept is None or not kept[0] <= now < kept[0] + self.lifetime:
            return None
        return kept[1]

    def put(self, token: str, audiences: tuple[str, ...], now: datetime, found: Authenticated) -> None:
        """Remember what was found. When many are kept, the outdated ones go."""
        if not self.lifetime:
            return
        if len(self._kept) >= SWEEP_SIZE:
            self._kept = {key: kept for key, kept in self._kept.items() if kept[0] <= now < kept[0] + self.lifetime}
        self._kept[_key(token, audiences)] = (now, found)

    def clear(self) -> None:
        """Forget everything: for a server whose keys or settings change."""
        self._kept.clear()


def _key(token: str, audiences: tuple[str, ...]) -> bytes:
    digest = hashlib.sha256()
    for part in (token, *audiences):
        encoded = part.encode(errors="surrogatepass")
        digest.update(len(encoded).to_bytes(8, "big") + encoded)
    return digest.digest()


__all__ = ["LIFETIME", "TokenCache"]
