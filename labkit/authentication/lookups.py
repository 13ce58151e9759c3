"""Reading what a token refers to: from the cache, and past it on a miss (AUT-28; pkg/controller/serviceaccount/tokengetter.go)."""

from __future__ import annotations

from labkit.kube.calls import Rule, find, get
from labkit.kube.objects import Obj
from labkit.kube.status import ApiError


def read(resource: str, name: str, namespace: str = "") -> Rule[Obj]:
    """The object.

    Raises:
        ApiError: it cannot be read.
    """
    if not name:
        raise ApiError("resource name may not be empty")
    found = yield from find(resource, name, namespace)
    if found is None:
        found = yield from get(resource, name, namespace, live=True)
    return found


def read_or_none(resource: str, name: str, namespace: str = "") -> Rule[Obj | None]:
    """The object, or None where it cannot be read, for whatever reason."""
    try:
        return (yield from read(resource, name, namespace))
    except ApiError:
        return None


__all__ = ["read", "read_or_none"]
