"""DefaultTolerationSeconds: a Pod stays five minutes on a node that is not ready or cannot be reached.

Upstream: plugin/pkg/admission/defaulttolerationseconds/admission.go.
"""

from __future__ import annotations

from labkit.admission.request import AdmissionRequest, Plugin
from labkit.kube.calls import Rule
from labkit.kube.objects import Obj
from labkit.kube.scope import Scope

KEYS = ("node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable")
SECONDS = 300


class DefaultTolerationSeconds(Plugin):
    """Adds the two tolerations where the Pod does not have its own."""

    name = "DefaultTolerationSeconds"

    def admit(self, request: AdmissionRequest, obj: Obj, scope: Scope) -> Rule[Obj]:
        """On create and update of a Pod: append each toleration that no toleration of the Pod covers."""
        yield from ()
        if request.resource != "pods" or request.subresource or request.operation not in ("CREATE", "UPDATE"):
            return obj
        spec = obj.get("spec") or {}
        present = spec.get("tolerations") or []
        missing = [key for key in KEYS if not any(_covers(toleration, key) for toleration in present)]
        if not missing:
            return obj
        added = [{"key": key, "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": SECONDS} for key in missing]
        return {**obj, "spec": {**spec, "tolerations": [*present, *added]}}


def _covers(toleration: Obj, key: str) -> bool:
    return toleration.get("key", "") in (key, "") and toleration.get("effect", "") in ("NoExecute", "")
