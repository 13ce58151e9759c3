"""What the server says about a Pod that it accepts: overlapping paths, doubled names, ports (VAL-11, VAL-12; pkg/api/pod/warnings.go)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from labkit.kube.objects import Obj, dig
from labkit.resources.quantities import canonical, parse

_BYTES = ("memory", "ephemeral-storage")
_OLD_VOLUMES = (
    ("photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "deprecated in v1.28, non-functional in v1.31+"),
)


@dataclass(frozen=True, slots=True)
class _Path:
    """A file or directory that a volume will hold, and where it comes from."""

    path: str
    source: str

    def __str__(self) -> str:
        shown = json.dumps(self.path, ensure_ascii=False)
        return f"{shown} ({self.source})" if self.source else shown


def pod_warnings(pod: Obj) -> list[str]:
    """The warnings for a new Pod, in upstream's order."""
    spec: Obj = pod.get("spec") or {}
    volumes: Sequence[Obj] = spec.get("volumes") or ()
    found = [
        f"spec.volumes[{index}].{kind if kind != 'storageos' else 'storageOS'}: {text}"
        for index, volume in enumerate(volumes)
        for kind, text in _OLD_VOLUMES
        if volume.get(kind) is not None
    ]
    for volume in volumes:
        found += volume_overlaps(volume)
    found += _pull_secrets(spec.get("imagePullSecrets") or ())
    for path, container in _containers(spec):
        found += _amounts(container, path)
        found += _hidden_variables(container.get("env") or (), path)
    return found + _ports(spec)


def volume_overlaps(volume: Obj) -> list[str]:
    """Paths in one volume that are the same, or of which one lies inside another."""
    name = json.dumps(volume.get("name") or "", ensure_ascii=False)
    found: list[str] = []
    for kind, title, key in (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName"), ("downwardAPI", "DownwardAPI", "")):
        source = volume.get(kind)
        if not source or source.get("items") is None:
            continue
        described = f'{title} "{source.get(key) or ""}"' if key else title
        paths = [_Path(item.get("path") or "", "") for item in source["items"]]
        found += [f"volume {name} ({described}): overlapping paths: {pair}" for pair in _overlaps(paths)]
    paths = []
    for source in dig(volume, "projected", "sources", default=()):
        if not any(value is not None for value in source.values()):
            found.append(f"volume {name} (Projected) has no sources provided")
        else:
            paths += _projected_paths(source)
    return found + [f"volume {name} (Projected): overlapping paths: {pair}" for pair in _overlaps(paths)]


def _projected_paths(source: Obj) -> list[_Path]:
    for kind, title in (("configMap", "ConfigMap"), ("secret", "Secret"), ("downwardAPI", "DownwardAPI")):
        content = source.get(kind)
        if content is not None and content.get("items") is not None:
            described = title if kind == "downwardAPI" else f'{title} "{content.get("name") or ""}"'
            return [_Path(item.get("path") or "", described) for item in content["items"]]
    if (token := source.get("serviceAccountToken")) is not None:
        return [_Path(token.get("path") or "", "ServiceAccountToken")]
    if (bundle := source.get("clusterTrustBundle")) is not None:
        named = bundle["name"] if bundle.get("name") is not None else bundle.get("signerName") or ""
        return [_Path(bundle.get("path") or "", f'ClusterTrustBundle "{named}"')]
    return []


def _overlaps(paths: Iterable[_Path]) -> list[str]:
    """`"a/b" (X) with "a" (Y)`: each path with those before it."""
    found: list[str] = []
    seen: list[_Path] = []
    for given in paths:
        path = _Path(given.path.rstrip("/"), given.source)
        if path.path:
            found += [f"{path} with {other}" for other in seen if other.path and _nested(path.path, other.path)]
        seen.append(path)
    return found


def _nested(one: str, other: str) -> bool:
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _pull_secrets(secrets: Sequence[Obj]) -> list[str]:
    found: list[str] = []
    seen: set[str] = set()
    for index, secret in enumerate(secrets):
        name = secret.get("name") or ""
        if name in seen:
            found.append(f'spec.imagePullSecrets[{index}].name: duplicate name "{name}"')
        seen.add(name)
    empty = [index for index, secret in enumerate(secrets) if not secret.get("name")]
    return found + [f'spec.imagePullSecrets[{index}].name: invalid empty name ""' for index in empty]


def _containers(spec: Obj) -> Iterable[tuple[str, Obj]]:
    for field in ("initContainers", "containers", "ephemeralContainers"):
        for index, container in enumerate(spec.get(field) or ()):
            yield f"spec.{field}[{index}]", container


def _amounts(container: Obj, path: str) -> list[str]:
    """Fractions of a byte."""
    found: list[str] = []
    for name in _BYTES:
        for part in ("limits", "requests"):
            amount = dig(container, "resources", part, name)
            if amount is not None and parse(amount) % 1:
                text = f'fractional byte value "{canonical(amount)}" is invalid, must be an integer'
                found.append(f"{path}.resources.{part}[{name}]: {text}")
    return found


def _hidden_variables(variables: Sequence[Obj], path: str) -> list[str]:
    """A variable that is set twice, unless the second value uses the first."""
    found: list[str] = []
    seen: set[str] = set()
    for index, variable in enumerate(variables):
        name, value = variable.get("name") or "", variable.get("value") or ""
        earlier = f"$({name})"
        if name in seen and (variable.get("valueFrom") is not None or value == earlier or earlier not in value):
            text = f'hides previous definition of "{name}", which may be dropped when using apply'
            found.append(f"{path}.env[{index}]: {text}")
        seen.add(name)
    return found


def _ports(spec: Obj) -> list[str]:
    found: list[str] = []
    by_number: dict[tuple[int, str], list[tuple[str, Obj]]] = {}
    listed = [(f"{path}.ports[{index}]", port) for path, c in _containers(spec) for index, port in enumerate(c.get("ports") or ())]
    for path, port in listed:
        others = by_number.setdefault((port.get("containerPort") or 0, port.get("protocol") or ""), [])
        found += [f"{path}: {clash} with {where}" for where, other in others if (clash := _clash(port, other))]
        others.append((path, port))
    by_name: dict[str, str] = {}
    for path, port in listed:
        name = port.get("name")
        if name and name in by_name:
            first = by_name[name]
            text = f'duplicate port name "{name}" with {first}, services and probes that select ports by name will use {first}'
            found.append(f"{path}: {text}")
        elif name:
            by_name[name] = path
    return found


def _clash(port: Obj, other: Obj) -> str:
    address, other_address = port.get("hostIP") or "", other.get("hostIP") or ""
    number, other_number = port.get("hostPort") or 0, other.get("hostPort") or 0
    if (address, number) == (other_address, other_number):
        return "duplicate port definition"
    if not number or not other_number:
        return "overlapping port definition"
    if number == other_number and bool(address) != bool(other_address):
        return "dangerously ambiguous port definition"
    return ""


__all__ = ["pod_warnings", "volume_overlaps"]
