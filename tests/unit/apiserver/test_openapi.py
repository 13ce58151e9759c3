"""OpenAPI v3: what kubectl looks for in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from labkit.apiserver.openapi import OpenApi
from labkit.apiserver.request import Request, Response
from labkit.resources.table import KINDS

OPENAPI = OpenApi(KINDS, "v1.37.2")
GROUP_VERSIONS = sorted({f"apis/{kind.api_version}" if kind.group else f"api/{kind.version}" for kind in KINDS})


def _get(path: str, hash_: str = "", **headers: str) -> Response | None:
    return OPENAPI.answer(Request("GET", path, {"hash": (hash_,)} if hash_ else {}, headers))


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for item in value.values():
            yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)


def test_the_index_leads_to_every_document() -> None:
    paths = OPENAPI.index()["paths"]
    assert sorted(paths) == GROUP_VERSIONS
    for where, entry in paths.items():
        path, _, tag = entry["serverRelativeURL"].partition("?hash=")
        answer = _get(path, tag)
        assert answer is not None
        assert answer.headers["Cache-Control"] == "public, immutable"
        assert isinstance(answer.body, bytes)
        assert json.loads(answer.body) == OPENAPI.document(where)


@pytest.mark.parametrize("where", GROUP_VERSIONS)
def test_every_reference_leads_somewhere(where: str) -> None:
    document = OPENAPI.document(where)
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    assert set(_references(document)) <= known


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.resource)
def test_explain_finds_the_kind(kind: Any) -> None:
    document = OPENAPI.document(f"apis/{kind.api_version}" if kind.group else f"api/{kind.version}")
    gvk = {"group": kind.group, "version": kind.version, "kind": kind.kind}
    schemas = document["components"]["schemas"].values()
    assert any(gvk in schema.get("x-kubernetes-group-version-kind", []) for schema in schemas)
    operations = [operation for path in document["paths"].values() for operation in path.values() if isinstance(operation, dict)]
    assert any(operation["x-kubernetes-group-version-kind"] == gvk for operation in operations)


@pytest.mark.parametrize("verb", ["post", "patch", "put"])
@pytest.mark.parametrize("parameter", ["dryRun", "fieldValidation", "fieldManager"])
def test_writes_take_their_parameters(verb: str, parameter: str) -> None:
    base = "/api/v1/namespaces/{namespace}/serviceaccounts"
    path = OPENAPI.document("api/v1")["paths"][base if verb == "post" else f"{base}/{{name}}"]
    assert parameter in [entry["name"] for entry in path[verb]["parameters"]]


def test_merge_keys_are_there() -> None:
    account = OPENAPI.document("api/v1")["components"]["schemas"]["io.k8s.api.core.v1.ServiceAccount"]
    assert account["properties"]["secrets"]["x-kubernetes-patch-merge-key"] == "name"


def test_a_stale_hash_is_led_to_the_present_one() -> None:
    answer = _get("/openapi/v3/api/v1", "STALE")
    assert answer is not None
    assert answer.status == 301
    assert answer.headers["Location"] == OPENAPI.index()["paths"]["api/v1"]["serverRelativeURL"]


def test_a_client_that_has_it_gets_304() -> None:
    first = _get("/openapi/v3/api/v1")
    assert first is not None
    again = _get("/openapi/v3/api/v1", **{"if-none-match": first.headers["Etag"]})
    assert again is not None
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("path", ["/openapi/v2", "/openapi", "/openapi/v3/apis/apps/v9", "/openapi/v3x", "/api/v1"])
def test_other_paths_are_not_its_business(path: str) -> None:
    assert _get(path) is None
