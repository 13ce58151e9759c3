"""Take the facts in this folder again, from a running API server and the Go sources of the same version:

    python -m labkit.apiserver.data.take --kubeconfig PATH --sources "$(go env GOMODCACHE)/k8s.io" --version 0.37.2

What it writes is facts: names, numbers, types. Descriptions stay behind. A new file that differs is a change to look at.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from labkit.apiserver.data.go_types import Sources

HERE = Path(__file__).parent
API_GROUPS = (
    "apps",
    "authentication",
    "authorization",
    "coordination",
    "core",
    "discovery",
    "events",
    "policy",
    "rbac",
    "scheduling",
)
# Kinds whose wire form labkit knows: those that it serves, and those that lessons and clients meet beside them.
MESSAGES = {
    "apps": ("Deployment", "ReplicaSet"),
    "authentication": ("SelfSubjectReview", "TokenRequest", "TokenReview"),
    "authorization": ("LocalSubjectAccessReview", "SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"),
    "coordination": ("Lease",),
    "core": ("Binding", "ConfigMap", "Event", "Namespace", "Node", "Pod", "Secret", "Service", "ServiceAccount"),
    "discovery": ("EndpointSlice",),
    "events": ("Event",),
    "meta": ("DeleteOptions",),
    "policy": ("Eviction",),
    "rbac": ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"),
    "scheduling": ("PriorityClass",),
}
TABLES = {
    "/api/v1": ("configmaps", "events", "namespaces", "nodes", "pods", "secrets", "serviceaccounts", "services"),
    "/apis/apps/v1": ("deployments", "replicasets"),
    "/apis/coordination.k8s.io/v1": ("leases",),
    "/apis/discovery.k8s.io/v1": ("endpointslices",),
    "/apis/rbac.authorization.k8s.io/v1": ("clusterrolebindings", "clusterroles", "rolebindings", "roles"),
    "/apis/scheduling.k8s.io/v1": ("priorityclasses",),
}
GROUP_VERSIONS = (*TABLES, "/apis/authentication.k8s.io/v1", "/apis/authorization.k8s.io/v1", "/apis/events.k8s.io/v1", "/apis/policy/v1")
SCHEMA_PREFIX = "#/components/schemas/"
Raw = Callable[..., Any]


def main() -> None:
    """Write the files."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kubeconfig", required=True, help="an administrator's kubeconfig for the server")
    parser.add_argument("--sources", required=True, type=Path, help="the folder that holds api@vX.Y.Z and apimachinery@vX.Y.Z")
    parser.add_argument("--version", required=True, help="the modules' version, such as 0.37.2")
    settings = parser.parse_args()

    def raw(path: str) -> Any:
        environment = os.environ | {"KUBECONFIG": settings.kubeconfig, "KUBERC": "off"}
        found = subprocess.run(["kubectl", "get", "--raw", path], env=environment, capture_output=True, check=True)
        return json.loads(found.stdout)

    _write("messages.json", messages(settings.sources, settings.version))
    _write("discovery.json", discovery(raw))
    _write("schemas.json", schemas(raw))
    _write("columns.json", columns(settings.kubeconfig))


def messages(sources: Path, version: str) -> dict[str, Any]:
    """The protobuf fields of the kinds in `MESSAGES` and of their parts."""
    api, machinery = sources / f"api@v{version}", sources / f"apimachinery@v{version}" / "pkg"
    files: dict[str, list[Path]] = {f"{group}.v1": [api / group / "v1" / "types.go"] for group in API_GROUPS}
    files["meta.v1"] = [machinery / "apis" / "meta" / "v1" / "types.go"]
    files["types"] = [machinery / "types" / "uid.go"]
    return Sources(files).messages(f"{group}.v1.{kind}" for group, kinds in MESSAGES.items() for kind in kinds)


def discovery(raw: Raw) -> dict[str, Any]:
    """The order of the groups, and each resource's storageVersionHash."""
    groups = [group["name"] for group in raw("/apis")["groups"]]
    hashes = {
        f"{path.removeprefix('/apis/').removeprefix('/api/')}/{resource['name']}": resource["storageVersionHash"]
        for path in GROUP_VERSIONS
        for resource in raw(path)["resources"]
        if "storageVersionHash" in resource
    }
    return {"groups": groups, "hashes": hashes}


def schemas(raw: Raw) -> dict[str, Any]:
    """The OpenAPI schemas of the kinds in `MESSAGES` and of their parts, without descriptions."""
    found: dict[str, Any] = {}
    for path in GROUP_VERSIONS:
        found |= raw(f"/openapi/v3{path}")["components"]["schemas"]
    wanted = [name for name in found if _is_wanted(name)]
    kept: dict[str, Any] = {}
    while wanted:
        name = wanted.pop()
        if name not in kept:
            kept[name] = _bare(found[name])
            wanted += _references(kept[name])
    return dict(sorted(kept.items()))


def columns(kubeconfig: str) -> dict[str, Any]:
    """The columns of the resources in `TABLES`: name, type, format, priority."""
    found: dict[str, Any] = {}
    for path, resources in TABLES.items():
        for resource in resources:
            table = _table(kubeconfig, f"{path}/{resource}")
            group = path.removeprefix("/apis/").rpartition("/")[0] if path.startswith("/apis/") else ""
            found[f"{resource}.{group}" if group else resource] = [
                [column["name"], column["type"], column["format"], column["priority"]] for column in table["columnDefinitions"]
            ]
    return dict(sorted(found.items()))


def _table(kubeconfig: str, path: str) -> Any:
    """A Table, through the Python client: `kubectl get --raw` sets no Accept header."""
    from kubernetes import config

    with config.new_client_from_config(kubeconfig) as api:
        headers = {"Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}
        answer = api.call_api("GET", api.configuration.host + path, header_params=headers)
        return json.loads(answer.read())


def _is_wanted(name: str) -> bool:
    parts = name.split(".")
    return (parts[-2] == "v1" and parts[-1] in MESSAGES.get(parts[-3], ())) or name.endswith((".meta.v1.ListMeta", ".meta.v1.Status"))


def _bare(schema: Any) -> Any:
    """Without descriptions; a property that is called description stays."""
    if isinstance(schema, dict):
        return {key: _bare(value) for key, value in schema.items() if not (key == "description" and isinstance(value, str))}
    if isinstance(schema, list):
        return [_bare(item) for item in schema]
    return schema


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref":
                yield value.removeprefix(SCHEMA_PREFIX)
            else:
                yield from _references(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _references(item)


def _write(name: str, content: dict[str, Any]) -> None:
    """One line for each entry, so that a change shows where it is."""
    (HERE / name).write_text("{\n" + ",\n".join(_lines(content.items())) + "\n}\n", encoding="utf-8")


def _lines(items: Iterable[tuple[str, Any]]) -> Iterator[str]:
    for key, value in items:
        yield f"{json.dumps(key)}:{json.dumps(value, separators=(',', ':'))}"


if __name__ == "__main__":
    main()
