"""NamespaceLifecycle: nothing new enters a namespace that is missing or on its way out; three namespaces stay for ever.

Upstream: apiserver/pkg/admission/plugin/namespace/lifecycle/admission.go.
"""

from __future__ import annotations

from labkit.admission.request import AdmissionRequest, Plugin
from labkit.kube.calls import Rule, get
from labkit.kube.objects import Obj, dig
from labkit.kube.scope import Scope
from labkit.kube.status import forbidden

IMMORTAL = frozenset({"default", "kube-public", "kube-system"})
TERMINATING_CAUSE = "NamespaceTerminating"
# Their answers tell nothing of a namespace, not even whether it exists.
_ACCESS_REVIEWS = ("localsubjectaccessreviews.authorization.k8s.io",)


class NamespaceLifecycle(Plugin):
    """Refuses creations in namespaces that cannot take them, and the deletion of namespaces that a cluster needs."""

    name = "NamespaceLifecycle"

    def admit(self, request: AdmissionRequest, obj: Obj, scope: Scope) -> Rule[Obj]:
        """A create needs a namespace that exists (404 otherwise) and is not terminating (403, with the cause NamespaceTerminating)."""
        wanted = request.operation == "CREATE" and request.namespace and not request.is_namespace
        if not wanted or request.resource in _ACCESS_REVIEWS:
            return obj
        namespace = yield from get("namespaces", request.namespace)
        if dig(namespace, "status", "phase") == "Terminating":
            name = request.namespace
            error = request.refuse(f"unable to create new content in namespace {name} because it is being terminated")
            cause = {"reason": TERMINATING_CAUSE, "message": f"namespace {name} is being terminated", "field": "metadata.namespace"}
            error.details["causes"] = [cause]
            raise error
        return obj

    def validate(self, request: AdmissionRequest, scope: Scope) -> Rule[None]:
        """An immortal namespace is not deleted."""
        yield from ()
        if request.operation == "DELETE" and request.is_namespace and request.name in IMMORTAL:
            raise forbidden(request.resource, request.name, "this namespace may not be deleted")
