"""Discovery against what a real 1.37.2 answered for the same kinds (`discovery_1_37.json`)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labkit.apiserver.discovery import AGGREGATED_TYPE, Discovery, version_info
from labkit.apiserver.request import Request, Response
from labkit.kube.objects import Obj
from labkit.kube.status import NotAcceptable
from labkit.resources.table import KINDS

REAL = json.loads(Path(__file__).with_name("discovery_1_37.json").read_text())
DISCOVERY = Discovery(KINDS, "127.0.0.1:6443", "1.37.2")
BOTH = f"{AGGREGATED_TYPE},application/json"


def _get(path: str, accept: str = "application/json", **headers: str) -> Response:
    answer = DISCOVERY.answer(Request("GET", path, headers={"accept": accept} | headers))
    assert answer is not None
    return answer


def _old(path: str) -> Obj:
    body = _get(path).body
    assert isinstance(body, dict)
    return body


def _aggregated(path: str) -> dict[str, Any]:
    items = json.loads(_get(path, BOTH).body)["items"]  # type: ignore[arg-type]  # the aggregated form is bytes
    return {item["metadata"].get("name", ""): item for item in items}


# A subresource that the embedded server has not is absent, never promised.
@pytest.mark.parametrize("path", sorted(REAL["old"]))
def test_resources_are_as_upstream_lists_them(path: str) -> None:
    ours = {entry["name"]: entry for entry in _old(f"/{path}")["resources"]}
    real = {entry["name"]: entry for entry in REAL["old"][path]}
    assert ours == {name: real[name] for name in ours}
    assert {name for name in real if "/" not in name} <= set(ours)
    assert list(ours) == sorted(ours)


@pytest.mark.parametrize("path", sorted(REAL["aggregated"]))
def test_the_aggregated_form_says_the_same(path: str) -> None:
    prefix, _, rest = path.partition("/")
    group, version = rest.split("/") if prefix == "apis" else ("", rest)
    (found,) = [entry for entry in _aggregated(f"/{prefix}")[group]["versions"] if entry["version"] == version]
    real = {entry["resource"]: entry for entry in REAL["aggregated"][path]}
    for entry in found["resources"]:
        expected = dict(real[entry["resource"]])
        theirs = {sub["subresource"]: sub for sub in expected.pop("subresources", [])}
        ours = {sub["subresource"]: sub for sub in entry.pop("subresources", [])}
        assert entry == expected
        assert {name: _without_accepted(sub) for name, sub in theirs.items() if name in ours} == ours


def _without_accepted(sub: Obj) -> Obj:
    return {key: value for key, value in sub.items() if key != "acceptedTypes"}


def test_order_of_fields_and_groups() -> None:
    assert list(_old("/api")) == ["kind", "versions", "serverAddressByClientCIDRs"]
    assert list(_old("/api/v1")) == ["kind", "groupVersion", "resources"], "the core list has no apiVersion"
    assert list(_old("/apis/authentication.k8s.io/v1")) == ["kind", "apiVersion", "groupVersion", "resources"]
    names = [group["name"] for group in _old("/apis")["groups"]]
    wanted = ["authentication.k8s.io", "authorization.k8s.io", "rbac.authorization.k8s.io", "coordination.k8s.io"]
    assert [name for name in names if name in wanted] == wanted
    assert list(_aggregated("/apis")) == names


def test_group_document() -> None:
    version = {"groupVersion": "rbac.authorization.k8s.io/v1", "version": "v1"}
    expected = {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": "rbac.authorization.k8s.io",
        "versions": [version],
        "preferredVersion": version,
    }
    assert _old("/apis/rbac.authorization.k8s.io") == expected
    assert _old("/apis/rbac.authorization.k8s.io/") == expected


@pytest.mark.parametrize(
    ("path", "accept", "content_type"),
    [
        pytest.param("/api", BOTH, AGGREGATED_TYPE, id="kubectl"),
        pytest.param("/api/", BOTH, AGGREGATED_TYPE, id="slash"),
        pytest.param(
            "/apis",
            "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
            "application/json",
            id="beta",
        ),
        pytest.param("/apis", "application/json", "application/json", id="json"),
        pytest.param("/apis", "", "application/json", id="nothing"),
        pytest.param("/apis/", BOTH, "application/json", id="apis-slash-is-old"),
        pytest.param("/api/v1", BOTH, "application/json", id="one-version"),
    ],
)
def test_form(path: str, accept: str, content_type: str) -> None:
    assert _get(path, accept).content_type == content_type


@pytest.mark.parametrize(
    ("path", "accept"), [("/api", "text/plain"), ("/api/v1", AGGREGATED_TYPE), ("/apis", "application/vnd.kubernetes.protobuf")]
)
def test_not_acceptable(path: str, accept: str) -> None:
    with pytest.raises(NotAcceptable):
        _get(path, accept)


@pytest.mark.parametrize("path", ["/", "/apis/nope", "/apis/apps/v9", "/api/v2", "/api/v1/pods", "/version"])
def test_other_paths_are_not_its_business(path: str) -> None:
    assert DISCOVERY.answer(Request("GET", path)) is None


def test_a_client_that_has_it_gets_304() -> None:
    tag = _get("/apis", BOTH).headers["Etag"]
    again = _get("/apis", BOTH, **{"if-none-match": tag})
    assert (again.status, again.body) == (304, b"")


def test_an_old_server_has_no_aggregated_form() -> None:
    answer = Discovery(KINDS, "a:1", "1.21.0").answer(Request("GET", "/api", headers={"accept": BOTH}))
    assert answer is not None
    assert answer.content_type == "application/json"


@pytest.mark.parametrize(("version", "git", "emulates"), [("1.37.2", "v1.37.2", True), ("1.21", "v1.21.0", False)])
def test_version(version: str, git: str, emulates: bool) -> None:
    info = version_info(version)
    assert info["gitVersion"] == git
    assert (info.get("emulationMinor") == "37") is emulates
