"""What a new cluster holds before anybody asks for anything: kubeadm's look."""

from __future__ import annotations

from collections.abc import Iterable

from labkit.authorization.bootstrap import bootstrap_objects
from labkit.kube.calls import Create, Rule
from labkit.kube.objects import Obj, namespace_of
from labkit.kube.status import AlreadyExists
from labkit.resources.kinds import Kind

NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
SERVICE_IP = "10.96.0.1"


def bootstrap(kinds: Iterable[Kind], ca: str) -> Rule[None]:
    """Make what is missing: namespaces, RBAC's objects, the API's own Service, and the ConfigMap of the API's CA.

    Meant for every start: what is there already stays as it is.
    """
    resources = {(kind.api_version, kind.kind): kind.resource for kind in kinds}
    for obj in (*_namespaces(), *bootstrap_objects(), _config_map(ca), _kubernetes_service()):
        try:
            yield Create(resources[obj["apiVersion"], obj["kind"]], obj, namespace_of(obj))
        except AlreadyExists:
            continue


def _namespaces() -> Iterable[Obj]:
    for name in NAMESPACES:
        yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _config_map(ca: str) -> Obj:
    metadata = {"name": "extension-apiserver-authentication", "namespace": "kube-system"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"client-ca-file": ca}}


def _kubernetes_service() -> Obj:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "kubernetes", "namespace": "default", "labels": {"component": "apiserver", "provider": "kubernetes"}},
        "spec": {
            "clusterIP": SERVICE_IP,
            "clusterIPs": [SERVICE_IP],
            "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 6443}],
            "type": "ClusterIP",
        },
    }
