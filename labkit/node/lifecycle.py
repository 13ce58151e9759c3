"""What others do to a Node: kubeadm gives it its role, the node controllers its address range and its taints.

A kubelet may do none of this itself (NodeRestriction). Upstream: cmd/kubeadm/app/phases/markcontrolplane, kind's `config` action,
pkg/controller/nodelifecycle, pkg/controller/nodeipam.
"""

from __future__ import annotations

from collections.abc import Iterable

from labkit.kube.calls import Patch, Rule, find
from labkit.kube.controllers import Controller, Event, Source
from labkit.kube.objects import Obj, annotations_of, dig, labels_of, name_of
from labkit.kube.scope import Scope
from labkit.kube.users import service_account_groups, service_account_username

ROLE_LABEL = "node-role.kubernetes.io/control-plane"
TTL_ANNOTATION = "node.alpha.kubernetes.io/ttl"
ADMIN, ADMIN_GROUPS = "kubernetes-admin", ("kubeadm:cluster-admins", "system:authenticated")
NOT_READY = "node.kubernetes.io/not-ready"


def controller(pod_cidr: str = "10.244.0.0/24") -> Controller:
    """The node controllers: address range, TTL annotation, and the not-ready taint by the Ready condition."""

    def sync(name: str, _scope: Scope) -> Rule[float | None]:
        return sync_node(name, pod_cidr)

    return Controller(
        name="node-controller",
        user=service_account_username("kube-system", "node-controller"),
        groups=(*service_account_groups("kube-system"), "system:authenticated"),
        sources=(Source("nodes", _keys),),
        sync=sync,
    )


def role_controller() -> Controller:
    """Gives each new node the control-plane role, as the administrator. kind takes the role's taint away again, so none is set."""
    return Controller(name="kubeadm", user=ADMIN, groups=ADMIN_GROUPS, sources=(Source("nodes", _keys),), sync=sync_role)


def _keys(event: Event) -> Iterable[str]:
    if event.type != "DELETED":
        yield name_of(event.obj)


def sync_role(name: str, _scope: Scope) -> Rule[float | None]:
    """Label the node, once."""
    node = yield from find("nodes", name)
    if node is not None and ROLE_LABEL not in labels_of(node):
        yield Patch("nodes", name, {"metadata": {"labels": {ROLE_LABEL: ""}}}, field_manager="kubeadm")
    return None


def sync_node(name: str, pod_cidr: str) -> Rule[float | None]:
    """Give the node what it lacks, and make its not-ready taint agree with its Ready condition."""
    node = yield from find("nodes", name)
    if node is None:
        return None
    body: Obj = {}
    if TTL_ANNOTATION not in annotations_of(node):
        body["metadata"] = {"annotations": {TTL_ANNOTATION: "0"}}
    spec: Obj = {}
    if not dig(node, "spec", "podCIDR"):
        spec |= {"podCIDR": pod_cidr, "podCIDRs": [pod_cidr]}
    taints: list[Obj] = dig(node, "spec", "taints", default=[])
    wanted = _taints(node, taints)
    if wanted != taints:
        spec["taints"] = wanted or None
    if spec:
        body["spec"] = spec
    if body:
        yield Patch("nodes", name, body, field_manager="kube-controller-manager")
    return None


def _taints(node: Obj, taints: list[Obj]) -> list[Obj]:
    conditions: list[Obj] = dig(node, "status", "conditions", default=[])
    ready = any(one.get("type") == "Ready" and one.get("status") == "True" for one in conditions)
    if ready:
        return [taint for taint in taints if taint.get("key") != NOT_READY]
    if any(taint.get("key") == NOT_READY for taint in taints):
        return taints
    return [*taints, {"key": NOT_READY, "effect": "NoSchedule"}]
