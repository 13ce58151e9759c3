"""create, update, patch, delete: the generic rules that every kind shares."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.kube.objects import Obj, meta
from tests.unit.apiserver.world import World

ACCOUNTS = "/api/v1/namespaces/a/serviceaccounts"
PODS = "/api/v1/namespaces/a/pods"
MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"


@pytest.fixture
def world() -> World:
    """A cluster with the namespace a."""
    return World(namespaces=("a", "b"))


def account(name: str = "x", **metadata: Any) -> Obj:
    """A bare account."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, **metadata}}


def pod(name: str = "p", **spec: Any) -> Obj:
    """A Pod with one container."""
    containers = [{"name": "c", "image": "labkit.local/tools:1", "imagePullPolicy": "Never"}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers, **spec}}


def test_create_gives_uid_time_and_version(world: World) -> None:
    made = world.ok("POST", ACCOUNTS, account())
    assert made["kind"] == "ServiceAccount"
    assert meta(made)["creationTimestamp"] == "2026-11-22T10:00:00Z"
    assert meta(made)["namespace"] == "a"
    assert meta(made)["uid"]
    assert int(meta(made)["resourceVersion"]) == world.store.revision


def test_create_answers_201_and_the_rest_200(world: World) -> None:
    assert world.response("POST", ACCOUNTS, account()).status == 201
    assert world.response("GET", f"{ACCOUNTS}/x").status == 200


def test_generate_name_adds_five_characters(world: World) -> None:
    made = world.ok("POST", ACCOUNTS, {"metadata": {"generateName": "robot-"}})
    assert len(meta(made)["name"]) == len("robot-") + 5


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        pytest.param(
            account(namespace="b"),
            (400, "BadRequest", "the namespace of the provided object does not match the namespace sent on the request"),
            id="namespace",
        ),
        pytest.param(account(resourceVersion="7"), (500, "", "resourceVersion should not be set on objects to be created"), id="version"),
        pytest.param(account("default"), (409, "AlreadyExists", 'serviceaccounts "default" already exists'), id="taken"),
        pytest.param(
            {"metadata": {}},
            (422, "Invalid", 'ServiceAccount "" is invalid: metadata.name: Required value: name or generateName is required'),
            id="no-name",
        ),
    ],
)
def test_create_refuses(world: World, body: Obj, expected: tuple[int, str, str]) -> None:
    assert world.refused("POST", ACCOUNTS, body) == expected


def test_create_in_a_namespace_that_is_not_there(world: World) -> None:
    assert world.refused("POST", "/api/v1/namespaces/nowhere/serviceaccounts", account()) == (
        404,
        "NotFound",
        'namespaces "nowhere" not found',
    )


def test_dry_run_keeps_nothing(world: World) -> None:
    made = world.ok("POST", f"{ACCOUNTS}?dryRun=All", account())
    assert meta(made)["uid"]
    assert world.refused("GET", f"{ACCOUNTS}/x")[0] == 404
    assert world.refused("POST", f"{ACCOUNTS}?dryRun=All", account("default"))[:2] == (409, "AlreadyExists")


def test_update_needs_the_version_it_saw(world: World) -> None:
    first = world.ok("POST", ACCOUNTS, account())
    second = world.ok("PUT", f"{ACCOUNTS}/x", {**first, "automountServiceAccountToken": False})
    assert int(meta(second)["resourceVersion"]) > int(meta(first)["resourceVersion"])
    assert world.refused("PUT", f"{ACCOUNTS}/x", first) == (
        409,
        "Conflict",
        f'Operation cannot be fulfilled on serviceaccounts "x": {MODIFIED}',
    )


def test_an_update_that_changes_nothing_writes_nothing(world: World) -> None:
    first = world.ok("POST", ACCOUNTS, account())
    again = world.ok("PUT", f"{ACCOUNTS}/x", first)
    assert meta(again)["resourceVersion"] == meta(first)["resourceVersion"]


def test_an_update_cannot_change_what_the_server_decides(world: World) -> None:
    first = world.ok("POST", ACCOUNTS, account())
    changed = {**first, "metadata": {**meta(first), "creationTimestamp": "2001-01-01T00:00:00Z", "labels": {"seen": "yes"}}}
    second = world.ok("PUT", f"{ACCOUNTS}/x", changed)
    assert meta(second)["creationTimestamp"] == meta(first)["creationTimestamp"]
    assert meta(second)["labels"] == {"seen": "yes"}
    assert world.refused("PUT", f"{ACCOUNTS}/x", {**second, "metadata": {**meta(second), "uid": "other"}})[0] == 409


def test_an_update_under_another_name(world: World) -> None:
    world.ok("POST", ACCOUNTS, account())
    text = "the name of the object (y) does not match the name on the URL (x)"
    assert world.refused("PUT", f"{ACCOUNTS}/x", account("y")) == (400, "BadRequest", text)


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        ("application/merge-patch+json", {"metadata": {"labels": {"team": "blue"}}}),
        ("application/strategic-merge-patch+json", {"metadata": {"labels": {"team": "blue"}}}),
        ("application/json-patch+json", [{"op": "add", "path": "/metadata/labels", "value": {"team": "blue"}}]),
    ],
)
def test_patch(world: World, content_type: str, patch: Any) -> None:
    world.ok("POST", ACCOUNTS, account())
    assert meta(world.ok("PATCH", f"{ACCOUNTS}/x", patch, content_type=content_type))["labels"] == {"team": "blue"}


def test_patch_merges_secrets_by_name_and_replaces_pull_secrets(world: World) -> None:
    world.ok("POST", ACCOUNTS, {**account(), "secrets": [{"name": "one"}], "imagePullSecrets": [{"name": "one"}]})
    both = {"secrets": [{"name": "two"}], "imagePullSecrets": [{"name": "two"}]}
    patched = world.ok("PATCH", f"{ACCOUNTS}/x", both, content_type="application/strategic-merge-patch+json")
    assert [s["name"] for s in patched["secrets"]] == ["two", "one"]
    assert patched["imagePullSecrets"] == [{"name": "two"}]


def test_a_patch_of_another_type(world: World) -> None:
    world.ok("POST", ACCOUNTS, account())
    assert world.refused("PATCH", f"{ACCOUNTS}/x", {}, content_type="text/plain")[:2] == (415, "UnsupportedMediaType")
    assert world.refused("PATCH", f"{ACCOUNTS}/x", {}, content_type="application/apply-patch+yaml")[:2] == (501, "NotImplemented")


def test_delete_answers_with_the_account(world: World) -> None:
    made = world.ok("POST", ACCOUNTS, account())
    assert meta(world.ok("DELETE", f"{ACCOUNTS}/x"))["uid"] == meta(made)["uid"]
    assert world.refused("GET", f"{ACCOUNTS}/x") == (404, "NotFound", 'serviceaccounts "x" not found')


def test_delete_answers_with_a_status_for_most_kinds(world: World) -> None:
    made = world.ok("POST", "/api/v1/namespaces/a/configmaps", {"metadata": {"name": "c"}})
    answer = world.ok("DELETE", "/api/v1/namespaces/a/configmaps/c")
    assert (answer["kind"], answer["status"]) == ("Status", "Success")
    assert answer["details"] == {"name": "c", "kind": "configmaps", "uid": meta(made)["uid"]}


@pytest.mark.parametrize("field", ["uid", "resourceVersion"])
def test_delete_preconditions(world: World, field: str) -> None:
    made = world.ok("POST", ACCOUNTS, account())
    wrong = {"preconditions": {field: "7"}}
    code, reason, message = world.refused("DELETE", f"{ACCOUNTS}/x", wrong)
    assert (code, reason) == (409, "Conflict")
    assert message.startswith('Operation cannot be fulfilled on ServiceAccount "x": the ')
    world.ok("DELETE", f"{ACCOUNTS}/x", {"preconditions": {field: meta(made)[field]}})


def test_a_finalizer_keeps_the_object(world: World) -> None:
    world.ok("POST", ACCOUNTS, account(finalizers=["example.com/wait"]))
    marked = world.ok("DELETE", f"{ACCOUNTS}/x")
    assert meta(marked)["deletionTimestamp"] == "2026-11-22T10:00:00Z"
    assert meta(world.ok("GET", f"{ACCOUNTS}/x"))["deletionGracePeriodSeconds"] == 0
    world.ok("PATCH", f"{ACCOUNTS}/x", {"metadata": {"finalizers": None}}, content_type="application/merge-patch+json")
    assert world.refused("GET", f"{ACCOUNTS}/x")[0] == 404


def test_a_pod_without_a_node_goes_at_once(world: World) -> None:
    world.ok("POST", PODS, pod())
    world.ok("DELETE", f"{PODS}/p")
    assert world.refused("GET", f"{PODS}/p")[0] == 404


def test_a_pod_on_a_node_gets_its_grace_period(world: World) -> None:
    world.ok("POST", PODS, pod(nodeName="n"))
    marked = world.ok("DELETE", f"{PODS}/p")
    assert meta(marked)["deletionTimestamp"] == "2026-11-22T10:00:30Z"
    assert meta(marked)["deletionGracePeriodSeconds"] == 30
    sooner = world.ok("DELETE", f"{PODS}/p?gracePeriodSeconds=5")
    assert meta(sooner)["deletionTimestamp"] == "2026-11-22T10:00:05Z"
    later = world.ok("DELETE", f"{PODS}/p?gracePeriodSeconds=60")
    assert meta(later)["deletionTimestamp"] == "2026-11-22T10:00:05Z", "a deletion is never put off"
    world.ok("DELETE", f"{PODS}/p?gracePeriodSeconds=0")
    assert world.refused("GET", f"{PODS}/p")[0] == 404


def test_deletecollection_takes_what_the_selector_names(world: World) -> None:
    for name, team in (("x", "blue"), ("y", "red"), ("z", "blue")):
        world.ok("POST", ACCOUNTS, account(name, labels={"team": team}))
    world.ok("DELETE", f"{ACCOUNTS}?labelSelector=team%3Dblue".replace("%3D", "="))
    assert [meta(item)["name"] for item in world.ok("GET", ACCOUNTS)["items"]] == ["default", "y"]


def test_a_namespace_terminates_until_it_is_finalized(world: World) -> None:
    marked = world.ok("DELETE", "/api/v1/namespaces/a")
    assert marked["status"]["phase"] == "Terminating"
    code, reason, message = world.refused("POST", ACCOUNTS, account())
    assert (code, reason) == (403, "Forbidden")
    assert "because it is being terminated" in message
    world.ok("PUT", "/api/v1/namespaces/a/finalize", {**marked, "spec": {"finalizers": []}})
    assert world.refused("GET", "/api/v1/namespaces/a")[0] == 404


def test_binding_assigns_a_pod_once(world: World) -> None:
    world.ok("POST", PODS, pod())
    body = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "p"}, "target": {"kind": "Node", "name": "n"}}
    assert world.response("POST", f"{PODS}/p/binding", body).status == 201
    bound = world.ok("GET", f"{PODS}/p")
    assert bound["spec"]["nodeName"] == "n"
    assert [c["type"] for c in bound["status"]["conditions"]] == ["PodScheduled"]
    assert world.refused("POST", f"{PODS}/p/binding", body)[:2] == (409, "Conflict")


def test_a_verb_that_a_resource_does_not_have(world: World) -> None:
    text = "the server does not allow this method on the requested resource"
    assert world.refused("PATCH", ACCOUNTS, {}) == (405, "MethodNotAllowed", text)
    assert world.refused("GET", "/apis/authentication.k8s.io/v1/tokenreviews")[0] == 405


def test_what_nobody_serves(world: World) -> None:
    assert world.refused("GET", "/api/v1/namespaces/a/widgets") == (404, "NotFound", "the server could not find the requested resource")
    assert world.response("GET", "/apis/example.com/v1/widgets").body == b"404 page not found\n"
