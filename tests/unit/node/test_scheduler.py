"""The scheduler and what others do to nodes."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.kube.calls import Call, Create, Patch
from labkit.kube.controllers import Event
from labkit.kube.objects import Obj, dig
from labkit.kube.status import Conflict
from labkit.machinery.drivers import run
from labkit.node.facts import NodeFacts
from labkit.node.heartbeat import new_node
from labkit.node.lifecycle import sync_node, sync_role
from labkit.node.scheduler import ALL, controller
from tests.unit.node.world import START, World, pod, scope

NOT_READY = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}


def world_with(mine: Obj, *nodes: Obj) -> World:
    world = World()
    world.add("pods", mine)
    for node in nodes:
        world.add("nodes", node)
    return world


def node(name: str = "one", **spec: Any) -> Obj:
    made = new_node(NodeFacts(name), START)
    made["spec"] |= spec
    return made


def scheduled(world: World, key: str = "team-a/web") -> str:
    run(controller().sync(key, scope()), world)
    return str(dig(world.list("pods")[0], "spec", "nodeName", default=""))


TAINT = {"key": "k", "value": "v", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("spec", "nodes", "expected"),
    [
        pytest.param({}, [node()], "one", id="the only one"),
        pytest.param({}, [node("b"), node("a")], "a", id="the first by name"),
        pytest.param({"nodeName": "other"}, [node()], "other", id="bound already"),
        pytest.param({"schedulerName": "mine"}, [node()], "", id="another scheduler's"),
        pytest.param({"schedulingGates": [{"name": "g"}]}, [node()], "", id="gated"),
        pytest.param({}, [node(unschedulable=True)], "", id="cordoned"),
        pytest.param({}, [node(taints=[NOT_READY])], "", id="not ready"),
        pytest.param({}, [node(taints=[{**TAINT, "effect": "PreferNoSchedule"}])], "one", id="a mild taint"),
        pytest.param({"tolerations": [{"operator": "Exists"}]}, [node(taints=[TAINT])], "one", id="tolerates all"),
        pytest.param({"tolerations": [{"key": "k", "value": "v"}]}, [node(taints=[TAINT])], "one", id="tolerates it"),
        pytest.param({"tolerations": [{"key": "k", "value": "w"}]}, [node(taints=[TAINT])], "", id="tolerates another"),
        pytest.param(
            {"tolerations": [{"key": "k", "operator": "Exists", "effect": "NoExecute"}]}, [node(taints=[TAINT])], "", id="another effect"
        ),
        pytest.param({"nodeSelector": {"kubernetes.io/os": "linux"}}, [node()], "one", id="selected"),
        pytest.param({"nodeSelector": {"kubernetes.io/os": "plan9"}}, [node()], "", id="not selected"),
    ],
)
def test_choice(spec: Obj, nodes: list[Obj], expected: str) -> None:
    mine = pod(node="")
    mine["spec"] |= spec
    assert scheduled(world_with(mine, *nodes)) == expected


def test_the_event_of_a_binding() -> None:
    world = world_with(pod(node=""), node())
    scheduled(world)
    (event,) = world.list("events")
    assert event["message"] == "Successfully assigned team-a/web to one"
    assert event["source"] == {"component": "default-scheduler"}
    assert (event["reportingComponent"], event["reportingInstance"]) == ("default-scheduler", "")


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        pytest.param([], "no nodes available to schedule pods", id="none"),
        pytest.param(
            [node("a", unschedulable=True), node("b", taints=[TAINT])],
            "0/2 nodes are available: 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable. no new claims to deallocate, "
            "preemption: 0/2 nodes are available: 2 Preemption is not helpful for scheduling.",
            id="two",
        ),
    ],
)
def test_nowhere_to_go(nodes: list[Obj], message: str) -> None:
    world = world_with(pod(node=""), *nodes)
    for _ in range(2):
        scheduled(world)
    (condition,) = world.list("pods")[0]["status"]["conditions"]
    assert (condition["type"], condition["status"], condition["reason"], condition["message"]) == (
        "PodScheduled",
        "False",
        "Unschedulable",
        message,
    )
    (event,) = world.list("events")
    assert (event["reason"], event["type"], event["message"], event["count"]) == ("FailedScheduling", "Warning", message, 1)


def test_a_node_that_changes_brings_the_pod_back() -> None:
    tainted = node(taints=[TAINT])
    world = world_with(pod(node=""), tainted)
    assert scheduled(world) == ""
    world.add("nodes", node())
    (_, nodes) = controller().sources
    (key,) = nodes.keys(Event("MODIFIED", node(), tainted))
    assert scheduled(world, key) == "one"


def test_a_heartbeat_is_no_reason_to_look_again() -> None:
    before, after = node(), node()
    after["status"]["conditions"][0]["lastHeartbeatTime"] = "2026-11-22T11:00:00Z"
    (_, nodes) = controller().sources
    assert list(nodes.keys(Event("MODIFIED", after, before))) == []
    assert list(nodes.keys(Event("ADDED", after))) == [ALL]


def test_somebody_was_quicker() -> None:
    def refuse(call: Call) -> None:
        if isinstance(call, Create) and call.subresource == "binding":
            raise Conflict("taken")

    world = world_with(pod(node=""), node())
    world.refuse = refuse
    assert scheduled(world) == ""
    assert world.list("events") == []


def test_the_role_is_given_once() -> None:
    world = World()
    world.add("nodes", node())
    for _ in range(2):
        run(sync_role("one", scope()), world)
    assert world.get("nodes", "one")["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] == ""
    assert [type(call) for call in world.writes] == [Patch]


def test_a_ready_node_loses_its_taint_and_gets_a_range() -> None:
    world = World()
    world.add("nodes", node(taints=[NOT_READY, TAINT]))
    for _ in range(2):
        run(sync_node("one", "10.244.0.0/24"), world)
    found = world.get("nodes", "one")
    assert found["spec"] == {"podCIDR": "10.244.0.0/24", "podCIDRs": ["10.244.0.0/24"], "taints": [TAINT]}
    assert found["metadata"]["annotations"]["node.alpha.kubernetes.io/ttl"] == "0"
    assert len(world.writes) == 1


def test_a_node_that_is_not_ready_is_tainted() -> None:
    mine = node()
    mine["status"]["conditions"][-1]["status"] = "False"
    world = World()
    world.add("nodes", mine)
    run(sync_node("one", "10.244.0.0/24"), world)
    assert world.get("nodes", "one")["spec"]["taints"] == [NOT_READY]
