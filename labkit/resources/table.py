"""The table of kinds that the embedded cluster serves. A row is all that the generic machinery needs to know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from labkit.kube.versions import Era
from labkit.resources import (
    config_maps,
    events,
    namespaces,
    nodes,
    pods,
    rbac,
    secrets,
    service_accounts,
    services,
)
from labkit.resources.kinds import Kind, Strategy, Subresource

STATUS = Subresource("status", ("get", "patch", "update"))
RBAC = "rbac.authorization.k8s.io"
AUTHENTICATION = "authentication.k8s.io"
AUTHORIZATION = "authorization.k8s.io"
CREATE_ONLY = ("create",)

KINDS: tuple[Kind, ...] = (
    Kind("Binding", "bindings", verbs=CREATE_ONLY),
    Kind("ConfigMap", "configmaps", short_names=("cm",), strategy=config_maps.STRATEGY),
    Kind("Event", "events", short_names=("ev",), strategy=events.STRATEGY),
    Kind(
        "Namespace",
        "namespaces",
        namespaced=False,
        short_names=("ns",),
        verbs=("create", "delete", "get", "list", "patch", "update", "watch"),
        subresources=(Subresource("finalize", ("update",)), STATUS),
        strategy=namespaces.STRATEGY,
        name_rule="label",
    ),
    Kind("Node", "nodes", namespaced=False, short_names=("no",), subresources=(STATUS,), strategy=nodes.STRATEGY),
    Kind(
        "Pod",
        "pods",
        short_names=("po",),
        categories=("all",),
        subresources=(
            Subresource("binding", CREATE_ONLY, kind="Binding"),
            Subresource("ephemeralcontainers", ("get", "patch", "update")),
            Subresource("exec", ("create", "get"), kind="PodExecOptions"),
            Subresource("log", ("get",)),
            STATUS,
        ),
        strategy=pods.STRATEGY,
    ),
    Kind("Secret", "secrets", strategy=secrets.STRATEGY),
    Kind(
        "ServiceAccount",
        "serviceaccounts",
        short_names=("sa",),
        subresources=(Subresource("token", CREATE_ONLY, kind="TokenRequest", group=AUTHENTICATION, version="v1"),),
        strategy=service_accounts.STRATEGY,
    ),
    Kind(
        "Service",
        "services",
        short_names=("svc",),
        categories=("all",),
        subresources=(STATUS,),
        strategy=services.STRATEGY,
        name_rule="label",
    ),
    Kind("SelfSubjectReview", "selfsubjectreviews", AUTHENTICATION, namespaced=False, verbs=CREATE_ONLY, since="1.28"),
    Kind("TokenReview", "tokenreviews", AUTHENTICATION, namespaced=False, verbs=CREATE_ONLY),
    Kind("LocalSubjectAccessReview", "localsubjectaccessreviews", AUTHORIZATION, verbs=CREATE_ONLY),
    Kind("SelfSubjectAccessReview", "selfsubjectaccessreviews", AUTHORIZATION, namespaced=False, verbs=CREATE_ONLY),
    Kind("SelfSubjectRulesReview", "selfsubjectrulesreviews", AUTHORIZATION, namespaced=False, verbs=CREATE_ONLY),
    Kind("SubjectAccessReview", "subjectaccessreviews", AUTHORIZATION, namespaced=False, verbs=CREATE_ONLY),
    Kind("Lease", "leases", "coordination.k8s.io"),
    Kind("ClusterRole", "clusterroles", RBAC, namespaced=False, strategy=rbac.CLUSTER_ROLES, name_rule="path"),
    Kind("ClusterRoleBinding", "clusterrolebindings", RBAC, namespaced=False, strategy=rbac.CLUSTER_ROLE_BINDINGS, name_rule="path"),
    Kind("Role", "roles", RBAC, strategy=rbac.ROLES, name_rule="path"),
    Kind("RoleBinding", "rolebindings", RBAC, strategy=rbac.ROLE_BINDINGS, name_rule="path"),
)


def served(era: Era) -> tuple[Kind, ...]:
    """The kinds that a server of this era has."""
    return tuple(kind for kind in KINDS if era.since(kind.since) and not (kind.until and era.since(kind.until)))


def by_resource(kinds: Iterable[Kind] = KINDS) -> Mapping[str, Kind]:
    """The kinds by the name that calls use."""
    return {kind.resource: kind for kind in kinds}


__all__ = ["KINDS", "Kind", "Strategy", "Subresource", "by_resource", "served"]
