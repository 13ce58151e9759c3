"""Judging what a container asks for: names of resources, amounts, requests and limits (validateResourceRequirements)."""

from __future__ import annotations

from labkit.kube import names
from labkit.kube.objects import Obj
from labkit.kube.status import FieldError, field_invalid, field_required
from labkit.resources.quantities import canonical, parse

_CONTAINER_RESOURCES = frozenset({"cpu", "memory", "ephemeral-storage"})
_QUOTA_RESOURCES = frozenset(
    {
        *(f"{part}.{name}" for part in ("limits", "requests") for name in _CONTAINER_RESOURCES),
        *("pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims"),
        *("storage", "requests.storage", "services.nodeports", "services.loadbalancers"),
    }
)


def validate_resources(resources: Obj, path: str) -> list[FieldError]:
    """Requests and limits: names, no negative amounts, and no request above its limit."""
    errors: list[FieldError] = []
    limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
    for part, amounts in (("limits", limits), ("requests", requests)):
        for name in sorted(amounts):
            here, amount = f"{path}.{part}[{name}]", amounts[name]
            errors += _resource_name(name, here)
            if parse(amount) < 0:
                errors.append(field_invalid(here, canonical(amount), "must be greater than or equal to 0"))
            if part == "requests" and name in limits:
                errors += _within_limit(name, amount, limits[name], f"{path}.requests")
            elif part == "requests" and not _may_exceed(name):
                errors.append(field_required(f"{path}.limits", "Limit must be set for non overcommitable resources"))
    return errors


def _within_limit(name: str, amount: str, limit: str, path: str) -> list[FieldError]:
    asked, granted = parse(amount), parse(limit)
    if asked != granted and not _may_exceed(name):
        return [field_invalid(path, canonical(amount), f"must be equal to {name} limit of {canonical(limit)}")]
    if asked > granted:
        return [field_invalid(path, canonical(amount), f"must be less than or equal to {name} limit of {canonical(limit)}")]
    return []


def _may_exceed(name: str) -> bool:
    """Whether limits may be larger than what is there: not for huge pages and other people's resources."""
    return ("/" not in name or "kubernetes.io/" in name) and not name.startswith("hugepages-")


def _resource_name(name: str, path: str) -> list[FieldError]:
    errors = [field_invalid(path, name, text) for text in names.is_qualified_name(name)]
    if "/" in name or name in _CONTAINER_RESOURCES or name.startswith("hugepages-"):
        return errors
    if not errors and name not in _QUOTA_RESOURCES:
        errors.append(field_invalid(path, name, "must be a standard resource type or fully qualified"))
    return [*errors, field_invalid(path, name, "must be a standard resource for containers")]


__all__ = ["validate_resources"]
