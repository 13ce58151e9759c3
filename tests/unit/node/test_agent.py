"""The node agent: from a bound Pod to a running one with its token on disk, and back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from labkit.kube.calls import Call, Create, Delete, Patch, Update
from labkit.kube.controllers import Event
from labkit.kube.objects import Obj, copy, dig
from labkit.kube.scope import Scope
from labkit.kube.status import Forbidden
from labkit.machinery.drivers import run
from labkit.node.agent import NODE_KEY, NodeAgent, controller
from labkit.node.facts import NodeFacts
from tests.unit.node.world import START, MemoryVolumes, World, ca_map, pod, scope, token_volume

KEY = "team-a/web/uid-web"


def agent() -> NodeAgent:
    return NodeAgent(NodeFacts("one"), MemoryVolumes())


def synced(agent: NodeAgent, world: World, key: str = KEY, around: Scope | None = None) -> float | None:
    around = around or scope(world.now)
    return run(agent.sync(key, around), world)


def world_with(*pods: Obj, ca: bool = True) -> World:
    world = World()
    for one in pods:
        world.add("pods", one)
    if ca:
        world.add("configmaps", ca_map())
    return world


def events(world: World) -> list[tuple[str, str]]:
    return [(one["reason"], one["message"]) for one in world.list("events")]


def phases(world: World) -> list[str]:
    return [call.body["status"]["phase"] for call in world.writes if isinstance(call, Patch) and call.resource == "pods"]


def test_a_pod_gets_its_volume_and_runs() -> None:
    world, node = world_with(pod()), agent()
    again = synced(node, world)
    assert again is not None
    assert 60 <= again <= 90  # KTM-9
    assert isinstance(node.volumes, MemoryVolumes)
    files = node.volumes.only()
    assert set(files) == {"token", "ca.crt", "namespace"}
    assert files["namespace"].data == b"team-a"
    assert files["token"].data == b"default:3607:https://api:1"
    assert phases(world) == ["Pending", "Running"]


def test_the_token_is_asked_for_as_the_source_says() -> None:
    world, node = world_with(pod(volumes=[token_volume(audience="vault")])), agent()
    synced(node, world)
    (call,) = [call for call in world.writes if isinstance(call, Create) and call.subresource == "token"]
    assert (call.resource, call.name, call.namespace) == ("serviceaccounts", "default", "team-a")
    assert call.body["spec"] == {
        "audiences": ["vault"],
        "expirationSeconds": 3607,
        "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": "web", "uid": "uid-web"},
    }


def test_events_of_a_start() -> None:
    world = world_with(pod())
    synced(agent(), world)
    assert sorted(events(world)) == [
        ("Created", "Container created"),
        ("Pulled", 'Container image "labkit.local/tools:1" already present on machine and can be accessed by the pod'),
        ("Started", "Container started"),
    ]
    (event, *_) = world.list("events")
    assert event["source"] == {"component": "kubelet", "host": "one"}
    assert event["involvedObject"] == {
        "kind": "Pod",
        "namespace": "team-a",
        "name": "web",
        "uid": "uid-web",
        "apiVersion": "v1",
        "resourceVersion": "7",
        "fieldPath": "spec.containers{main}",
    }


def test_a_second_look_writes_nothing() -> None:
    world, node = world_with(pod()), agent()
    synced(node, world)
    before = len(world.writes)
    world.now += timedelta(seconds=70)
    synced(node, world)
    assert world.writes[before:] == []


def test_a_stale_cache_starts_nothing_twice() -> None:
    world, node = world_with(stale := pod()), agent()
    stale = copy(stale)
    synced(node, world)
    before = len(world.writes)
    world.add("pods", stale)  # the informer has not seen the status yet
    synced(node, world)
    assert world.writes[before:] == []


def test_without_the_root_ca_the_pod_waits_and_says_so() -> None:
    world, node = world_with(pod(), ca=False), agent()
    delays = []
    for _ in range(3):
        delays.append(synced(node, world))
        assert synced(node, world) == delays[-1]  # nothing is tried before its time
        world.now += timedelta(seconds=delays[-1] or 0)
    assert delays == [0.5, 1.0, 2.0]
    assert phases(world) == ["Pending"]
    status = world.get("pods", "web", "team-a")["status"]
    assert status["containerStatuses"][0]["state"] == {"waiting": {"reason": "ContainerCreating"}}
    (event,) = world.list("events")
    assert event["message"] == 'MountVolume.SetUp failed for volume "kube-api-access-x7k2p" : configmap "kube-root-ca.crt" not found'
    assert (event["reason"], event["type"], event["count"]) == ("FailedMount", "Warning", 3)
    world.add("configmaps", ca_map())
    synced(node, world)
    assert phases(world)[-1] == "Running"


def test_no_token_no_mount() -> None:
    def refuse(call: Call) -> None:
        if isinstance(call, Create) and call.subresource == "token":
            raise Forbidden("not you")

    world, node = world_with(pod()), agent()
    world.refuse = refuse
    synced(node, world)
    (event,) = world.list("events")
    assert event["message"].endswith(" : failed to fetch token: not you")
    assert isinstance(node.volumes, MemoryVolumes)
    assert node.volumes.volumes == {}


def test_a_refresh_reaches_the_file() -> None:
    """KTM-4: a token of 3607 s is due 2886 s after it was issued."""
    world, node = world_with(pod()), agent()
    synced(node, world)
    assert isinstance(node.volumes, MemoryVolumes)
    for seconds, number in ((2870, 1), (2887, 2)):
        world.now = START + timedelta(seconds=seconds)
        synced(node, world)
        assert node.volumes.only()["token"].data.endswith(f":{number}".encode())


def test_a_failed_refresh_keeps_the_old_file_and_the_pod_running() -> None:
    world, node = world_with(pod()), agent()
    synced(node, world)

    def refuse(call: Call) -> None:
        if isinstance(call, Create) and call.subresource == "token":
            raise Forbidden("not you")

    world.refuse = refuse
    world.now += timedelta(seconds=3700)
    assert synced(node, world) is not None
    assert world.get("pods", "web", "team-a")["status"]["phase"] == "Running"
    assert isinstance(node.volumes, MemoryVolumes)
    assert node.volumes.only()["token"].data.endswith(b":1")
    assert "expired and refresh failed: not you" in events(world)[-1][1] + events(world)[0][1]


def test_deletion_is_graceful_and_complete() -> None:
    world, node = world_with(pod()), agent()
    synced(node, world)
    world.get("pods", "web", "team-a")["metadata"]["deletionTimestamp"] = "2026-11-22T10:00:30Z"
    assert synced(node, world) is None
    delete = world.writes[-1]
    assert isinstance(delete, Delete)
    assert (delete.uid, delete.grace_period_seconds) == ("uid-web", 0)
    assert ("Killing", "Stopping container main") in events(world)
    last = [call for call in world.writes if isinstance(call, Patch) and call.resource == "pods"][-1].body["status"]
    assert last["phase"] == "Succeeded"
    assert last["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 0
    assert node.volumes.pods() == []
    assert len(node.tokens) == 0


def test_another_pod_of_the_same_name_is_another_pod() -> None:
    world, node = world_with(pod()), agent()
    synced(node, world)
    second = pod()
    second["metadata"]["uid"] = "uid-second"
    world.add("pods", second)
    synced(node, world)
    assert node.volumes.pods() == []
    synced(node, world, "team-a/web/uid-second")
    assert node.volumes.pods() == ["uid-second"]


def test_a_restarted_agent_finds_its_pods_again() -> None:
    world, first = world_with(pod()), agent()
    synced(first, world)
    before = copy(world.get("pods", "web", "team-a")["status"])
    world.now += timedelta(minutes=3)
    synced(agent(), world)
    assert world.get("pods", "web", "team-a")["status"] == before


def test_conditions_of_others_stay() -> None:
    mine = pod()
    theirs = {"type": "example.com/ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": None}
    mine["status"]["conditions"] = [theirs]
    world, node = world_with(mine), agent()
    synced(node, world)
    conditions = world.get("pods", "web", "team-a")["status"]["conditions"]
    assert [one["type"] for one in conditions] == [
        "example.com/ready",
        "PodReadyToStartContainers",
        "Initialized",
        "Ready",
        "ContainersReady",
        "PodScheduled",
    ]


def test_addresses_differ() -> None:
    world, node = world_with(pod("a"), pod("b")), agent()
    for name in ("a", "b"):
        synced(node, world, f"team-a/{name}/uid-{name}")
    found = [dig(one, "status", "podIP") for one in world.list("pods")]
    assert found == ["10.244.0.5", "10.244.0.6"]


@pytest.mark.parametrize(
    ("container", "phase"),
    [
        pytest.param({"command": ["cp", "/a", "/b"]}, "Running", id="ends"),
        pytest.param({"command": ["/bin/sleep", "9"]}, "Pending", id="stays"),
        pytest.param({}, "Pending", id="the image's own command stays"),
        pytest.param({"restartPolicy": "Always"}, "Running", id="sidecar"),
    ],
)
def test_init_containers(container: Obj, phase: str) -> None:
    world, node = world_with(pod(initContainers=[{"name": "first", "image": "labkit.local/tools:1", **container}])), agent()
    synced(node, world)
    assert world.get("pods", "web", "team-a")["status"]["phase"] == phase


def test_a_volume_that_is_not_served_is_said_to_be() -> None:
    world, node = world_with(pod(volumes=[{"name": "data", "persistentVolumeClaim": {"claimName": "x"}}])), agent()
    synced(node, world)
    assert events(world) == [
        ("FailedMount", 'MountVolume.SetUp failed for volume "data" : labkit\'s node does not serve volumes of type persistentVolumeClaim')
    ]


def test_the_node_registers_and_beats() -> None:
    world, node = World(), agent()
    assert synced(node, world, NODE_KEY) == 10.0
    (registered,) = world.list("nodes")
    assert registered["status"]["nodeInfo"]["kubeletVersion"] == "v1.37.2"
    (lease,) = world.list("leases.coordination.k8s.io")
    assert lease["spec"]["renewTime"] == "2026-11-22T10:00:00.000000Z"
    before = len(world.writes)
    world.now += timedelta(seconds=10)
    synced(node, world, NODE_KEY)
    (call,) = world.writes[before:]
    assert isinstance(call, Update)
    assert call.resource == "leases.coordination.k8s.io"
    world.now += timedelta(minutes=5)
    synced(node, world, NODE_KEY)
    conditions = world.get("nodes", "one")["status"]["conditions"]
    assert {one["lastHeartbeatTime"] for one in conditions} == {"2026-11-22T10:05:10Z"}
    assert {one["lastTransitionTime"] for one in conditions} == {"2026-11-22T10:00:00Z"}


def test_leftovers_of_vanished_pods_are_removed() -> None:
    world, node = world_with(pod()), agent()
    synced(node, world)
    world.objects.pop(("pods", "team-a", "web"))
    synced(node, world, NODE_KEY)
    assert node.volumes.pods() == []


def test_the_controller_is_the_nodes_own_user() -> None:
    made = controller("one", MemoryVolumes())
    assert (made.user, made.groups, made.initial) == ("system:node:one", ("system:nodes", "system:authenticated"), ("node",))
    (pods, nodes) = made.sources
    assert pods.field_selector == "spec.nodeName=one"
    assert list(pods.keys(Event("DELETED", pod()))) == [KEY]
    assert list(nodes.keys(Event("MODIFIED", {}))) == []
    assert list(nodes.keys(Event("DELETED", {}))) == ["node"]


def test_an_older_kubelet_has_other_words() -> None:
    world = world_with(pod())
    around = replace(scope(era="1.34"))
    synced(agent(), world, around=around)
    assert ("Created", "Created container: main") in events(world)
