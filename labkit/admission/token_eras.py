"""What the ServiceAccount plugin did differently in earlier versions, as tables (ERAADM-1 to ERAADM-18).

Where upstream's rules only bracket a change between two versions that were looked at, the table has the later one.
"""

from __future__ import annotations

from dataclasses import dataclass

from labkit.kube.versions import Era

BOUND_TOKENS = "BoundServiceAccountTokenVolume"

VALIDATES_SINCE = "1.9"  # a validating pass; before, the mutating pass judged the Pod as it came, and nobody what became of it (ERAADM-14)
MIRROR_PROJECTIONS_SINCE = "1.11"  # a mirror Pod's projected tokens: as old as the projection (ERAADM-18)
NOT_FOUND_SINCE = "1.15"  # today's words for an account that is missing (ERAADM-2)
ENV_FROM_SINCE = "1.29"  # whole Secrets in the environment count as mountable ones (ADM-21)
EPHEMERAL_SINCE = "1.28"  # ephemeral containers are judged, and a Pod without account is refused (ADM-19, ADM-24)
UPDATES_BETWEEN = ("1.8", "1.9")  # updates are treated like creations, until the Pod was initialised (ERAADM-15)
UNFILTERED = "1.6.0"  # any Secret that the account lists is taken for its token: a mistake of this one release (ERAADM-5)


@dataclass(frozen=True, slots=True)
class Mounting:
    """How a token got into a Pod from the version `since` on, with the gate `BoundServiceAccountTokenVolume` on (`bound`) or off.

    `needs_secret`: nothing is mounted unless the account lists a token Secret. The other two describe the projected volume.
    """

    since: str
    bound: bool
    needs_secret: bool
    seconds: int = 0
    explicit_mode: bool = False
    dots_allowed: bool = False  # in the name of the volume, which may not hold any


MOUNTINGS: tuple[Mounting, ...] = (
    Mounting("1.6", bound=False, needs_secret=True, dots_allowed=True),  # ERAADM-3, ERAADM-9
    Mounting("1.20", bound=False, needs_secret=True),
    Mounting("1.13", bound=True, needs_secret=True, seconds=3600),  # ERAADM-16
    Mounting("1.20", bound=True, needs_secret=False, seconds=3607),
    Mounting("1.23", bound=True, needs_secret=False, seconds=3607, explicit_mode=True),  # ADM-15
)


def mounting(era: Era) -> Mounting:
    """How a token gets into a Pod in this era."""
    bound = era.enabled(BOUND_TOKENS)
    return next(row for row in reversed(MOUNTINGS) if row.bound == bound and era.since(row.since))


def handles_updates(era: Era) -> bool:
    """Whether an update of a Pod is treated like its creation: in 1.8 alone."""
    first, end = UPDATES_BETWEEN
    return era.since(first) and not era.since(end)
