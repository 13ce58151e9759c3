"""The namespace controller: order, conditions, patience, and the end."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from labkit.controllers.namespaces import controller, namespaced_resources, sync_namespace
from labkit.kube.controllers import Event
from labkit.kube.objects import Obj
from labkit.kube.status import Forbidden
from tests.unit.rules_world import NOW, World, obj, scope

RESOURCES = ("pods", "secrets")
DELETED = {"deletionTimestamp": "2026-11-22T12:00:00Z"}


def namespace(*finalizers: str, metadata: Obj | None = None) -> Obj:
    return obj(
        "team", spec={"finalizers": list(finalizers)}, status={"phase": "Terminating"}, metadata=DELETED if metadata is None else metadata
    )


def world(*items: tuple[str, Obj], of: Obj | None = None) -> World:
    found: dict[str, list[Obj]] = {"namespaces": [of or namespace("kubernetes")]}
    for resource, item in items:
        found.setdefault(resource, []).append(item)
    return World(found)


def pod(grace: int = 30, **metadata: Any) -> Obj:
    return obj("p", "team", spec={"terminationGracePeriodSeconds": grace}, metadata=metadata)


def conditions(there: World) -> dict[str, tuple[str, str]]:
    found = there.stored("namespaces", "team")["status"]["conditions"]
    return {condition["type"]: (condition["status"], condition["message"]) for condition in found}


def test_an_empty_namespace_goes() -> None:
    there = world()
    assert there.run(sync_namespace("team", scope(), RESOURCES)) is None
    assert there.actions == [
        ("get", "namespaces", "team"),
        ("update", "namespaces/status", "team"),
        ("update", "namespaces/finalize", "team"),
    ]
    assert there.stored("namespaces", "team")["spec"]["finalizers"] == []
    assert conditions(there) == {
        "NamespaceDeletionDiscoveryFailure": ("False", "All resources successfully discovered"),
        "NamespaceDeletionGroupVersionParsingFailure": ("False", "All legacy kube types successfully parsed"),
        "NamespaceDeletionContentFailure": ("False", "All content successfully deleted, may be waiting on finalization"),
        "NamespaceContentRemaining": ("False", "All content successfully removed"),
        "NamespaceFinalizersRemaining": ("False", "All content-preserving finalizers finished"),
    }


def test_content_goes_first() -> None:
    there = world(("secrets", obj("s", "team")), ("pods", obj("p", "team", spec={})), ("secrets", obj("s", "other")))
    there.run(sync_namespace("team", scope(), RESOURCES))
    assert [action for action in there.actions if action[0] == "delete"] == [("delete", "pods", "p"), ("delete", "secrets", "s")]
    assert list(there.objects["secrets"]) == [("other", "s")]


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(namespace("kubernetes", metadata={}), id="not deleted"),
        pytest.param(namespace("mine/own"), id="finalized by us already"),
    ],
)
def test_left_alone(of: Obj) -> None:
    there = world(("secrets", obj("s", "team")), of=of)
    assert there.run(sync_namespace("team", scope(), RESOURCES)) is None
    assert there.actions == [("get", "namespaces", "team")]


def test_the_finalizers_of_others_stay() -> None:
    there = world(of=namespace("mine/own", "kubernetes"))
    there.run(sync_namespace("team", scope(), RESOURCES))
    assert there.stored("namespaces", "team")["spec"]["finalizers"] == ["mine/own"]


@pytest.mark.parametrize(("grace", "passed", "again"), [(30, 0, 16), (30, 20, 6), (1, 0, 1)])
def test_pods_take_their_time(grace: int, passed: int, again: int) -> None:
    there = world(("pods", pod(grace, finalizers=["kubelet"])), ("secrets", obj("s", "team")))
    assert there.run(sync_namespace("team", scope(now=NOW + timedelta(seconds=passed)), RESOURCES)) == again
    assert ("delete", "secrets", "s") not in there.actions, "nothing else goes while Pods are left"
    assert conditions(there)["NamespaceContentRemaining"] == ("True", "Some resources are remaining: pods. has 1 resource instances")
    assert there.stored("namespaces", "team")["spec"]["finalizers"] == ["kubernetes"]


def test_finalizers_of_the_content() -> None:
    there = world(
        ("secrets", obj("a", "team", metadata={"finalizers": ["x/y"]})), ("secrets", obj("b", "team", metadata={"finalizers": ["x/y"]}))
    )
    assert there.run(sync_namespace("team", scope(), RESOURCES)) == 8
    message = "Some content in the namespace has finalizers remaining: x/y in 2 resource instances"
    assert conditions(there)["NamespaceFinalizersRemaining"] == ("True", message)


def test_a_failure_is_told_and_tried_again() -> None:
    there = world(("secrets", obj("s", "team")))
    there.refuse["delete", "secrets"] = Forbidden("no")
    with pytest.raises(ExceptionGroup):
        there.run(sync_namespace("team", scope(), RESOURCES))
    assert conditions(there)["NamespaceDeletionContentFailure"] == ("True", "Failed to delete all resource types, 1 remaining: no")


def test_a_condition_keeps_the_time_of_its_change() -> None:
    there = world(("secrets", obj("s", "team", metadata={"finalizers": ["x/y"]})))
    there.run(sync_namespace("team", scope(), RESOURCES))
    there.objects["secrets"].clear()
    there.run(sync_namespace("team", scope(now=NOW + timedelta(seconds=9)), RESOURCES))
    times = {condition["type"]: condition["lastTransitionTime"] for condition in there.stored("namespaces", "team")["status"]["conditions"]}
    assert times["NamespaceContentRemaining"] == "2026-11-22T12:00:09Z"
    assert times["NamespaceDeletionContentFailure"] == "2026-11-22T12:00:00Z"


def test_pods_are_first_of_all_that_a_namespace_holds() -> None:
    resources = namespaced_resources()
    assert resources[0] == "pods"
    assert {"serviceaccounts", "secrets", "configmaps", "rolebindings.rbac.authorization.k8s.io"} <= set(resources)
    assert not {"nodes", "namespaces", "bindings"} & set(resources)


def test_triggers() -> None:
    (source,) = controller().sources
    assert list(source.keys(Event("MODIFIED", namespace("kubernetes")))) == ["team"]
    assert list(source.keys(Event("ADDED", namespace("kubernetes", metadata={})))) == []
    assert list(source.keys(Event("DELETED", namespace()))) == []
