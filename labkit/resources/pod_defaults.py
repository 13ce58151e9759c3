"""What a Pod looks like once the API has filled it in: v1 defaulting and the quality-of-service class.

Upstream: pkg/apis/core/v1/defaults.go, pkg/apis/core/v1/conversion.go, pkg/apis/core/helper/qos. Idempotent: no default replaces a value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from labkit.kube.objects import Obj, dig
from labkit.resources.quantities import canonical, is_zero

CONTAINER_LISTS = ("initContainers", "containers", "ephemeralContainers")
FILE_MODE = 0o644
TOKEN_SECONDS = 3600
GRACE_SECONDS = 30

_PART = "[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*"
_HOST = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*(?::[0-9]+)?"
_TAG, _DIGEST = r"(?::(?P<tag>[\w][\w.-]{0,127}))?", "(?P<digest>@[A-Za-z0-9_+.-]+:[0-9a-fA-F]{32,})?"
_IMAGE = re.compile(rf"(?:{_HOST}/)?{_PART}(?:/{_PART})*{_TAG}{_DIGEST}", re.ASCII)
_VOLUME_MODES = ("secret", "configMap", "downwardAPI", "projected")


def default_pod(pod: Obj) -> None:
    """Fill in a Pod: its spec as in a template, and what only Pods get."""
    spec: Obj = pod.setdefault("spec", {})
    default_pod_spec(spec)
    for container in [*(spec.get("containers") or ()), *(spec.get("initContainers") or ())]:
        resources: Obj = container.get("resources") or {}
        if limits := resources.get("limits"):
            resources["requests"] = {**limits, **(resources.get("requests") or {})}
        if spec.get("hostNetwork"):
            for port in container.get("ports") or ():
                port["hostPort"] = port.get("hostPort") or port.get("containerPort")
    if (spec.get("terminationGracePeriodSeconds") or 0) < 0:
        spec["terminationGracePeriodSeconds"] = 1
    if spec.get("enableServiceLinks") is None:
        spec["enableServiceLinks"] = True
    _default_status(pod.setdefault("status", {}))


def default_pod_spec(spec: Obj) -> None:
    """Fill in a PodSpec, in a Pod or in a template. `serviceAccount` follows `serviceAccountName` (VAL-13)."""
    if account := spec.get("serviceAccountName") or spec.get("serviceAccount"):
        spec["serviceAccountName"] = spec["serviceAccount"] = account
    else:
        spec.pop("serviceAccountName", None)
        spec.pop("serviceAccount", None)
    spec["dnsPolicy"] = spec.get("dnsPolicy") or "ClusterFirst"
    spec["restartPolicy"] = spec.get("restartPolicy") or "Always"
    spec["schedulerName"] = spec.get("schedulerName") or "default-scheduler"
    if spec.get("securityContext") is None:
        spec["securityContext"] = {}
    if spec.get("terminationGracePeriodSeconds") is None:
        spec["terminationGracePeriodSeconds"] = GRACE_SECONDS
    for volume in spec.get("volumes") or ():
        _default_volume(volume)
    for container in containers(spec):
        _default_container(container)
    if spec.get("overhead"):
        spec["overhead"] = _canonical_list(spec["overhead"])


def containers(spec: Obj, lists: Sequence[str] = CONTAINER_LISTS) -> Iterator[Obj]:
    """All containers of a spec: init, regular, ephemeral."""
    for field in lists:
        yield from spec.get(field) or ()


def image_pull_policy(image: str) -> str:
    """Always for the tag `latest`, and where neither tag nor digest is named; else IfNotPresent."""
    found = _IMAGE.fullmatch(image)
    if not found:
        return "IfNotPresent"
    tag = found["tag"] or ("" if found["digest"] else "latest")
    return "Always" if tag == "latest" else "IfNotPresent"


def qos_class(pod: Obj) -> str:
    """Guaranteed, Burstable or BestEffort (pkg/apis/core/helper/qos)."""
    spec: Obj = pod.get("spec") or {}
    members = list(containers(spec, ("containers", "initContainers")))
    guaranteed, any_set = bool(members), False
    for container in members:
        requests, limits = _compute(container, "requests"), _compute(container, "limits")
        any_set = any_set or bool(requests or limits)
        guaranteed = guaranteed and set(limits) == {"cpu", "memory"} and (requests == limits)
    if not any_set:
        return "BestEffort"
    return "Guaranteed" if guaranteed else "Burstable"


def _compute(container: Obj, field: str) -> dict[str, str]:
    listed = dig(container, "resources", field, default={})
    return {name: canonical(value) for name, value in listed.items() if name in {"cpu", "memory"} and not is_zero(value)}


def _default_status(status: Obj) -> None:
    addresses = status.get("podIPs") or []
    if status.get("podIP") and (not addresses or addresses[0].get("ip") != status["podIP"]):
        status["podIPs"] = [{"ip": status["podIP"]}]
    elif addresses and not status.get("podIP"):
        status["podIP"] = addresses[0].get("ip", "")


def _default_container(container: Obj) -> None:
    container["imagePullPolicy"] = container.get("imagePullPolicy") or image_pull_policy(container.get("image") or "")
    container["terminationMessagePath"] = container.get("terminationMessagePath") or "/dev/termination-log"
    container["terminationMessagePolicy"] = container.get("terminationMessagePolicy") or "File"
    resources = container["resources"] = container.get("resources") or {}
    for field in ("limits", "requests"):
        if resources.get(field):
            resources[field] = _canonical_list(resources[field])
    for port in container.get("ports") or ():
        port["protocol"] = port.get("protocol") or "TCP"
    for variable in container.get("env") or ():
        _default_selectors([variable.get("valueFrom") or {}])
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(probe) is not None:
            _default_probe(container[probe])
    for hook in ("postStart", "preStop"):
        _default_http(dig(container, "lifecycle", hook, "httpGet"))


def _default_probe(probe: Obj) -> None:
    for field, value in (("timeoutSeconds", 1), ("periodSeconds", 10), ("successThreshold", 1), ("failureThreshold", 3)):
        probe[field] = probe.get(field) or value
    _default_http(probe.get("httpGet"))
    if isinstance(probe.get("grpc"), dict) and probe["grpc"].get("service") is None:
        probe["grpc"]["service"] = ""


def _default_http(action: Obj | None) -> None:
    if action is not None:
        action["path"] = action.get("path") or "/"
        action["scheme"] = action.get("scheme") or "HTTP"


def _default_selectors(holders: Iterable[Obj]) -> None:
    for holder in holders:
        if holder.get("fieldRef"):
            holder["fieldRef"]["apiVersion"] = holder["fieldRef"].get("apiVersion") or "v1"
        if holder.get("resourceFieldRef"):
            holder["resourceFieldRef"]["divisor"] = canonical(holder["resourceFieldRef"].get("divisor") or "0")


def _default_volume(volume: Obj) -> None:
    if all(value is None for field, value in volume.items() if field != "name"):
        volume["emptyDir"] = {}
    for kind in _VOLUME_MODES:
        source = volume.get(kind)
        if isinstance(source, dict) and source.get("defaultMode") is None:
            source["defaultMode"] = FILE_MODE
    if isinstance(volume.get("hostPath"), dict) and volume["hostPath"].get("type") is None:
        volume["hostPath"]["type"] = ""
    if isinstance(volume.get("emptyDir"), dict) and volume["emptyDir"].get("sizeLimit") is not None:
        volume["emptyDir"]["sizeLimit"] = canonical(volume["emptyDir"]["sizeLimit"])
    if isinstance(volume.get("image"), dict) and not volume["image"].get("pullPolicy"):
        volume["image"]["pullPolicy"] = image_pull_policy(volume["image"].get("reference") or "")
    _default_selectors(dig(volume, "downwardAPI", "items", default=()))
    for source in dig(volume, "projected", "sources", default=()):
        _default_selectors(dig(source, "downwardAPI", "items", default=()))
        token = source.get("serviceAccountToken")
        if isinstance(token, dict) and token.get("expirationSeconds") is None:
            token["expirationSeconds"] = TOKEN_SECONDS


def _canonical_list(resources: Obj) -> Obj:
    return {name: canonical(value) for name, value in resources.items()}
