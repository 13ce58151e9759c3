"""Cells of Deployments and ReplicaSets."""

from __future__ import annotations

from labkit.apiserver.table_cells.moment import Cell, Moment
from labkit.kube.objects import Obj, dig, name_of

_SIGNS = {"In": "in", "NotIn": "notin"}


def deployment(obj: Obj, at: Moment) -> list[Cell]:
    """Name, ready, up to date, available, age; wide: containers, images, selector."""
    status = obj.get("status") or {}
    ready = f"{status.get('readyReplicas') or 0}/{dig(obj, 'spec', 'replicas', default=0)}"
    counts = [status.get("updatedReplicas") or 0, status.get("availableReplicas") or 0]
    return [name_of(obj), ready, *counts, at.age(obj), *_containers(obj), _selector(obj)]


def replica_set(obj: Obj, at: Moment) -> list[Cell]:
    """Name, desired, current, ready, age; wide: containers, images, selector."""
    status = obj.get("status") or {}
    counts = [dig(obj, "spec", "replicas", default=0), status.get("replicas") or 0, status.get("readyReplicas") or 0]
    return [name_of(obj), *counts, at.age(obj), *_containers(obj), _selector(obj) or "<none>"]


def _containers(obj: Obj) -> tuple[str, str]:
    containers = dig(obj, "spec", "template", "spec", "containers", default=[])
    return ",".join(c.get("name", "") for c in containers), ",".join(c.get("image", "") for c in containers)


def _selector(obj: Obj) -> str:
    """A LabelSelector as text, its requirements in order of their keys."""
    selector = dig(obj, "spec", "selector", default={})
    found = [(key, f"{key}={value}") for key, value in (selector.get("matchLabels") or {}).items()]
    for requirement in selector.get("matchExpressions") or ():
        key, operator = requirement.get("key", ""), requirement.get("operator")
        if operator in _SIGNS:
            found.append((key, f"{key} {_SIGNS[operator]} ({','.join(sorted(requirement.get('values') or ()))})"))
        else:
            found.append((key, key if operator == "Exists" else f"!{key}"))
    return ",".join(text for _, text in sorted(found))
