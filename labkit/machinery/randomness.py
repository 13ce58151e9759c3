"""Where random values come from: the system, or a seed that tests and pictures can repeat."""

from __future__ import annotations

import random
import uuid


class SystemRandomness:
    """The operating system's randomness."""

    def __init__(self) -> None:
        self._random = random.SystemRandom()

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        return self._random.randrange(limit)

    def uuid(self) -> str:
        """A random UUID."""
        return str(uuid.uuid4())


class SeededRandomness:
    """The same values again for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # repeatable on purpose; nothing secret comes from it

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        return self._random.randrange(limit)

    def uuid(self) -> str:
        """A UUID of the right form."""
        return str(uuid.UUID(int=self._random.getrandbits(128), version=4))
