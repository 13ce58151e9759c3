"""Ages as kubectl shows them: two or three significant figures (apimachinery/pkg/util/duration, HumanDuration)."""

from __future__ import annotations

from datetime import datetime, timedelta

from labkit.kube.clock import parse_time

UNKNOWN = "<unknown>"
INVALID = "<invalid>"
_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_YEAR = 365 * _DAY
# From this many seconds on, show this unit, and the next smaller one beside it (0: alone).
_STEPS = (
    (8 * _YEAR, _YEAR, "y", 0, ""),
    (2 * _YEAR, _YEAR, "y", _DAY, "d"),
    (8 * _DAY, _DAY, "d", 0, ""),
    (2 * _DAY, _DAY, "d", _HOUR, "h"),
    (8 * _HOUR, _HOUR, "h", 0, ""),
    (3 * _HOUR, _HOUR, "h", _MINUTE, "m"),
    (10 * _MINUTE, _MINUTE, "m", 0, ""),
    (2 * _MINUTE, _MINUTE, "m", 1, "s"),
)


def human_duration(duration: timedelta) -> str:
    """`5m2s`, `26h`, `3y12d`; `0s` for what is a second in the future at most, `<invalid>` for more."""
    seconds = int(duration.total_seconds())  # towards zero, as Go's conversion goes
    if seconds < -1:
        return INVALID
    if seconds < 0:
        return "0s"
    for least, unit, name, smaller, smaller_name in _STEPS:
        if seconds < least:
            continue
        whole, rest = divmod(seconds, unit)
        count = rest // smaller if smaller else 0
        return f"{whole}{name}{count}{smaller_name}" if count else f"{whole}{name}"
    return f"{seconds}s"


def age(timestamp: str | None, now: datetime) -> str:
    """How long ago an RFC 3339 time was; `<unknown>` without one."""
    if not timestamp:
        return UNKNOWN
    return human_duration(now - parse_time(timestamp))


__all__ = ["INVALID", "UNKNOWN", "age", "human_duration"]
