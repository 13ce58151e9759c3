"""The RBAC objects of a new cluster: those that every kube-apiserver makes, and those that kubeadm adds.

The data are facts of a real 1.37 (`bootstrap-rbac.json`) and of kubeadm 1.37 (`kubeadm-rbac.json`); aggregated roles hold their rules as
the aggregation controller leaves them. The objects have neither uid nor creation time: whoever stores them gives them these.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

from labkit.authorization.attributes import RBAC_GROUP
from labkit.kube.objects import Obj, copy

KINDS = {
    "clusterroles": "ClusterRole",
    "clusterrolebindings": "ClusterRoleBinding",
    "roles": "Role",
    "rolebindings": "RoleBinding",
}
_META = ("annotations", "labels", "name", "namespace")


@cache
def _data(name: str) -> dict[str, list[Obj]]:
    found: dict[str, list[Obj]] = json.loads(files("labkit.authorization").joinpath(f"data/{name}.json").read_text("utf-8"))
    return found


def bootstrap_objects() -> list[Obj]:
    """The objects, complete with kind and API version: cluster roles, cluster role bindings, roles, role bindings."""
    return [
        _object(kind, flat) for plural, kind in KINDS.items() for name in ("bootstrap-rbac", "kubeadm-rbac") for flat in _data(name)[plural]
    ]


def _object(kind: str, flat: Obj) -> Obj:
    body = copy(flat)
    return {
        "kind": kind,
        "apiVersion": f"{RBAC_GROUP}/v1",
        "metadata": {key: body.pop(key) for key in _META if key in body},
        **body,
    }


@cache
def node_rules() -> tuple[Obj, ...]:
    """The rules of the role `system:node`, which the Node authorizer applies where it does not look closer."""
    return next(tuple(role["rules"]) for role in _data("bootstrap-rbac")["clusterroles"] if role["name"] == "system:node")
