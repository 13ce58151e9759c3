"""The garbage collector: who goes when an owner goes, and who stays."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.controllers.garbage_collector import controller
from labkit.kube.controllers import Event
from labkit.kube.objects import Obj
from tests.unit.rules_world import World, obj, scope


def reference(name: str, uid: str = "", **more: Any) -> Obj:
    return {"apiVersion": "v1", "kind": "ConfigMap", "name": name, "uid": uid or f"{name}-uid"} | more


def owned(name: str, *owners: Obj) -> Obj:
    return obj(name, "ns", metadata={"ownerReferences": list(owners)})


def config_map(name: str, *finalizers: str) -> Obj:
    metadata = {"deletionTimestamp": "2026-11-22T12:00:00Z", "finalizers": list(finalizers)} if finalizers else {}
    return obj(name, "ns", metadata=metadata)


def collect(there: World, event: Event, resource: str) -> World:
    collector = controller()
    (source,) = [source for source in collector.sources if source.resource == resource]
    for key in source.keys(event):
        there.run(collector.sync(key, scope()))
    return there


def writes(there: World) -> list[tuple[str, str, str]]:
    return [action for action in there.actions if action[0] != "get"]


def test_dependents_of_what_is_gone() -> None:
    there = World(
        {"pods": [owned("mine", reference("gone")), owned("other", reference("x", "x"))], "configmaps": [obj("x", "ns", uid="x")]}
    )
    collect(there, Event("DELETED", config_map("gone")), "configmaps")
    assert writes(there) == [("delete", "pods", "mine")]


def test_an_orphan_from_the_start() -> None:
    mine = owned("mine", reference("never"))
    assert writes(collect(World({"pods": [mine]}), Event("ADDED", mine), "pods")) == [("delete", "pods", "mine")]


def test_an_owner_made_again_is_another() -> None:
    mine = owned("mine", reference("again", "old"))
    there = World({"pods": [mine], "configmaps": [obj("again", "ns", uid="new")]})
    assert writes(collect(there, Event("ADDED", mine), "pods")) == [("delete", "pods", "mine")]


@pytest.mark.parametrize(
    "owner",
    [
        pytest.param(reference("there"), id="an owner that is there"),
        pytest.param(reference("x", kind="Unknown"), id="a kind that nobody knows"),
    ],
)
def test_kept(owner: Obj) -> None:
    mine = owned("mine", owner)
    there = World({"pods": [mine], "configmaps": [config_map("there")]})
    assert writes(collect(there, Event("ADDED", mine), "pods")) == []


def test_one_owner_of_two_is_left() -> None:
    there = World({"pods": [owned("mine", reference("there"), reference("gone"))], "configmaps": [config_map("there")]})
    collect(there, Event("DELETED", config_map("gone")), "configmaps")
    assert there.stored("pods", "mine", "ns")["metadata"]["ownerReferences"] == [reference("there")]


def test_orphaned() -> None:
    owner = config_map("owner", "orphan")
    there = World({"pods": [owned("mine", reference("owner"))], "configmaps": [owner]})
    collect(there, Event("MODIFIED", owner), "configmaps")
    assert writes(there) == [("patch", "pods", "mine"), ("patch", "configmaps", "owner")]
    assert not there.stored("pods", "mine", "ns")["metadata"]["ownerReferences"]
    assert there.stored("configmaps", "owner", "ns")["metadata"]["finalizers"] == []


def test_foreground() -> None:
    owner = config_map("owner", "foregroundDeletion")
    there = World({"pods": [owned("mine", reference("owner", blockOwnerDeletion=True))], "configmaps": [owner]})
    collect(there, Event("MODIFIED", owner), "configmaps")
    assert writes(there) == [("delete", "pods", "mine"), ("patch", "configmaps", "owner")]


def test_foreground_waits_for_those_that_block() -> None:
    owner = config_map("owner", "foregroundDeletion")
    slow = owned("slow", reference("owner", blockOwnerDeletion=True))
    slow["metadata"]["finalizers"] = ["x/y"]
    there = World({"pods": [slow], "configmaps": [owner]})
    collect(there, Event("MODIFIED", owner), "configmaps")
    assert writes(there) == [("delete", "pods", "slow")]
    del there.objects["pods"]["ns", "slow"]
    collect(there, Event("DELETED", slow), "pods")
    assert writes(there)[-1] == ("patch", "configmaps", "owner")


def test_every_kind_is_watched() -> None:
    resources = {source.resource for source in controller().sources}
    assert {"pods", "secrets", "nodes", "leases.coordination.k8s.io", "roles.rbac.authorization.k8s.io"} <= resources
    assert "events" not in resources
