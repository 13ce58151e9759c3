"""A container's environment: its own variables, and those of the Services that it may reach.

Upstream: pkg/kubelet/kubelet_pods.go (makeEnvironmentVariables), pkg/kubelet/envvars. Upstream adds them in no particular order; here it
is the order of the spec, then that of the Services' names.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence

from labkit.kube.calls import Rule, get, list_
from labkit.kube.objects import Obj, dig, name_of, namespace_of, uid_of
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, NotFound
from labkit.node.downward import FieldPathError, field_value, resource_value
from labkit.node.image import HOMES, PATH
from labkit.node.volumes import File, VolumeHost, VolumeId

PLUGIN = "labkit.local/environment"  # where a started container's environment is kept, beside its Pod's volumes
MASTER = "kubernetes"
_REFERENCE = re.compile(r"\$(?:\$|\(([^()]+)\))")


class EnvironmentProblemError(Exception):
    """A variable that cannot be set: the container cannot be created (CreateContainerConfigError)."""


def environment(pod: Obj, container: Obj, allocatable: Mapping[str, str], user: int) -> Rule[list[tuple[str, str]]]:
    """The variables that a container starts with, in order.

    Raises:
        EnvironmentProblemError: a ConfigMap, Secret or key is missing and not optional.
    """
    services = yield from _services(pod)
    own: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        own |= yield from _whole(pod, source)
    for variable in container.get("env") or ():
        value = yield from _value(pod, container, variable, allocatable)
        if value is not None:
            own[variable["name"]] = _expanded(value, {**services, **own}) if "valueFrom" not in variable else value
    base = {"PATH": PATH, "HOSTNAME": name_of(pod)}
    home = {} if "HOME" in own else {"HOME": HOMES.get(user, "/")}
    return list({**base, **own, **{key: value for key, value in services.items() if key not in own}, **home}.items())


def keep(pod: Obj, container: str, variables: Sequence[tuple[str, str]], volumes: VolumeHost, scope: Scope) -> None:
    """Keep a started container's environment: it never changes again, and outlives the agent."""
    payload = {"environment.json": File(json.dumps(variables).encode(), 0o600)}
    volumes.write(VolumeId(uid_of(pod), PLUGIN, container), payload, group=None, now=scope.now, random=scope.random)


def kept(pod: Obj, container: str, volumes: VolumeHost) -> tuple[tuple[str, str], ...]:
    """The environment that a started container has."""
    tree = volumes.tree(VolumeId(uid_of(pod), PLUGIN, container))
    link = tree.entry("..data") if tree else None
    if tree is None or link is None:
        return (("PATH", PATH), ("HOSTNAME", name_of(pod)))
    return tuple((name, value) for name, value in json.loads(tree.read(f"{link.target}/environment.json")))


def _services(pod: Obj) -> Rule[dict[str, str]]:
    """The variables of the API's own Service, and, if the Pod wants them, of those of its namespace."""
    found: dict[str, str] = {}
    services = yield from list_("services")
    for service in services:
        address = dig(service, "spec", "clusterIP")
        if not address or address == "None":
            continue
        master = namespace_of(service) == "default" and name_of(service) == MASTER
        if master or (namespace_of(service) == namespace_of(pod) and dig(pod, "spec", "enableServiceLinks", default=True)):
            found |= service_variables(name_of(service), address, dig(service, "spec", "ports", default=[]))
    return found


def service_variables(name: str, address: str, ports: Sequence[Obj]) -> dict[str, str]:
    """`KUBERNETES_SERVICE_HOST` and its kin."""
    prefix = name.upper().replace("-", "_")
    found = {f"{prefix}_SERVICE_HOST": address, f"{prefix}_SERVICE_PORT": str(ports[0]["port"])}
    for port in ports:
        if port.get("name"):
            found[f"{prefix}_SERVICE_PORT_{port['name'].upper().replace('-', '_')}"] = str(port["port"])
    for number, port in enumerate(ports):
        protocol = str(port.get("protocol") or "TCP")
        url = f"{protocol.lower()}://{address}:{port['port']}"
        if not number:
            found[f"{prefix}_PORT"] = url
        start = f"{prefix}_PORT_{port['port']}_{protocol}"
        found |= {start: url, f"{start}_PROTO": protocol.lower(), f"{start}_PORT": str(port["port"]), f"{start}_ADDR": address}
    return found


def _whole(pod: Obj, source: Obj) -> Rule[dict[str, str]]:
    prefix = source.get("prefix", "")
    kind, reference = ("configmaps", source["configMapRef"]) if "configMapRef" in source else ("secrets", source.get("secretRef") or {})
    data = yield from _data(pod, kind, reference.get("name", ""), bool(reference.get("optional")))
    return {f"{prefix}{key}": value for key, value in sorted((data or {}).items())}


def _value(pod: Obj, container: Obj, variable: Obj, allocatable: Mapping[str, str]) -> Rule[str | None]:
    source = variable.get("valueFrom")
    if not source:
        return str(variable.get("value") or "")
    try:
        if reference := source.get("fieldRef"):
            return field_value(pod, reference["fieldPath"])
        if reference := source.get("resourceFieldRef"):
            return resource_value(container, reference["resource"], str(reference.get("divisor") or ""), allocatable)
    except FieldPathError as error:
        raise EnvironmentProblemError(str(error)) from error
    reference, kind, shown = (
        (source["configMapKeyRef"], "configmaps", "ConfigMap")
        if "configMapKeyRef" in source
        else (source.get("secretKeyRef") or {}, "secrets", "Secret")
    )
    optional = bool(reference.get("optional"))
    data = yield from _data(pod, kind, reference.get("name", ""), optional)
    key = reference.get("key", "")
    if data is None or (optional and key not in data):
        return None
    if key not in data:
        raise EnvironmentProblemError(f"couldn't find key {key} in {shown} {namespace_of(pod)}/{reference.get('name', '')}")
    return data[key]


def _data(pod: Obj, kind: str, name: str, optional: bool) -> Rule[dict[str, str] | None]:
    try:
        found = yield from get(kind, name, namespace_of(pod), live=True)
    except NotFound as error:
        if optional:
            return None
        raise EnvironmentProblemError(f'{kind.removesuffix("s")} "{name}" not found') from error
    except ApiError as error:
        raise EnvironmentProblemError(error.message) from error
    data: dict[str, str] = found.get("data") or {}
    if kind == "secrets":
        return {key: base64.b64decode(value).decode(errors="surrogateescape") for key, value in data.items()}
    return data


def _expanded(value: str, known: Mapping[str, str]) -> str:
    """`$(NAME)` replaced where NAME is known; `$$` is one dollar."""
    return _REFERENCE.sub(lambda match: "$" if match[1] is None else known.get(match[1], match[0]), value)
