"""Cells of Nodes."""

from __future__ import annotations

from labkit.apiserver.human_duration import UNKNOWN
from labkit.apiserver.table_cells.moment import Cell, Moment
from labkit.kube.objects import Obj, dig, labels_of, name_of

ROLE_PREFIX = "node-role.kubernetes.io/"
ROLE_LABEL = "kubernetes.io/role"
NONE = "<none>"
ARCHITECTURE_SINCE = "1.36"


def node(obj: Obj, at: Moment) -> list[Cell]:
    """Name, status, roles, age, version; wide: addresses, system image, kernel, container runtime."""
    ready = next((condition for condition in dig(obj, "status", "conditions", default=[]) if condition.get("type") == "Ready"), None)
    status = "Unknown" if ready is None else "Ready" if ready.get("status") == "True" else "NotReady"
    if dig(obj, "spec", "unschedulable", default=False):
        status += ",SchedulingDisabled"
    info = dig(obj, "status", "nodeInfo", default={})
    kernel = info.get("kernelVersion") or UNKNOWN
    # The architecture beside the kernel came with the version that made kubectl's column wider.
    if at.era.since(ARCHITECTURE_SINCE) and info.get("architecture"):
        kernel += f" ({info['architecture']})"
    return [
        name_of(obj),
        status,
        ",".join(_roles(obj)) or NONE,
        at.age(obj),
        info.get("kubeletVersion", ""),
        _address(obj, "InternalIP"),
        _address(obj, "ExternalIP"),
        info.get("osImage") or UNKNOWN,
        kernel,
        info.get("containerRuntimeVersion") or UNKNOWN,
    ]


def _roles(obj: Obj) -> list[str]:
    found = set()
    for key, value in labels_of(obj).items():
        if key.startswith(ROLE_PREFIX):
            found.add(key.removeprefix(ROLE_PREFIX))
        elif key == ROLE_LABEL:
            found.add(value)
    return sorted(found - {""})


def _address(obj: Obj, kind: str) -> str:
    addresses = dig(obj, "status", "addresses", default=[])
    return next((address.get("address", "") for address in addresses if address.get("type") == kind), NONE)
