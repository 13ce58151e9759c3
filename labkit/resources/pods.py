"""Pods: what the server sets and keeps, and who judges what (pkg/registry/core/pod/strategy.go)."""

from __future__ import annotations

from collections.abc import Sequence

from labkit.kube import names
from labkit.kube.objects import Obj, copy, dig, name_of
from labkit.kube.scope import Scope
from labkit.kube.status import BadRequest, FieldError
from labkit.resources.kinds import Strategy
from labkit.resources.pod_defaults import default_pod, qos_class


class PodStrategy(Strategy):
    """Pods. Most of a spec is fixed once it is stored; status belongs to the kubelet."""

    def default(self, obj: Obj) -> None:
        """v1 defaulting.

        Raises:
            BadRequest: an amount of a resource cannot be read; upstream notices when it decodes.
        """
        try:
            default_pod(obj)
        except ValueError as error:
            raise BadRequest(f'Pod in version "v1" cannot be handled as a Pod: {error}') from error

    def prepare_for_create(self, obj: Obj, scope: Scope) -> None:
        """Generation 1 and an empty status: Pending, with its quality-of-service class."""
        obj.setdefault("metadata", {})["generation"] = 1
        obj["status"] = {"phase": "Pending"}
        if dig(obj, "spec", "schedulingGates"):
            obj["status"]["conditions"] = [dict(GATED)]
        obj["status"]["qosClass"] = qos_class(obj)

    def prepare_for_update(self, obj: Obj, old: Obj, scope: Scope, subresource: str = "") -> None:
        """Each endpoint changes its own part; a changed spec counts the generation up."""
        if subresource == "status":
            obj["spec"] = copy(old.get("spec", {}))
            _restore(obj, old, (*_SERVER_META, "generation"))
            status = obj.setdefault("status", {})
            status["qosClass"] = status.get("qosClass") or dig(old, "status", "qosClass", default="")
            return
        obj["status"] = copy(old.get("status", {}))
        if subresource == "ephemeralcontainers":
            ephemeral = dig(obj, "spec", "ephemeralContainers", default=[])
            obj["spec"] = copy(old.get("spec", {}))
            if ephemeral or "ephemeralContainers" in obj["spec"]:
                obj["spec"]["ephemeralContainers"] = ephemeral
            _restore(obj, old, (*_SERVER_META, "labels", "annotations", "finalizers"))
        generation = dig(old, "metadata", "generation", default=0)
        obj["metadata"]["generation"] = generation + (obj.get("spec") != old.get("spec"))

    def validate(self, obj: Obj) -> list[FieldError]:
        """A new Pod (VAL-7 to VAL-14)."""
        from labkit.resources.pod_validation import validate_pod

        return validate_pod(obj)

    def validate_update(self, obj: Obj, old: Obj, subresource: str = "") -> list[FieldError]:
        """A changed Pod (VAL-8)."""
        from labkit.resources.pod_validation import validate_ephemeral_update, validate_pod_update, validate_status_update

        if subresource == "status":
            return validate_status_update(obj, old)
        if subresource == "ephemeralcontainers":
            return validate_ephemeral_update(obj, old)
        return validate_pod_update(obj, old)

    def warnings(self, obj: Obj, old: Obj | None, scope: Scope) -> Sequence[str]:
        """A name that is no label, and what `pod_warnings` finds; on create only."""
        if old is not None:
            return ()
        from labkit.resources.pod_warnings import pod_warnings

        found: list[str] = []
        if complaints := names.is_label(name_of(obj)):
            advice = "this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended"
            found.append(f"metadata.name: {advice}: [{' '.join(complaints)}]")
        return [*found, *pod_warnings(obj)]

    def selectable_fields(self, obj: Obj) -> dict[str, str]:
        """The fields that schedulers, kubelets and people select Pods by."""
        addresses = dig(obj, "status", "podIPs", default=[])
        return {
            "spec.nodeName": dig(obj, "spec", "nodeName", default=""),
            "spec.restartPolicy": dig(obj, "spec", "restartPolicy", default=""),
            "spec.schedulerName": dig(obj, "spec", "schedulerName", default=""),
            "spec.serviceAccountName": dig(obj, "spec", "serviceAccountName", default=""),
            "spec.hostNetwork": str(bool(dig(obj, "spec", "hostNetwork", default=False))).lower(),
            "status.phase": dig(obj, "status", "phase", default=""),
            "status.podIP": addresses[0].get("ip", "") if addresses else "",
            "status.nominatedNodeName": dig(obj, "status", "nominatedNodeName", default=""),
        }


_SERVER_META = ("deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences")
GATED: Obj = {
    "type": "PodScheduled",
    "status": "False",
    "lastProbeTime": None,
    "lastTransitionTime": None,
    "reason": "SchedulingGated",
    "message": "Scheduling is blocked due to non-empty scheduling gates",
}


def grace_period(pod: Obj, asked: int | None) -> int:
    """How many seconds a deletion leaves a Pod: what was asked or what its spec says; none if it was never scheduled or has ended.

    Source: podStrategy.CheckGracefulDelete.
    """
    seconds = asked if asked is not None else dig(pod, "spec", "terminationGracePeriodSeconds", default=0)
    if not dig(pod, "spec", "nodeName") or dig(pod, "status", "phase") in {"Failed", "Succeeded"}:
        return 0
    return 1 if seconds < 0 else int(seconds)


def _restore(obj: Obj, old: Obj, fields: Sequence[str]) -> None:
    metadata, before = obj.setdefault("metadata", {}), old.get("metadata") or {}
    for field in fields:
        if field in before:
            metadata[field] = copy(before[field])
        else:
            metadata.pop(field, None)


STRATEGY = PodStrategy()
