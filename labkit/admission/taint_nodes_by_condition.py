"""TaintNodesByCondition: a new node takes no Pods until it has been seen ready (plugin/pkg/admission/nodetaint/admission.go)."""

from __future__ import annotations

from labkit.admission.request import AdmissionRequest, Plugin
from labkit.kube.calls import Rule
from labkit.kube.objects import Obj
from labkit.kube.scope import Scope

NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


class TaintNodesByCondition(Plugin):
    """Puts the taint `node.kubernetes.io/not-ready` on nodes that are created; the node lifecycle controller takes it away."""

    name = "TaintNodesByCondition"

    def admit(self, request: AdmissionRequest, obj: Obj, scope: Scope) -> Rule[Obj]:
        """On create of a Node: append the taint unless it is there."""
        yield from ()
        if request.resource != "nodes" or request.subresource or request.operation != "CREATE":
            return obj
        spec = obj.get("spec") or {}
        taints = spec.get("taints") or []
        if any((taint.get("key"), taint.get("effect")) == (NOT_READY["key"], NOT_READY["effect"]) for taint in taints):
            return obj
        return {**obj, "spec": {**spec, "taints": [*taints, dict(NOT_READY)]}}
