"""The garbage collector: what belongs to something that is gone goes too (pkg/controller/garbagecollector).

Upstream watches every resource and keeps a graph; here the index `owner` is the graph. A key is the uid of an owner that is gone or waits
for its dependents, or the identity of a dependent that has to prove that an owner of it is still there. Dependents are looked for among
the kinds that the table knows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence

from labkit.controllers.identity import CONTROLLER_MANAGER, GROUPS, account
from labkit.kube.calls import Delete, Note, Patch, Rule, find, list_
from labkit.kube.controllers import Controller, Event, Source
from labkit.kube.objects import Obj, is_deleted, meta, name_of, namespace_of, uid_of
from labkit.kube.scope import Scope
from labkit.kube.status import Conflict, NotFound
from labkit.resources.table import KINDS

FOREGROUND, ORPHAN = "foregroundDeletion", "orphan"
# Events belong to nothing and are many; upstream ignores them as well.
_RESOURCES = {
    (kind.api_version, kind.kind): kind for kind in KINDS if {"delete", "list", "watch"} <= set(kind.verbs) and kind.kind != "Event"
}


def controller() -> Controller:
    """The controller, over every kind that can be listed and deleted."""
    return Controller(
        name="garbage-collector-controller",
        user=account("generic-garbage-collector"),
        groups=GROUPS,
        watches_as=CONTROLLER_MANAGER,
        sources=tuple(Source(kind.resource, _keys_of(kind.resource)) for kind in _RESOURCES.values()),
        sync=sync,
    )


def _keys_of(resource: str) -> Callable[[Event], Iterable[str]]:
    """The keys that an event of one resource gives."""

    def keys(event: Event) -> Iterable[str]:
        obj = event.obj
        if event.type == "DELETED":
            yield json.dumps(("gone", uid_of(obj)))
            for owner in meta(obj).get("ownerReferences") or ():
                yield from _waiting_key(owner, namespace_of(obj))  # others may wait for this one to be gone
            return
        if is_deleted(obj) and {FOREGROUND, ORPHAN} & set(meta(obj).get("finalizers") or ()):
            yield json.dumps(("waits", resource, namespace_of(obj), name_of(obj)))
        if meta(obj).get("ownerReferences"):
            yield json.dumps(("owned", resource, namespace_of(obj), name_of(obj)))

    return keys


def _waiting_key(owner: Obj, namespace: str) -> Iterable[str]:
    kind = _RESOURCES.get((owner.get("apiVersion", ""), owner.get("kind", "")))
    if kind is not None:
        yield json.dumps(("waits", kind.resource, namespace if kind.namespaced else "", owner.get("name", "")))


def sync(key: str, _scope: Scope) -> Rule[float | None]:
    """Make one key right: collect the dependents of what is gone, look after an owner that waits, or judge one dependent."""
    what, *parts = json.loads(key)
    match what:
        case "gone":
            for resource, item in (yield from _dependents(parts[0])):
                yield from judge(resource, namespace_of(item), name_of(item))
        case "waits":
            yield from finish(*parts)
        case _:
            yield from judge(*parts)
    return None


def judge(resource: str, namespace: str, name: str) -> Rule[None]:
    """Delete an object whose owners are all gone.

    1. An owner counts as there if an object of its kind, name and uid exists. A namespaced owner is looked for in the same namespace.
    2. With an owner left, only the references to those that are gone are removed.
    3. With none left, the object is deleted, in the background unless its own finalizers say otherwise.
    """
    item = yield from find(resource, name, namespace)
    if item is None or is_deleted(item):
        return
    owners = meta(item).get("ownerReferences") or []
    there, gone, waiting = [], [], []
    for owner in owners:
        found = yield from _owner(owner, namespace)
        if found is None:
            gone.append(owner)
        elif is_deleted(found) and FOREGROUND in (meta(found).get("finalizers") or ()):
            waiting.append(owner)
        else:
            there.append(owner)
    if there and (gone or waiting):
        removed = [{"$patch": "delete", "uid": owner["uid"]} for owner in (*gone, *waiting)]
        yield from _try(_patch_metadata(resource, item, {"ownerReferences": removed}))
    elif not there and owners:
        yield Note("GC", "no owner is left", {"resource": resource, "name": name})
        policy = "Foreground" if waiting else "Background"
        yield from _try(_delete(resource, item, policy))


def finish(resource: str, namespace: str, name: str) -> Rule[None]:
    """Look after an owner that is being deleted and waits for its dependents.

    With the finalizer `orphan`, the dependents lose their references to it. With `foregroundDeletion`, they are deleted first, and those
    that block its deletion have to be gone. Then the finalizer is taken away.
    """
    owner = yield from find(resource, name, namespace)
    finalizers = meta(owner).get("finalizers") or [] if owner is not None else []
    if owner is None or not is_deleted(owner):
        return
    dependents = yield from _dependents(uid_of(owner))
    if ORPHAN in finalizers:
        removed = {"ownerReferences": [{"$patch": "delete", "uid": uid_of(owner)}]}
        for dependent, item in dependents:
            yield from _try(_patch_metadata(dependent, item, removed))
        yield from _try(_without_finalizer(resource, owner, ORPHAN))
    elif FOREGROUND in finalizers:
        for dependent, item in dependents:
            yield from judge(dependent, namespace_of(item), name_of(item))
        left = yield from _dependents(uid_of(owner))
        if not any(_blocks(item, uid_of(owner)) for _, item in left):
            yield from _try(_without_finalizer(resource, owner, FOREGROUND))


def _dependents(uid: str) -> Rule[Sequence[tuple[str, Obj]]]:
    found: list[tuple[str, Obj]] = []
    for kind in _RESOURCES.values():
        found += [(kind.resource, item) for item in (yield from list_(kind.resource, index=("owner", uid)))]
    return found


def _owner(owner: Obj, namespace: str) -> Rule[Obj | None]:
    """The owner, read past the cache: nobody is deleted on stale news. An owner of a kind that nobody knows counts as there."""
    kind = _RESOURCES.get((owner.get("apiVersion", ""), owner.get("kind", "")))
    if kind is None:
        return owner
    found = yield from find(kind.resource, owner.get("name", ""), namespace if kind.namespaced else "", live=True)
    return found if found is not None and uid_of(found) == owner.get("uid") else None


def _blocks(item: Obj, uid: str) -> bool:
    return any(owner.get("uid") == uid and owner.get("blockOwnerDeletion") for owner in meta(item).get("ownerReferences") or ())


def _patch_metadata(resource: str, item: Obj, metadata: Obj) -> Rule[None]:
    body = {"metadata": {"uid": uid_of(item), **metadata}}
    yield Patch(resource, name_of(item), body, namespace_of(item), content_type="application/strategic-merge-patch+json")


def _without_finalizer(resource: str, item: Obj, finalizer: str) -> Rule[None]:
    kept = [name for name in meta(item).get("finalizers") or () if name != finalizer]
    body = {"metadata": {"resourceVersion": meta(item).get("resourceVersion", ""), "finalizers": kept}}
    yield Patch(resource, name_of(item), body, namespace_of(item))


def _delete(resource: str, item: Obj, policy: str) -> Rule[None]:
    version = meta(item).get("resourceVersion", "")
    yield Delete(resource, name_of(item), namespace_of(item), uid=uid_of(item), resource_version=version, propagation=policy)


def _try(rule: Rule[None]) -> Rule[None]:
    """Do it; that the object is gone or has changed meanwhile is no failure, its own event brings it here again."""
    try:
        yield from rule
    except (NotFound, Conflict):
        return
