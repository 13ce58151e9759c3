"""A cluster for the lab's tests: objects in a dict, behind the same `Api` that talks to a real one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from labkit.clusters.info import ClusterInfo
from labkit.kube.objects import Obj
from labkit.kube.status import ApiError, already_exists, not_found
from labkit.lab.api import Api, Resource
from labkit.lab.lab import Lab
from labkit.lab.session import Session

NOW = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
RESOURCES = [
    Resource("namespaces", "Namespace", "", "v1", namespaced=False, singular="namespace", short_names=("ns",)),
    Resource("pods", "Pod", "", "v1", namespaced=True, singular="pod", short_names=("po",)),
    Resource("serviceaccounts", "ServiceAccount", "", "v1", namespaced=True, singular="serviceaccount", short_names=("sa",)),
    Resource("configmaps", "ConfigMap", "", "v1", namespaced=True, singular="configmap", short_names=("cm",)),
    Resource("clusterroles", "ClusterRole", "rbac.authorization.k8s.io", "v1", namespaced=False, singular="clusterrole"),
]


class DictApi(Api):
    """Answers from `objects`, by path, and keeps what was asked in `asked`. `refuse` answers a path with an error."""

    def __init__(self) -> None:
        super().__init__(client=None, resources=list(RESOURCES))
        self.objects: dict[str, Obj] = {}
        self.asked: list[tuple[str, str, Any]] = []
        self.refuse: dict[str, ApiError] = {}

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Obj:
        self.asked.append((method, path, body))
        if path in self.refuse:
            raise self.refuse[path]
        collection, _, name = path.rpartition("/")
        match method:
            case "POST" if f"{path}/{body['metadata']['name']}" in self.objects:
                raise already_exists(path.rpartition("/")[2], body["metadata"]["name"])
            case "POST":
                self.objects[f"{path}/{body['metadata']['name']}"] = body
                return dict(body)
            case "GET" if path in self.objects:
                return self.objects[path]
            case "GET" if any(plural in name for plural in ("namespaces", "pods", "serviceaccounts", "configmaps", "clusterrole")):
                return {"items": [item for known, item in self.objects.items() if known.rpartition("/")[0] == path]}
            case "DELETE" if path in self.objects:
                return self.objects.pop(path)
            case "PATCH" if path in self.objects:
                return {**self.objects[path], **body}
        raise not_found(collection.rpartition("/")[2], name)

    def server_time(self) -> datetime:
        return NOW


def make_lab(lesson: str = "02") -> tuple[Lab, DictApi]:
    """A lab on an empty cluster."""
    api = DictApi()
    info = ClusterInfo("lab", "embedded", "1.37.2", "https://127.0.0.1:1", Path("/nowhere"))
    return Lab(info, lesson, f"lesson-{lesson}-x7k2p", Session("test"), api), api
