"""A table that answers what a rule asks: objects by resource, namespace and name."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from labkit.kube.calls import Call, Get, Patch, Sign
from labkit.kube.objects import Obj, name_of, namespace_of
from labkit.kube.scope import Scope
from labkit.kube.status import not_found
from labkit.kube.users import UserInfo
from labkit.kube.versions import Era
from labkit.machinery.randomness import SeededRandomness

NOW = datetime.fromtimestamp(1514764800, UTC)


class World:
    """Answers `Get` from what there is and `Sign` with a text, records patches, and fails on anything else."""

    def __init__(self, objects: Iterable[tuple[str, Obj]] = (), sign: Callable[[Sign], str] = lambda call: "signed") -> None:
        self.objects = {(resource, namespace_of(obj), name_of(obj)): obj for resource, obj in objects}
        self.sign = sign
        self.signed: list[Obj] = []
        self.patches: list[Patch] = []

    def __call__(self, call: Call) -> Any:
        match call:
            case Get():
                found = self.objects.get((call.resource, call.namespace, call.name))
                if found is None:
                    raise not_found(call.resource, call.name)
                return found
            case Sign():
                self.signed.append(dict(call.payload))
                return self.sign(call)
            case Patch():
                self.patches.append(call)
                return {}
        raise AssertionError(call)


def scope(version: str = "1.37", now: datetime = NOW, **gates: bool) -> Scope:
    """A request's surroundings at a fixed time, in an era."""
    return Scope(now, Era(version, gates), SeededRandomness(1), UserInfo("me"))
