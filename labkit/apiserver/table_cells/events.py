"""Cells of Events, of the old form and of the new one, which has `eventTime` and `series`."""

from __future__ import annotations

from labkit.apiserver.human_duration import UNKNOWN
from labkit.apiserver.table_cells.moment import Cell, Moment
from labkit.kube.objects import Obj, dig, name_of


def event(obj: Obj, at: Moment) -> list[Cell]:
    """Last seen, type, reason, object, message; wide: subobject, source, first seen, count, name."""
    first = at.since(obj.get("firstTimestamp") or obj.get("eventTime"))
    last = at.since(obj.get("lastTimestamp"))
    if last == UNKNOWN:
        last = first
    count = obj.get("count") or 1
    if series := obj.get("series"):
        last, count = at.since(series.get("lastObservedTime")), series.get("count", 0)
    involved = obj.get("involvedObject") or {}
    target = str(involved.get("kind", "")).lower()
    if involved.get("name"):
        target += f"/{involved['name']}"
    component = dig(obj, "source", "component", default="") or obj.get("reportingComponent") or ""
    instance = dig(obj, "source", "host", default="") or obj.get("reportingInstance") or ""
    return [
        last,
        obj.get("type", ""),
        obj.get("reason", ""),
        target,
        involved.get("fieldPath", ""),
        f"{component}, {instance}" if instance else component,
        str(obj.get("message", "")).strip(),
        first,
        count,
        name_of(obj),
    ]
