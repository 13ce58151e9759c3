"""When, and in which Kubernetes, a table is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from labkit.apiserver.human_duration import age
from labkit.kube.objects import Obj, meta
from labkit.kube.versions import Era

Cell: TypeAlias = str | int | bool


@dataclass(frozen=True, slots=True)
class Moment:
    """The cluster's time and era."""

    now: datetime
    era: Era

    def age(self, obj: Obj) -> str:
        """How long ago the object was made."""
        return self.since(meta(obj).get("creationTimestamp"))

    def since(self, timestamp: str | None) -> str:
        """How long ago that was; `<unknown>` without a time."""
        return age(timestamp, self.now)


__all__ = ["Cell", "Moment"]
