"""Wire objects: plain dicts as JSON has them, and the few questions that everybody asks of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

Obj: TypeAlias = dict[str, Any]


def copy(value: Any) -> Any:
    """A deep copy of a JSON value. Quicker than `copy.deepcopy`, which has to expect more than JSON."""
    if isinstance(value, dict):
        return {key: copy(item) for key, item in value.items()}
    if isinstance(value, list):
        return [copy(item) for item in value]
    return value


def meta(obj: Mapping[str, Any]) -> Obj:
    """The metadata, or an empty dict that is not part of the object."""
    found = obj.get("metadata")
    return found if isinstance(found, dict) else {}


def name_of(obj: Mapping[str, Any]) -> str:
    """`metadata.name`, or an empty string."""
    return str(meta(obj).get("name") or "")


def namespace_of(obj: Mapping[str, Any]) -> str:
    """`metadata.namespace`, or an empty string."""
    return str(meta(obj).get("namespace") or "")


def uid_of(obj: Mapping[str, Any]) -> str:
    """`metadata.uid`, or an empty string."""
    return str(meta(obj).get("uid") or "")


def annotations_of(obj: Mapping[str, Any]) -> dict[str, str]:
    """`metadata.annotations`, or an empty dict that is not part of the object."""
    return meta(obj).get("annotations") or {}


def labels_of(obj: Mapping[str, Any]) -> dict[str, str]:
    """`metadata.labels`, or an empty dict that is not part of the object."""
    return meta(obj).get("labels") or {}


def is_deleted(obj: Mapping[str, Any]) -> bool:
    """Whether a deletion has been asked for; the object may live on for finalizers or for its grace period."""
    return bool(meta(obj).get("deletionTimestamp"))


def dig(value: Any, *path: str | int, default: Any = None) -> Any:
    """The value at `path`, or `default` where a step is missing or null."""
    for step in path:
        if isinstance(value, list) and isinstance(step, int) and -len(value) <= step < len(value):
            value = value[step]
        elif isinstance(value, Mapping):
            value = value.get(step)
        else:
            return default
    return default if value is None else value
