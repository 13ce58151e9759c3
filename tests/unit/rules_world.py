"""A world for rules: it answers calls from the objects it holds, and records what was asked of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from labkit.kube.calls import Call, Create, Delete, Get, List, Patch, Rule, Sign, Sleep, Update
from labkit.kube.objects import Obj, meta, name_of, namespace_of, uid_of
from labkit.kube.patches import merge_patch, strategic_merge_patch
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, Conflict, already_exists, not_found
from labkit.kube.users import UserInfo
from labkit.kube.versions import Era
from labkit.machinery.drivers import run
from labkit.resources.indexes import indexes_of
from labkit.resources.merge_keys import lookup

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
ALICE = UserInfo("alice", ("dev", "system:authenticated"))


class Numbers:
    """Randomness that always gives the lowest number, and uids that count."""

    def __init__(self) -> None:
        self.uids = 0

    def below(self, limit: int) -> int:
        return 0

    def uuid(self) -> str:
        self.uids += 1
        return f"uid-{self.uids}"


def scope(user: UserInfo = ALICE, version: str = "1.37", gates: Mapping[str, bool] | None = None, now: datetime = NOW) -> Scope:
    """The surroundings of a request."""
    return Scope(now, Era(version, gates or {}), Numbers(), user)


def obj(name: str, namespace: str = "", **fields: Any) -> Obj:
    """An object; its `uid` and other fields of its metadata (`metadata={…}`) may be given."""
    found: Obj = {"metadata": {"name": name}}
    if namespace:
        found["metadata"]["namespace"] = namespace
    found["metadata"]["uid"] = fields.pop("uid", f"{name}-uid")
    found["metadata"] |= fields.pop("metadata", {})
    return found | fields


class World:
    """Holds objects by resource. `cached` hides objects from reads past the cache, `live` from reads through it.

    `refuse` maps `(verb, resource)` to the error that such a call meets. `actions` lists the writes and the live reads.
    """

    def __init__(self, objects: Mapping[str, Iterable[Obj]] | None = None) -> None:
        self.objects: dict[str, dict[tuple[str, str], Obj]] = {}
        self.live: dict[str, dict[tuple[str, str], Obj | None]] = {}
        self.refuse: dict[tuple[str, str], ApiError] = {}
        self.actions: list[tuple[str, str, str]] = []
        self.bodies: list[Any] = []
        self.calls: list[Call] = []
        for resource, items in (objects or {}).items():
            for item in items:
                self.objects.setdefault(resource, {})[namespace_of(item), name_of(item)] = item

    def run(self, rule: Rule[Any]) -> Any:
        """Drive a rule in this world."""
        return run(rule, self)

    def stored(self, resource: str, name: str, namespace: str = "") -> Obj:
        """An object that must be there."""
        return self.objects[resource][namespace, name]

    def __call__(self, call: Call) -> Any:
        self.calls.append(call)
        match call:
            case Get():
                return self._get(call)
            case List():
                return self._list(call)
            case Sleep():
                return None
            case Sign():
                return "ABC"
            case Create() | Update() | Patch() | Delete():
                return self._write(call)
        raise AssertionError(f"an unexpected call: {call}")

    def _get(self, call: Get) -> Obj:
        key = (call.namespace, call.name)
        found = self.objects.get(call.resource, {}).get(key)
        if call.live:
            self.actions.append(("get", call.resource, call.name))
            found = self.live.get(call.resource, {}).get(key, found)
        if ("get", call.resource) in self.refuse:
            raise self.refuse["get", call.resource]
        if found is None:
            raise not_found(call.resource, call.name)
        return found

    def _list(self, call: List) -> list[Obj]:
        found = sorted(self.objects.get(call.resource, {}).items())
        items = [item for (namespace, _), item in found if not call.namespace or namespace == call.namespace]
        if call.index is not None:
            name, value = call.index
            items = [item for item in items if value in indexes_of(call.resource)[name](item)]
        return items

    def _write(self, call: Create | Update | Patch | Delete) -> Obj:
        verb = type(call).__name__.lower()
        body = None if isinstance(call, Delete) else call.body
        name = call.name if isinstance(call, Patch | Delete) else name_of(call.body)
        subresource = "" if isinstance(call, Delete) or not call.subresource else f"/{call.subresource}"
        self.actions.append((verb, f"{call.resource}{subresource}", name))
        self.bodies.append(body)
        if (verb, call.resource) in self.refuse:
            raise self.refuse[verb, call.resource]
        kept, key = self.objects.setdefault(call.resource, {}), (call.namespace, name)
        if isinstance(call, Create):
            if key in kept:
                raise already_exists(call.resource, name)
            kept[key] = call.body
            return call.body
        if key not in kept:
            raise not_found(call.resource, name)
        if isinstance(call, Delete):
            if call.uid and call.uid != uid_of(kept[key]):
                raise Conflict("another uid")
            return self._deleted(kept, key)
        if isinstance(call, Patch):
            strategic = call.content_type == "application/strategic-merge-patch+json"
            kept[key] = strategic_merge_patch(kept[key], call.body, "v1.Pod", lookup) if strategic else merge_patch(kept[key], call.body)
        else:
            kept[key] = call.body
        return kept[key]

    @staticmethod
    def _deleted(kept: dict[tuple[str, str], Obj], key: tuple[str, str]) -> Obj:
        found = kept[key]
        if meta(found).get("finalizers"):
            kept[key] = {**found, "metadata": {**meta(found), "deletionTimestamp": "2026-11-22T12:00:00Z"}}
            return kept[key]
        return kept.pop(key)
