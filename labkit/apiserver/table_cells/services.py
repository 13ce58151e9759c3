"""Cells of Services and EndpointSlices."""

from __future__ import annotations

from collections.abc import Sequence

from labkit.apiserver.table_cells.moment import Cell, Moment
from labkit.kube.objects import Obj, dig, name_of

NONE = "<none>"
SHOWN_AT_MOST = 3


def service(obj: Obj, at: Moment) -> list[Cell]:
    """Name, type, cluster IP, external IP, ports, age; wide: selector."""
    spec = obj.get("spec") or {}
    addresses = spec.get("clusterIPs") or [spec.get("clusterIP") or NONE]
    selector = ",".join(f"{key}={value}" for key, value in sorted((spec.get("selector") or {}).items()))
    return [
        name_of(obj),
        spec.get("type", ""),
        addresses[0],
        _external(obj, spec),
        ",".join(_port(port) for port in spec.get("ports") or ()) or NONE,
        at.age(obj),
        selector or NONE,
    ]


def _external(obj: Obj, spec: Obj) -> str:
    own = spec.get("externalIPs") or []
    match spec.get("type"):
        case "ClusterIP" | "NodePort":
            return ",".join(own) or NONE
        case "LoadBalancer":
            ingress = dig(obj, "status", "loadBalancer", "ingress", default=[])
            balancers = sorted({point.get("ip") or point.get("hostname") or "" for point in ingress} - {""})
            return ",".join([*balancers, *own]) or "<pending>"
        case "ExternalName":
            return str(spec.get("externalName", ""))
    return "<unknown>"


def _port(port: Obj) -> str:
    on_nodes = f":{port['nodePort']}" if port.get("nodePort") else ""
    return f"{port.get('port')}{on_nodes}/{port.get('protocol', 'TCP')}"


def endpoint_slice(obj: Obj, at: Moment) -> list[Cell]:
    """Name, address type, ports, addresses, age."""
    ports = [str(port["port"]) if port.get("port") is not None else port.get("name") or "*" for port in obj.get("ports") or ()]
    addresses = [address for endpoint in obj.get("endpoints") or () for address in endpoint.get("addresses") or ()]
    return [name_of(obj), obj.get("addressType", ""), _some(ports), _some(addresses), at.age(obj)]


def _some(items: Sequence[str]) -> str:
    shown = ",".join(items[:SHOWN_AT_MOST])
    if len(items) > SHOWN_AT_MOST:
        return f"{shown} + {len(items) - SHOWN_AT_MOST} more..."
    return shown or "<unset>"
