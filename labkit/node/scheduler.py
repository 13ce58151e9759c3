"""The scheduler: gives each new Pod a node that suits it.

Upstream: pkg/scheduler. It does what one node and a few of them need: readiness, taints, `nodeSelector`, cordons. Affinity, topology and
free room are not weighed; every suitable node is as good as another, and the first by name gets the Pod.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from labkit.kube.calls import Create, Patch, Rule, find, list_
from labkit.kube.clock import rfc3339
from labkit.kube.controllers import Controller, Event, Source
from labkit.kube.objects import Obj, copy, dig, is_deleted, labels_of, name_of, namespace_of, uid_of
from labkit.kube.scope import Scope
from labkit.kube.status import Conflict, NotFound
from labkit.node.events import Recorder, reference

USER = "system:kube-scheduler"
NAME = "default-scheduler"
ALL = "*"  # the key that asks for every waiting Pod to be tried again: a node changed
CORDON: Obj = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
REPELLING = ("NoSchedule", "NoExecute")


def controller() -> Controller:
    """The scheduler as a controller. Its Pod cache holds only Pods without a node."""
    recorder = Recorder(NAME, "")
    return Controller(
        name="kube-scheduler",
        user=USER,
        groups=("system:authenticated",),
        sources=(Source("pods", _pod_keys, "spec.nodeName="), Source("nodes", _node_keys)),
        sync=lambda key, scope: sync(key, recorder, scope),
    )


def _pod_keys(event: Event) -> Iterable[str]:
    if event.type != "DELETED":
        yield f"{namespace_of(event.obj)}/{name_of(event.obj)}"


def _node_keys(event: Event) -> Iterable[str]:
    old, new = event.old or {}, event.obj
    if event.type == "DELETED" or (_suitability(old) == _suitability(new)):
        return
    yield ALL


def _suitability(node: Obj) -> tuple[object, object, object]:
    return node.get("spec"), labels_of(node), _is_ready(node)


def sync(key: str, recorder: Recorder, scope: Scope) -> Rule[float | None]:
    """Bind one Pod (`namespace/name`), or every Pod that waits (`*`)."""
    if key == ALL:
        waiting = yield from list_("pods")
        for pod in waiting:
            yield from schedule(pod, recorder, scope)
        return None
    namespace, _, name = key.partition("/")
    found = yield from find("pods", name, namespace)
    if found is not None:
        yield from schedule(found, recorder, scope)
    return None


def schedule(pod: Obj, recorder: Recorder, scope: Scope) -> Rule[None]:
    """Give the Pod a node.

    1. A Pod that has one, that is on its way out, or that asks for another scheduler is left alone.
    2. The first suitable node gets it, by a Binding, and an event says so.
    3. Where none is suitable, the PodScheduled condition and an event say why; a change of a node brings the Pod back.
    """
    spec = pod.get("spec") or {}
    if spec.get("nodeName") or is_deleted(pod) or spec.get("schedulerName", NAME) != NAME or spec.get("schedulingGates"):
        return
    nodes = yield from list_("nodes")
    reasons = [(node, _obstacle(pod, node)) for node in nodes]
    chosen = next((node for node, reason in reasons if not reason), None)
    if chosen is None:
        yield from _unschedulable(pod, [reason for _, reason in reasons], recorder, scope)
        return
    target = name_of(chosen)
    binding: Obj = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": {"name": name_of(pod), "namespace": namespace_of(pod), "uid": uid_of(pod)},
        "target": {"kind": "Node", "name": target},
    }
    try:
        yield Create("pods", binding, namespace_of(pod), name_of(pod), "binding")
    except (NotFound, Conflict):
        return  # the Pod is gone, or somebody bound it; the cache will hear of it
    message = f"Successfully assigned {namespace_of(pod)}/{name_of(pod)} to {target}"
    yield from recorder.record(reference("Pod", pod), "Normal", "Scheduled", message, scope)


def _obstacle(pod: Obj, node: Obj) -> str:
    """Why the Pod may not run on the node, in upstream's words; empty if it may."""
    spec = pod.get("spec") or {}
    tolerations: Sequence[Obj] = spec.get("tolerations") or ()
    taints = [taint for taint in dig(node, "spec", "taints", default=[]) if taint.get("effect") in REPELLING]
    if dig(node, "spec", "unschedulable") and not _tolerated(CORDON, tolerations):
        return "node(s) were unschedulable"
    if any(not _tolerated(taint, tolerations) for taint in taints):
        return "node(s) had untolerated taint(s)"
    labels = labels_of(node)
    if any(labels.get(key) != value for key, value in (spec.get("nodeSelector") or {}).items()):
        return "node(s) didn't match Pod's node affinity/selector"
    return ""


def _tolerated(taint: Obj, tolerations: Iterable[Obj]) -> bool:
    for toleration in tolerations:
        if toleration.get("effect") not in (None, "", taint.get("effect")):
            continue
        if toleration.get("key") not in (None, "", taint.get("key")):
            continue
        if toleration.get("operator") == "Exists" or (toleration.get("key") and toleration.get("value", "") == taint.get("value", "")):
            return True
    return False


def _is_ready(node: Obj) -> bool:
    return any(one.get("type") == "Ready" and one.get("status") == "True" for one in dig(node, "status", "conditions", default=[]))


def _unschedulable(pod: Obj, reasons: Sequence[str], recorder: Recorder, scope: Scope) -> Rule[None]:
    if reasons:
        why = ", ".join(sorted(f"{count} {reason}" for reason, count in Counter(reasons).items()))
        helpless = f"preemption: 0/{len(reasons)} nodes are available: {len(reasons)} Preemption is not helpful for scheduling."
        message = f"0/{len(reasons)} nodes are available: {why}. no new claims to deallocate, {helpless}"
    else:
        message = "no nodes available to schedule pods"
    conditions: list[Obj] = dig(pod, "status", "conditions", default=[])
    before = next((one for one in conditions if one.get("type") == "PodScheduled"), {})
    if before.get("message") == message:
        return
    condition: Obj = {
        "lastProbeTime": None,
        "lastTransitionTime": before.get("lastTransitionTime") or rfc3339(scope.now),
        "message": message,
        "observedGeneration": dig(pod, "metadata", "generation", default=1),
        "reason": "Unschedulable",
        "status": "False",
        "type": "PodScheduled",
    }
    others = [copy(one) for one in conditions if one.get("type") != "PodScheduled"]
    body: Obj = {"metadata": {"uid": uid_of(pod)}, "status": {"conditions": [*others, condition]}}
    yield Patch("pods", name_of(pod), body, namespace_of(pod), "status", field_manager="kube-scheduler")
    yield from recorder.record(reference("Pod", pod), "Warning", "FailedScheduling", message, scope)
