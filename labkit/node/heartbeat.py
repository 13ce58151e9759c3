"""The Node object: how an agent registers its node, and how it says that the node is alive.

Upstream: pkg/kubelet/kubelet_node_status.go, pkg/kubelet/nodestatus/setters.go, component-helpers/apimachinery/lease.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from labkit.kube.calls import Create, Patch, Rule, Update, find
from labkit.kube.clock import parse_time, rfc3339, rfc3339_micro
from labkit.kube.objects import Obj, copy, dig, uid_of
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError
from labkit.node.facts import NodeFacts

LEASES = "leases.coordination.k8s.io"
LEASE_NAMESPACE = "kube-node-lease"
LEASE_SECONDS = 40
RENEW_PERIOD = 10.0  # seconds between two renewals of the lease
REPORT_PERIOD = timedelta(minutes=5)  # between two reports of a status in which nothing changed

DECLARED_FEATURES = (
    "ExtendWebSocketsToKubelet",
    "InPlacePodLevelResourcesVerticalScaling",
    "InPlacePodVerticalScalingInitContainers",
    "RestartAllContainersOnContainerExits",
)
_RUNTIME_FEATURES = {"recursiveReadOnlyMounts": True, "userNamespaces": False}
_CONDITIONS = (
    ("MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
    ("Ready", "True", "KubeletReady", "kubelet is posting ready status"),
)


def beat(facts: NodeFacts, scope: Scope) -> Rule[None]:
    """Register the node if it is not there, report its status when that is due, and renew its lease."""
    node = yield from find("nodes", facts.name)
    if node is None:
        node = yield Create("nodes", new_node(facts, scope.now))
    elif _report_due(node, facts, scope.now):
        body: Obj = {"metadata": {"uid": uid_of(node)}, "status": node_status(facts, scope.now, node)}
        yield Patch("nodes", facts.name, body, "", "status", field_manager="kubelet")
    yield from _renew_lease(facts, node, scope)


def new_node(facts: NodeFacts, now: datetime) -> Obj:
    """The Node as a kubelet registers it. It may not give itself a role: that is for an administrator (see `lifecycle`)."""
    labels = {
        "beta.kubernetes.io/arch": facts.architecture,
        "beta.kubernetes.io/os": "linux",
        "kubernetes.io/arch": facts.architecture,
        "kubernetes.io/hostname": facts.name,
        "kubernetes.io/os": "linux",
    }
    node: Obj = {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": facts.name,
            "labels": labels,
            "annotations": {"volumes.kubernetes.io/controller-managed-attach-detach": "true"},
        },
        "spec": {},
        "status": node_status(facts, now, {}),
    }
    if facts.provider_id:
        node["spec"]["providerID"] = facts.provider_id
    return node


def node_status(facts: NodeFacts, now: datetime, old: Obj) -> Obj:
    """The Node's status. A condition that says the same as in `old` keeps the time of its last change."""
    before = {one["type"]: one for one in dig(old, "status", "conditions", default=[])}
    conditions = []
    for kind, status, reason, message in _CONDITIONS:
        same = before.get(kind, {}).get("status") == status
        conditions.append(
            {
                "lastHeartbeatTime": rfc3339(now),
                "lastTransitionTime": before[kind]["lastTransitionTime"] if same else rfc3339(now),
                "message": message,
                "reason": reason,
                "status": status,
                "type": kind,
            }
        )
    return {
        "addresses": [{"address": facts.internal_ip, "type": "InternalIP"}, {"address": facts.name, "type": "Hostname"}],
        "allocatable": facts.resources,
        "capacity": facts.resources,
        "conditions": conditions,
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "declaredFeatures": list(DECLARED_FEATURES),
        "features": {"supplementalGroupsPolicy": True},
        "nodeInfo": {
            "architecture": facts.architecture,
            "bootID": facts.boot_id,
            "containerRuntimeVersion": facts.runtime,
            "kernelVersion": facts.kernel,
            "kubeProxyVersion": "",
            "kubeletVersion": facts.kubelet_version,
            "machineID": facts.machine_id,
            "operatingSystem": "linux",
            "osImage": facts.os_image,
            "runningInUserNamespace": False,
            "systemUUID": facts.system_uuid,
        },
        "runtimeHandlers": [{"features": dict(_RUNTIME_FEATURES), "name": name} for name in ("", "runc")],
    }


def _report_due(node: Obj, facts: NodeFacts, now: datetime) -> bool:
    conditions = {one["type"]: one for one in dig(node, "status", "conditions", default=[])}
    if any(conditions.get(kind, {}).get("status") != status for kind, status, _, _ in _CONDITIONS):
        return True
    if dig(node, "status", "nodeInfo", "kubeletVersion") != facts.kubelet_version:
        return True
    return now - parse_time(conditions["Ready"]["lastHeartbeatTime"]) >= REPORT_PERIOD


def _renew_lease(facts: NodeFacts, node: Obj, scope: Scope) -> Rule[None]:
    """Write the lease. A server without leases, or without their namespace yet, is no reason to stop."""
    spec: Obj = {"holderIdentity": facts.name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": rfc3339_micro(scope.now)}
    try:
        lease = yield from find(LEASES, facts.name, LEASE_NAMESPACE, live=True)
        if lease is None:
            owner = {"apiVersion": "v1", "kind": "Node", "name": facts.name, "uid": uid_of(node)}
            metadata: Obj = {"name": facts.name, "namespace": LEASE_NAMESPACE, "ownerReferences": [owner]}
            body: Obj = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}
            yield Create(LEASES, body, LEASE_NAMESPACE)
        else:
            yield Update(LEASES, copy(lease) | {"spec": spec}, LEASE_NAMESPACE)
    except ApiError:
        return
