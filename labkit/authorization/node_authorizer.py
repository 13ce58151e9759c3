"""The Node authorizer: a node may touch what its Pods need, and no more (plugin/pkg/auth/authorizer/node; NOD-1).

Upstream keeps a graph from Secrets, ConfigMaps and accounts over Pods to nodes. Here the Pods of the node are looked up by the index
`node`, which is the same graph asked from its other end. It allows, or it has no opinion; RBAC is asked next.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from labkit.authorization import bootstrap
from labkit.authorization.rules import allows
from labkit.kube.access import Attributes, Decision
from labkit.kube.calls import Rule, list_
from labkit.kube.objects import Obj, annotations_of, dig, name_of
from labkit.kube.scope import Scope
from labkit.kube.selectors import parse_field_selector
from labkit.kube.status import BadRequest
from labkit.resources.pod_references import config_map_names, secret_names

LEASE_NAMESPACE = "kube-node-lease"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
_ALLOWED = Decision(True)
_NO_OPINION = Decision(False)


def authorize(attributes: Attributes, scope: Scope) -> Rule[Decision]:
    """Judge what a node wants; about anybody else there is no opinion."""
    user = attributes.user
    if not user.is_node:
        return _NO_OPINION
    if not user.node_name:
        return Decision(False, f"unknown node for user {json.dumps(user.name)}")
    subdivided = _SUBDIVIDED.get((attributes.group, attributes.resource)) if attributes.is_resource else None
    if subdivided is not None:
        return (yield from subdivided(attributes, scope))
    allowed = any(allows(rule, attributes) for rule in bootstrap.node_rules())
    return _ALLOWED if allowed else _NO_OPINION


def _secret(attributes: Attributes, _scope: Scope) -> Rule[Decision]:
    return _read_namespaced(attributes, secret_names)


def _config_map(attributes: Attributes, _scope: Scope) -> Rule[Decision]:
    return _read_namespaced(attributes, config_map_names)


def _read_namespaced(attributes: Attributes, names: Callable[[Obj], Iterable[str]]) -> Rule[Decision]:
    if attributes.verb not in ("get", "list", "watch"):
        return Decision(False, "can only read resources of this type")
    if attributes.subresource:
        return Decision(False, "cannot read subresource")
    if not attributes.namespace:
        return Decision(False, "can only read namespaced object of this type")
    if not attributes.name:
        return Decision(False, "No Object name found")
    return (yield from _related(attributes, names))


def _related(attributes: Attributes, names: Callable[[Obj], Iterable[str]]) -> Rule[Decision]:
    """Allow what a Pod of the node names. Mirror Pods, which the node itself makes, give it nothing."""
    node = attributes.user.node_name
    for pod in (yield from list_("pods", attributes.namespace, index=("node", node))):
        if MIRROR_ANNOTATION not in annotations_of(pod) and attributes.name in names(pod):
            return _ALLOWED
    return Decision(False, f"no relationship found between node '{node}' and this object")


def _accounts_of(pod: Obj) -> Iterable[str]:
    return (dig(pod, "spec", "serviceAccountName", default=""),)


def _service_account(attributes: Attributes, scope: Scope) -> Rule[Decision]:
    if attributes.verb == "get" and not attributes.subresource:
        # PodCertificateRequest, on since 1.37, lets nodes read accounts as well.
        if not (_credential_providers(scope) or scope.era.since("1.37")):
            return Decision(False, "not allowed to get service accounts")
        return (yield from _read_namespaced(attributes, _accounts_of))
    if attributes.verb != "create" or not attributes.name:
        return Decision(False, "can only create tokens for individual service accounts")
    if attributes.subresource != "token":
        return Decision(False, "can only create token subresource of serviceaccount")
    return (yield from _related(attributes, _accounts_of))


def _credential_providers(scope: Scope) -> bool:
    return scope.era.enabled("KubeletServiceAccountTokenForCredentialProviders")


def _lease(attributes: Attributes, _scope: Scope) -> Rule[Decision]:
    yield from ()
    if attributes.verb not in ("get", "create", "update", "patch", "delete"):
        return Decision(False, "can only get, create, update, patch, or delete a node lease")
    if attributes.namespace != LEASE_NAMESPACE:
        return Decision(False, f'can only access leases in the "{LEASE_NAMESPACE}" system namespace')
    if attributes.verb != "create" and attributes.name != attributes.user.node_name:
        return Decision(False, "can only access node lease with the same name as the requesting node")
    return _ALLOWED


def _node(attributes: Attributes, _scope: Scope) -> Rule[Decision]:
    yield from ()
    own, name, verb = attributes.user.node_name, attributes.name, attributes.verb
    if attributes.subresource == "status":
        return _ALLOWED if verb in ("update", "patch") else _NO_OPINION
    if attributes.subresource:
        return _NO_OPINION
    if verb in ("create", "update", "patch"):
        return _ALLOWED  # NodeRestriction sees to it that it is its own
    if verb not in ("get", "list", "watch"):
        return _NO_OPINION
    if name == own:
        return _ALLOWED
    if not name:
        return Decision(False, f"node '{own}' cannot read all nodes, only its own Node object")
    return Decision(False, f"node '{own}' cannot read '{name}', only its own Node object")


def _pod(attributes: Attributes, _scope: Scope) -> Rule[Decision]:
    verb = attributes.verb
    if attributes.subresource:
        written = {"status": ("update", "patch"), "eviction": ("create",)}.get(attributes.subresource, ())
        return _ALLOWED if verb in written else _NO_OPINION
    if verb in ("create", "delete"):
        return _ALLOWED  # mirror Pods; NodeRestriction sees to it
    if verb not in ("get", "list", "watch"):
        return _NO_OPINION
    if verb != "get" and _only_of_node(attributes):
        return _ALLOWED
    if verb != "get" and not attributes.name:
        return Decision(False, "can only list/watch pods with spec.nodeName field selector")
    pods = yield from list_("pods", attributes.namespace, index=("node", attributes.user.node_name))
    if any(name_of(pod) == attributes.name for pod in pods):
        return _ALLOWED
    return Decision(False, f"no relationship found between node '{attributes.user.node_name}' and this object")


def _only_of_node(attributes: Attributes) -> bool:
    try:
        return parse_field_selector(attributes.field_selector).exact("spec.nodeName") == attributes.user.node_name
    except BadRequest:
        return False


_SUBDIVIDED: dict[tuple[str, str], Callable[[Attributes, Scope], Rule[Decision]]] = {
    ("", "secrets"): _secret,
    ("", "configmaps"): _config_map,
    ("", "serviceaccounts"): _service_account,
    ("", "nodes"): _node,
    ("", "pods"): _pod,
    ("coordination.k8s.io", "leases"): _lease,
}
