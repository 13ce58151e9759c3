"""Nodes: status apart, what may be set once, taints (ValidateNode, ValidateNodeUpdate; pkg/registry/core/node/strategy.go)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import replace

from labkit.kube import names
from labkit.kube.objects import Obj, copy, dig
from labkit.kube.scope import Scope
from labkit.kube.status import FieldError, field_duplicate, field_forbidden, field_invalid, field_required, field_unsupported
from labkit.resources.kinds import Strategy

TAINT_EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")


class NodeStrategy(Strategy):
    """Nodes. A kubelet may send status along when it creates its Node; later status has its own endpoint."""

    def default(self, obj: Obj) -> None:
        """Allocatable is the capacity where nothing else is said. Spec and status are always there."""
        obj.setdefault("spec", {})
        status = obj.setdefault("status", {})
        if status.get("capacity") is not None and status.get("allocatable") is None:
            status["allocatable"] = dict(status["capacity"])
        # Upstream's struct has no pointers here, so both come out even when nobody set them.
        status.setdefault("daemonEndpoints", {}).setdefault("kubeletEndpoint", {"Port": 0})
        info = status.setdefault("nodeInfo", {})
        for field in _NODE_INFO:
            info.setdefault(field, "")

    def prepare_for_update(self, obj: Obj, old: Obj, scope: Scope, subresource: str = "") -> None:
        """Spec and status change through their own endpoints."""
        part = "spec" if subresource == "status" else "status"
        obj[part] = copy(old.get(part, {}))

    def validate(self, obj: Obj) -> list[FieldError]:
        """Taints and Pod address ranges."""
        spec: Obj = obj.get("spec") or {}
        errors = _taints(spec.get("taints") or (), "metadata.taints")
        for index, text in enumerate(spec.get("podCIDRs") or ()):
            try:
                ipaddress.ip_network(text, strict=False)
            except ValueError:
                wanted = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
                errors.append(field_invalid(f"spec.podCIDRs[{index}]", text, wanted))
        return errors

    def validate_update(self, obj: Obj, old: Obj, subresource: str = "") -> list[FieldError]:
        """Addresses are unique; the address range and the provider's id are set once."""
        errors: list[FieldError] = []
        seen: list[Obj] = []
        for index, address in enumerate(dig(obj, "status", "addresses", default=())):
            if address in seen:
                errors.append(field_duplicate(f"status.addresses[{index}]", address))
            seen.append(address)
        ranges = dig(old, "spec", "podCIDRs", default=[])
        if ranges and ranges != dig(obj, "spec", "podCIDRs", default=[]):
            errors.append(field_forbidden("spec.podCIDRs", 'node updates may not change podCIDR except from "" to valid'))
        provider, old_provider = dig(obj, "spec", "providerID", default=""), dig(old, "spec", "providerID", default="")
        if old_provider and provider != old_provider:
            what = "modified" if provider else "cleared"
            errors.append(field_invalid("spec.providerID", None, f"field cannot be {what} once set"))
        return errors + self.validate(obj)

    def selectable_fields(self, obj: Obj) -> dict[str, str]:
        """`spec.unschedulable`."""
        return {"spec.unschedulable": str(bool(dig(obj, "spec", "unschedulable", default=False))).lower()}


_NODE_INFO = (
    "architecture",
    "bootID",
    "containerRuntimeVersion",
    "kernelVersion",
    "kubeProxyVersion",
    "kubeletVersion",
    "machineID",
    "operatingSystem",
    "osImage",
    "systemUUID",
)


def _taints(taints: Sequence[Obj], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(taints):
        here = f"{path}[{index}]"
        key, value, effect = taint.get("key") or "", taint.get("value") or "", taint.get("effect") or ""
        errors += [field_invalid(f"{here}.key", key, text) for text in names.is_qualified_name(key)]
        errors += [field_invalid(f"{here}.value", value, text) for text in names.is_label_value(value)]
        if not effect:
            errors.append(field_required(f"{here}.effect"))
        elif effect not in TAINT_EFFECTS:
            errors.append(field_unsupported(f"{here}.effect", effect, TAINT_EFFECTS))
        if (key, effect) in seen:
            shown = {"Key": key, "Value": value, "Effect": effect, "TimeAdded": taint.get("timeAdded")}
            duplicate = field_duplicate(here, shown)
            errors.append(replace(duplicate, message=f"{duplicate.message}: taints must be unique by key and effect pair"))
        seen.add((key, effect))
    return errors


STRATEGY = NodeStrategy()
