"""Time as Kubernetes writes it, and the one clock that everything reads."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tells the time. Everything that asks for the time asks one of these."""

    def now(self) -> datetime:
        """The time, with its zone (UTC)."""
        ...


class SystemClock:
    """The machine's clock, moved by `offset`."""

    def __init__(self, offset: timedelta = timedelta()) -> None:
        self.offset = offset

    def now(self) -> datetime:
        """The machine's time plus the offset."""
        return datetime.now(UTC) + self.offset


class FixedClock:
    """A clock that stands still until it is moved: for tests and for pictures."""

    def __init__(self, at: datetime) -> None:
        self.at = at

    def now(self) -> datetime:
        """The time it stands at."""
        return self.at

    def advance(self, by: timedelta) -> None:
        """Move it forward."""
        self.at += by


def rfc3339(at: datetime) -> str:
    """`2026-11-22T10:00:00Z`: whole seconds in UTC, as metav1.Time is written."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rfc3339_micro(at: datetime) -> str:
    """`2026-11-22T10:00:00.123456Z`, as metav1.MicroTime is written."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def parse_time(text: str) -> datetime:
    """The time that an RFC 3339 text names.

    Raises:
        ValueError: it names none.
    """
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return found


def day(at: datetime) -> str:
    """`2026-11-22`: the day in UTC, as labels and ConfigMaps have it. As texts, days compare as they do in time."""
    return at.astimezone(UTC).strftime("%Y-%m-%d")


def parse_day(text: str) -> datetime:
    """The beginning (UTC) of the day that `day` wrote.

    Raises:
        ValueError: it is no such text.
    """
    if not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        raise ValueError(f"{text!r} is no day; one is written like 2026-11-22")
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def is_day(text: str) -> bool:
    """Whether `parse_day` takes it."""
    try:
        parse_day(text)
    except ValueError:
        return False
    return True
