"""What a request carries along: the time, the era, randomness, who asks, and what it collects on its way."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from labkit.kube.randomness import Randomness
from labkit.kube.users import UserInfo
from labkit.kube.versions import Era


@dataclass(frozen=True, slots=True)
class Scope:
    """One request's surroundings, handed to every rule that judges it. `warnings` and `audit` collect; the rest is fixed."""

    now: datetime
    era: Era
    random: Randomness
    user: UserInfo
    warnings: list[str] = field(default_factory=list)
    audit: dict[str, str] = field(default_factory=dict)

    def warn(self, text: str) -> None:
        """Add a Warning header to the answer, once."""
        if text not in self.warnings:
            self.warnings.append(text)
