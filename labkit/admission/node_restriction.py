"""NodeRestriction: what a node writes is its own: itself, its lease, its Pods' status, tokens for its Pods (NOD-1 to NOD-5).

Upstream: plugin/pkg/admission/noderestriction/admission.go. All of it belongs to the mutating pass; only deletions, which carry no object,
are judged in the other one. So a TokenRequest is seen before the server fills in audiences, name and uid.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from labkit.admission.node_audience import audience_complaint
from labkit.admission.request import AdmissionRequest, Plugin
from labkit.kube.calls import Rule, find, get
from labkit.kube.objects import Obj, annotations_of, dig, labels_of, meta, name_of, uid_of
from labkit.kube.scope import Scope
from labkit.kube.status import NotFound
from labkit.resources.pod_references import config_map_names, projected_sources, secret_names, volumes

LEASE_NAMESPACE = "kube-node-lease"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
RESTRICTED_LABELS = "node-restriction.kubernetes.io"
KUBELET_LABELS = frozenset(
    {
        "beta.kubernetes.io/arch",
        "beta.kubernetes.io/instance-type",
        "beta.kubernetes.io/os",
        "failure-domain.beta.kubernetes.io/region",
        "failure-domain.beta.kubernetes.io/zone",
        "kubernetes.io/arch",
        "kubernetes.io/hostname",
        "kubernetes.io/os",
        "node.kubernetes.io/instance-type",
        "topology.kubernetes.io/region",
        "topology.kubernetes.io/zone",
    }
)
KUBELET_LABEL_NAMESPACES = ("kubelet.kubernetes.io", "node.kubernetes.io")


class NodeRestriction(Plugin):
    """Judges what nodes write; everybody else passes."""

    name = "NodeRestriction"

    def admit(self, request: AdmissionRequest, obj: Obj, scope: Scope) -> Rule[Obj]:
        """Judge a request that carries an object; nothing is changed."""
        if request.obj is not None:
            yield from _judge(request, obj, scope)
        return obj

    def validate(self, request: AdmissionRequest, scope: Scope) -> Rule[None]:
        """Judge a deletion."""
        if request.obj is None:
            yield from _judge(request, {}, scope)


def _judge(request: AdmissionRequest, obj: Obj, scope: Scope) -> Rule[None]:
    if not scope.user.is_node:
        return
    node = scope.user.node_name
    if not node:
        raise request.refuse(f"could not determine node from user {_quoted(scope.user.name)}")
    match request.resource, request.subresource:
        case "pods", "":
            yield from _pod(request, obj, node)
        case "pods", "status":
            _pod_status(request, obj, node)
        case "pods", "eviction":
            yield from _eviction(request, node)
        case "pods", other:
            raise request.refuse(f"unexpected pod subresource {_quoted(other)}, only 'status' and 'eviction' are allowed")
        case "nodes", _:
            _node(request, obj, node)
        case "serviceaccounts", "token" if request.operation == "CREATE":
            yield from _token_request(request, obj, node, scope)
        case "leases.coordination.k8s.io", _:
            _lease(request, obj, node)


def _pod(request: AdmissionRequest, pod: Obj, node: str) -> Rule[None]:
    if request.operation == "DELETE":
        existing = yield from _existing_pod(request, request.name)
        if dig(existing, "spec", "nodeName") != node:
            raise request.refuse(f"node {_quoted(node)} can only delete pods with spec.nodeName set to itself")
        return
    if request.operation != "CREATE":
        raise request.refuse(
            f"unexpected operation {_quoted(request.operation)}, node {_quoted(node)} can only create and delete mirror pods"
        )
    who = f"node {_quoted(node)}"
    if MIRROR_ANNOTATION not in annotations_of(pod):
        raise request.refuse(f'pod does not have "{MIRROR_ANNOTATION}" annotation, {who} can only create mirror pods')
    if dig(pod, "spec", "nodeName") != node:
        raise request.refuse(f"{who} can only create pods with spec.nodeName set to itself")
    if complaint := _owner_complaint(meta(pod).get("ownerReferences") or [], node, who):
        raise request.refuse(complaint)
    owner = meta(pod)["ownerReferences"][0]
    uid = uid_of((yield from get("nodes", node)))
    if owner.get("uid") != uid:
        raise request.refuse(f"node {node} UID mismatch: expected {owner.get('uid')} got {uid}")
    if referenced := next(_api_references(pod), ""):
        raise request.refuse(f"{who} can not create pods that reference {referenced}")


def _owner_complaint(owners: list[Obj], node: str, who: str) -> str:
    """A mirror Pod belongs to its node, and to nobody else."""
    if len(owners) > 1:
        return f"{who} can only create pods with a single owner reference set to itself"
    if not owners or (owners[0].get("apiVersion"), owners[0].get("kind"), owners[0].get("name")) != ("v1", "Node", node):
        return f"{who} can only create pods with an owner reference set to itself"
    if not owners[0].get("controller"):
        return f"{who} can only create pods with a controller owner reference set to itself"
    if owners[0].get("blockOwnerDeletion"):
        return f"{who} must not set blockOwnerDeletion on an owner reference"
    return ""


def _api_references(pod: Obj) -> Iterator[str]:
    """What a Pod refers to in the API, in the order in which upstream looks (NOD-5)."""
    if dig(pod, "spec", "serviceAccountName"):
        yield "serviceaccounts"
    if any(True for _ in secret_names(pod)):
        yield "secrets"
    if any(True for _ in config_map_names(pod)):
        yield "configmaps"
    if dig(pod, "spec", "resourceClaims"):
        yield "resourceclaims"
    named = {
        "configMap": "configmaps (via configmap volumes)",
        "secret": "secrets (via secret volumes)",
        "csi": "csidrivers (via CSI volumes)",
        "glusterfs": "endpoints (via glusterFS volumes)",
        "persistentVolumeClaim": "persistentvolumeclaims",
        "ephemeral": "persistentvolumeclaims (via ephemeral volumes)",
        "azureFile": "secrets (via azureFile volumes)",
    }
    projected = {
        "configMap": "configmaps (via projected volumes)",
        "secret": "secrets (via projected volumes)",
        "serviceAccountToken": "serviceaccounts (via projected volumes)",
        "clusterTrustBundle": "clustertrustbundles",
        "podCertificate": "podcertificates",
    }
    for volume in volumes(pod):
        yield from (title for key, title in named.items() if volume.get(key) is not None)
        for source in projected_sources(volume):
            yield from (title for key, title in projected.items() if source.get(key) is not None)


def _pod_status(request: AdmissionRequest, pod: Obj, node: str) -> None:
    if request.operation != "UPDATE":
        raise request.refuse(f"unexpected operation {_quoted(request.operation)}")
    old = request.old or {}
    if dig(old, "spec", "nodeName") != node:
        raise request.refuse(f"node {_quoted(node)} can only update pod status for pods with spec.nodeName set to itself")  # noqa: S608 no SQL
    if labels_of(old) != labels_of(pod):
        raise request.refuse(f"node {_quoted(node)} cannot update labels through pod status")
    if dig(old, "status", "resourceClaimStatuses") != dig(pod, "status", "resourceClaimStatuses"):
        raise request.refuse(f"node {_quoted(node)} cannot update resource claim statues")


def _eviction(request: AdmissionRequest, node: str) -> Rule[None]:
    existing = yield from _existing_pod(request, request.name or name_of(request.obj or {}))
    if dig(existing, "spec", "nodeName") != node:
        raise request.refuse(f"node {node} can only evict pods with spec.nodeName set to itself")


def _node(request: AdmissionRequest, obj: Obj, node: str) -> None:
    if request.name != node:
        raise request.refuse(f"node {_quoted(node)} is not allowed to modify node {_quoted(request.name)}")
    if request.operation == "CREATE" and (refused := _forbidden_labels(labels_of(obj), {})):
        raise request.refuse(f"node {_quoted(node)} is not allowed to set the following labels: {', '.join(refused)}")
    if request.operation == "UPDATE":
        old = request.old or {}
        if (dig(obj, "spec", "taints") or []) != (dig(old, "spec", "taints") or []):
            raise request.refuse(f"node {_quoted(node)} is not allowed to modify taints")
        if (meta(obj).get("ownerReferences") or []) != (meta(old).get("ownerReferences") or []):
            raise request.refuse(f"node {_quoted(node)} is not allowed to modify ownerReferences")
        if refused := _forbidden_labels(labels_of(obj), labels_of(old)):
            raise request.refuse(f"is not allowed to modify labels: {', '.join(refused)}")


def _forbidden_labels(new: Mapping[str, str], old: Mapping[str, str]) -> list[str]:
    """The changed labels that are not a kubelet's to change."""
    changed = [key for key in {**new, **old} if new.get(key) != old.get(key) or (key in new) is not (key in old)]
    return sorted(key for key in changed if _is_forbidden(key))


def _is_forbidden(label: str) -> bool:
    namespace = label.partition("/")[0] if "/" in label else ""
    if _within(namespace, RESTRICTED_LABELS):
        return True
    kubernetes = _within(namespace, "kubernetes.io") or _within(namespace, "k8s.io")
    own = label in KUBELET_LABELS or any(_within(namespace, allowed) for allowed in KUBELET_LABEL_NAMESPACES)
    return kubernetes and not own


def _within(namespace: str, domain: str) -> bool:
    return namespace == domain or namespace.endswith(f".{domain}")


def _lease(request: AdmissionRequest, obj: Obj, node: str) -> None:
    if request.namespace != LEASE_NAMESPACE:
        raise request.refuse(f'can only access leases in the "{LEASE_NAMESPACE}" system namespace')
    name = name_of(obj) if request.operation == "CREATE" else request.name
    if name != node:
        raise request.refuse("can only access node lease with the same name as the requesting node")


def _token_request(request: AdmissionRequest, obj: Obj, node: str, scope: Scope) -> Rule[None]:
    """A node gets tokens for Pods that it runs, for audiences that they name (NOD-2 to NOD-4)."""
    reference = dig(obj, "spec", "boundObjectRef", default={})
    named = (reference.get("apiVersion"), reference.get("kind")) == ("v1", "Pod") and reference.get("name")
    if not named:
        raise request.refuse("node requested token not bound to a pod")
    uid = reference.get("uid") or ""
    if not uid:
        raise request.refuse("node requested token with a pod binding without a uid")
    pod = yield from _existing_pod(request, reference["name"])
    if uid != uid_of(pod):
        raise request.refuse(
            f"the UID in the bound object reference ({uid}) does not match the UID in record. "
            "The object might have been deleted and then recreated"
        )
    if dig(pod, "spec", "nodeName") != node:
        raise request.refuse("node requested token bound to a pod scheduled on a different node")
    if scope.era.enabled("ServiceAccountNodeAudienceRestriction"):
        complaint = yield from audience_complaint(request, dig(obj, "spec", "audiences", default=[]), pod, scope)
        if complaint:
            raise request.refuse(complaint)


def _existing_pod(request: AdmissionRequest, name: str) -> Rule[Obj]:
    pod = yield from find("pods", name, request.namespace)
    if pod is None:
        # The lister's own error, which names the resource in the singular.
        raise NotFound(f"pod {_quoted(name)} not found", details={"name": name, "kind": "pod"})
    return pod


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
