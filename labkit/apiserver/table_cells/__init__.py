"""What `kubectl get` shows of an object, a function for each resource: its cells, in the order of its columns.

Upstream: pkg/printers/internalversion/printers.go. A cell function takes the object and the moment at which it is looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from labkit.apiserver.table_cells import access, events, nodes, pods, services, simple, workloads
from labkit.apiserver.table_cells.moment import Cell, Moment
from labkit.kube.objects import Obj

Cells: TypeAlias = Callable[[Obj, Moment], list[Cell]]

CELLS: Mapping[str, Cells] = {
    "configmaps": simple.config_map,
    "events": events.event,
    "namespaces": simple.namespace,
    "nodes": nodes.node,
    "pods": pods.pod,
    "secrets": simple.secret,
    "serviceaccounts": simple.service_account,
    "services": services.service,
    "deployments.apps": workloads.deployment,
    "replicasets.apps": workloads.replica_set,
    "endpointslices.discovery.k8s.io": services.endpoint_slice,
    "leases.coordination.k8s.io": simple.lease,
    "priorityclasses.scheduling.k8s.io": simple.priority_class,
    "clusterroles.rbac.authorization.k8s.io": simple.created_at,
    "clusterrolebindings.rbac.authorization.k8s.io": access.binding,
    "roles.rbac.authorization.k8s.io": simple.created_at,
    "rolebindings.rbac.authorization.k8s.io": access.binding,
}

__all__ = ["CELLS", "Cell", "Cells", "Moment"]
