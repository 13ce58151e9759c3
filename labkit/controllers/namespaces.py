"""The namespace controller: empties a namespace that is to go, and then lets it go.

Upstream: pkg/controller/namespace/deletion/namespaced_resources_deleter.go and status_condition_utils.go. Upstream waits five seconds
before it begins, for the sake of several API servers; here there is one, and nothing to wait for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from labkit.controllers.identity import CONTROLLER_MANAGER, GROUPS, account, name_of_event
from labkit.kube.calls import Delete, Note, Rule, Update, find, list_
from labkit.kube.clock import parse_time, rfc3339
from labkit.kube.controllers import Controller, Event, Source
from labkit.kube.objects import Obj, copy, dig, is_deleted, meta, name_of, uid_of
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, Conflict, NotFound
from labkit.resources.table import KINDS

FINALIZER = "kubernetes"
FINALIZER_ESTIMATE_SECONDS = 15  # how long upstream supposes that somebody's finalizer takes

# The conditions in their order, each with reason and message for when all is well.
_FINE = {
    "NamespaceDeletionDiscoveryFailure": ("ResourcesDiscovered", "All resources successfully discovered"),
    "NamespaceDeletionGroupVersionParsingFailure": ("ParsedGroupVersions", "All legacy kube types successfully parsed"),
    "NamespaceDeletionContentFailure": ("ContentDeleted", "All content successfully deleted, may be waiting on finalization"),
    "NamespaceContentRemaining": ("ContentRemoved", "All content successfully removed"),
    "NamespaceFinalizersRemaining": ("ContentHasNoFinalizers", "All content-preserving finalizers finished"),
}


@dataclass
class _Leftovers:
    """What a pass over the namespace found that it could not remove at once."""

    resources: Counter[str] = field(default_factory=Counter)
    finalizers: Counter[str] = field(default_factory=Counter)
    errors: list[ApiError] = field(default_factory=list)
    estimate: int = 0


def controller() -> Controller:
    """The controller. Its key is the namespace's name."""
    return Controller(
        name="namespace-controller",
        user=account("namespace-controller"),
        groups=GROUPS,
        watches_as=CONTROLLER_MANAGER,
        sources=(Source("namespaces", _keys),),
        sync=sync_namespace,
    )


def _keys(event: Event) -> Iterable[str]:
    if event.type != "DELETED" and is_deleted(event.obj):
        yield from name_of_event(event)


def namespaced_resources() -> tuple[str, ...]:
    """What a namespace may hold that can be deleted: Pods first, since others may need what is beside them to the end."""
    found = [kind.resource for kind in KINDS if kind.namespaced and "delete" in kind.verbs]
    return tuple(sorted(found, key=lambda resource: resource != "pods"))


def sync_namespace(name: str, scope: Scope, resources: Sequence[str] | None = None) -> Rule[float | None]:
    """Empty the namespace `name` if it is to go, and finalize it once nothing is left.

    1. A namespace that is not being deleted is left alone, and so is one that is already finalized.
    2. The Pods go first; while any is left, nothing else is touched.
    3. Then everything else goes. What could not be deleted does not keep the rest from being tried.
    4. The conditions tell how it stands. They are written even when all went well.
    5. With nothing left, the finalizer `kubernetes` is taken away, and the server removes the namespace.

    Returns:
        Seconds until it wants to look again, where Pods or finalizers need time.

    Raises:
        ExceptionGroup: the API's errors; the queue tries again later.
    """
    namespace = yield from find("namespaces", name, live=True)
    if namespace is None or not is_deleted(namespace) or FINALIZER not in dig(namespace, "spec", "finalizers", default=()):
        return None
    deleted_at = parse_time(meta(namespace)["deletionTimestamp"])
    leftovers = _Leftovers()
    for resource in resources if resources is not None else namespaced_resources():
        try:
            yield from _empty(resource, name, deleted_at, scope, leftovers)
        except ApiError as error:
            leftovers.errors.append(error)
        if resource == "pods" and leftovers.resources:
            break
    namespace = yield from _write_conditions(namespace, leftovers, scope)
    if leftovers.errors:
        raise ExceptionGroup(f"content of namespace {name}", leftovers.errors)
    if leftovers.estimate > 0:
        yield Note("NS", "content remains", {"namespace": name, "seconds": leftovers.estimate})
        return leftovers.estimate // 2 + 1
    yield from _finalize(namespace)
    return None


def _empty(resource: str, namespace: str, deleted_at: datetime, scope: Scope, leftovers: _Leftovers) -> Rule[None]:
    """Delete all objects of one resource, and count what stays."""
    items = yield from list_(resource, namespace)
    grace = _grace(items, deleted_at, scope) if resource == "pods" else 0
    for item in items:
        try:
            yield Delete(resource, name_of(item), namespace, uid=uid_of(item), propagation="Background")
        except (NotFound, Conflict):
            continue
    left = yield from list_(resource, namespace)
    if not left:
        return
    leftovers.resources[resource if "." in resource else f"{resource}."] = len(left)
    for item in left:
        leftovers.finalizers.update(meta(item).get("finalizers") or ())
    if grace:
        leftovers.estimate = max(leftovers.estimate, grace)
    elif any(meta(item).get("finalizers") for item in left):
        leftovers.estimate = max(leftovers.estimate, FINALIZER_ESTIMATE_SECONDS)
    else:
        group = resource.partition(".")[2]
        plural = resource.partition(".")[0]
        raise ApiError(f"unexpected items still remain in namespace: {namespace} for gvr: {group}/v1, Resource={plural}")


def _grace(pods: Sequence[Obj], deleted_at: datetime, scope: Scope) -> int:
    """The seconds that running Pods may still take."""
    longest = max(
        (
            int(dig(pod, "spec", "terminationGracePeriodSeconds", default=0))
            for pod in pods
            if dig(pod, "status", "phase") not in ("Succeeded", "Failed")
        ),
        default=0,
    )
    return max(0, longest - int((scope.now - deleted_at).total_seconds()))


def _write_conditions(namespace: Obj, leftovers: _Leftovers, scope: Scope) -> Rule[Obj]:
    """Update the status where a condition changed; the namespace as it then is."""
    changed = copy(namespace)
    status = changed.setdefault("status", {})
    present = {condition["type"]: condition for condition in status.get("conditions") or ()}
    for kind, (reason, message) in _conditions(leftovers).items():
        state = "False" if (reason, message) == _FINE[kind] else "True"
        old = present.get(kind, {})
        since = old["lastTransitionTime"] if old.get("status") == state else rfc3339(scope.now)
        present[kind] = {"lastTransitionTime": since, "message": message, "reason": reason, "status": state, "type": kind}
    status["conditions"] = list(present.values())
    if changed == namespace:
        return namespace
    try:
        updated: Obj = yield Update("namespaces", changed, subresource="status")
    except (NotFound, Conflict):
        return namespace  # a later pass will tell
    return updated


def _conditions(leftovers: _Leftovers) -> dict[str, tuple[str, str]]:
    """Reason and message of each condition."""
    found = dict(_FINE)
    if leftovers.errors:
        texts = ", ".join(sorted(error.message for error in leftovers.errors))
        message = f"Failed to delete all resource types, {len(leftovers.errors)} remaining: {texts}"
        found["NamespaceDeletionContentFailure"] = ("ContentDeletionFailed", message)
    if leftovers.resources:
        texts = ", ".join(sorted(f"{resource} has {count} resource instances" for resource, count in leftovers.resources.items()))
        found["NamespaceContentRemaining"] = ("SomeResourcesRemain", f"Some resources are remaining: {texts}")
    if leftovers.finalizers:
        texts = ", ".join(sorted(f"{finalizer} in {count} resource instances" for finalizer, count in leftovers.finalizers.items()))
        message = f"Some content in the namespace has finalizers remaining: {texts}"
        found["NamespaceFinalizersRemaining"] = ("SomeFinalizersRemain", message)
    return found


def _finalize(namespace: Obj) -> Rule[None]:
    """Take the finalizer away; others, of whoever put them there, stay and keep the namespace."""
    changed = copy(namespace)
    changed["spec"]["finalizers"] = sorted(token for token in set(changed["spec"]["finalizers"]) if token != FINALIZER)
    try:
        yield Update("namespaces", changed, subresource="finalize")
    except NotFound:
        return
    yield Note("NS", "namespace finalized", {"namespace": name_of(namespace)})
