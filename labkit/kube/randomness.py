"""Randomness as a parameter: rules ask for it, hosts decide where it comes from."""

from __future__ import annotations

from typing import Protocol

# Upstream's alphabet for generated names (apimachinery/pkg/util/rand): no vowels, so no words, and no digits that look like letters.
ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
SUFFIX_LENGTH = 5
MAX_GENERATED_BASE = 58


class Randomness(Protocol):
    """Where random values come from."""

    def below(self, limit: int) -> int:
        """A whole number from 0 to `limit` - 1."""
        ...

    def uuid(self) -> str:
        """A random UUID (version 4) in its usual text form."""
        ...


def suffix(random: Randomness, length: int = SUFFIX_LENGTH) -> str:
    """`length` characters of upstream's alphabet."""
    return "".join(ALPHABET[random.below(len(ALPHABET))] for _ in range(length))


def generate_name(random: Randomness, base: str) -> str:
    """`base` and a random suffix, at most 63 characters (apiserver/pkg/storage/names)."""
    return base[:MAX_GENERATED_BASE] + suffix(random)
