"""Priority: every Pod gets the number that its priority class stands for (plugin/pkg/admission/priority/admission.go).

PriorityClass objects are not served; the two classes that every cluster has are known here.
"""

from __future__ import annotations

from labkit.admission.request import AdmissionRequest, Plugin
from labkit.kube.calls import Rule
from labkit.kube.objects import Obj
from labkit.kube.scope import Scope

SYSTEM_CLASSES = {"system-cluster-critical": 2_000_000_000, "system-node-critical": 2_000_001_000}
DEFAULT_PRIORITY = 0
PREEMPTION_POLICY = "PreemptLowerPriority"


class Priority(Plugin):
    """Sets `spec.priority` and `spec.preemptionPolicy` of new Pods, which nobody may choose freely."""

    name = "Priority"

    def admit(self, request: AdmissionRequest, obj: Obj, scope: Scope) -> Rule[Obj]:
        """On create of a Pod: compute both, and refuse an unknown class or other values than the computed ones."""
        yield from ()
        if request.resource != "pods" or request.subresource or request.operation != "CREATE":
            return obj
        spec = obj.get("spec") or {}
        name = spec.get("priorityClassName") or ""
        if name and name not in SYSTEM_CLASSES:
            raise request.refuse(f"no PriorityClass with name {name} was found")
        priority = SYSTEM_CLASSES.get(name, DEFAULT_PRIORITY)
        if spec.get("priority") not in (None, priority):
            raise request.refuse(
                f"the integer value of priority ({spec['priority']}) must not be provided in pod spec; "
                f"priority admission controller computed {priority} from the given PriorityClass name"
            )
        if spec.get("preemptionPolicy") not in (None, PREEMPTION_POLICY):
            raise request.refuse(
                f"the string value of PreemptionPolicy ({spec['preemptionPolicy']}) must not be provided in pod spec; "
                f"priority admission controller computed {PREEMPTION_POLICY} from the given PriorityClass name"
            )
        return {**obj, "spec": {**spec, "priority": priority, "preemptionPolicy": PREEMPTION_POLICY}}
