"""Pod status: what the kubelet of a kind cluster (1.37.2) wrote for the same Pods."""

from __future__ import annotations

from datetime import timedelta

import pytest

from labkit.kube.clock import rfc3339
from labkit.kube.objects import Obj
from labkit.kube.versions import Era
from labkit.node.facts import NodeFacts
from labkit.node.status import ContainerRun, PodRun, pod_status, qos_class, run_of
from tests.unit.node.world import START, pod

NOW = "2026-11-22T10:00:00Z"
RUN = PodRun("10.244.0.5", containers={"main": ContainerRun("containerd://abc", START)})
NOT_READY = {"message": "containers with unready status: [main]", "reason": "ContainersNotReady"}


def status(run: PodRun | None, mine: Obj | None = None, era: str = "1.37", *, terminal: bool = False) -> Obj:
    return pod_status(mine or pod(), run, NodeFacts("one"), START, Era(era), terminal=terminal)


def condition(kind: str, state: str, **more: str) -> Obj:
    return {"lastProbeTime": None, "lastTransitionTime": NOW, "observedGeneration": 1, "status": state, "type": kind, **more}


def test_running() -> None:
    found = status(RUN)
    image_id = found["containerStatuses"][0].pop("imageID")
    assert image_id.startswith("labkit.local/tools@sha256:")
    mount = {"mountPath": "/mnt/kube-api-access-x7k2p", "name": "kube-api-access-x7k2p", "readOnly": True, "recursiveReadOnly": "Disabled"}
    assert found == {
        "conditions": [
            condition(kind, "True") for kind in ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
        ],
        "containerStatuses": [
            {
                "containerID": "containerd://abc",
                "image": "labkit.local/tools:1",
                "lastState": {},
                "name": "main",
                "ready": True,
                "resources": {},
                "restartCount": 0,
                "started": True,
                "state": {"running": {"startedAt": NOW}},
                "user": {"linux": {"gid": 0, "supplementalGroups": [0], "uid": 0}},
                "volumeMounts": [mount],
            }
        ],
        "hostIP": "172.18.0.2",
        "hostIPs": [{"ip": "172.18.0.2"}],
        "observedGeneration": 1,
        "phase": "Running",
        "podIP": "10.244.0.5",
        "podIPs": [{"ip": "10.244.0.5"}],
        "qosClass": "BestEffort",
        "resources": {},
        "startTime": NOW,
    }


def test_being_created() -> None:
    found = status(None, pod(volumes=[]))
    assert found == {
        "conditions": [
            condition("PodReadyToStartContainers", "False", message="no pod sandbox exists", reason="PodSandboxNotReady"),
            condition("Initialized", "True"),
            condition("Ready", "False", **NOT_READY),
            condition("ContainersReady", "False", **NOT_READY),
            condition("PodScheduled", "True"),
        ],
        "containerStatuses": [
            {
                "image": "labkit.local/tools:1",
                "imageID": "",
                "lastState": {},
                "name": "main",
                "ready": False,
                "restartCount": 0,
                "started": False,
                "state": {"waiting": {"reason": "ContainerCreating"}},
            }
        ],
        "hostIP": "172.18.0.2",
        "hostIPs": [{"ip": "172.18.0.2"}],
        "observedGeneration": 1,
        "phase": "Pending",
        "qosClass": "BestEffort",
        "resources": {},
        "startTime": NOW,
    }


def test_a_problem_has_a_reason_of_its_own() -> None:
    problems = {"main": ("CreateContainerConfigError", 'configmap "x" not found')}
    found = pod_status(pod(), PodRun("10.244.0.5"), NodeFacts("one"), START, Era(), problems=problems)
    waiting = {"message": 'configmap "x" not found', "reason": "CreateContainerConfigError"}
    assert found["containerStatuses"][0]["state"] == {"waiting": waiting}
    assert (found["phase"], found["conditions"][0]["status"]) == ("Pending", "True")


def test_ended() -> None:
    found = status(RUN.stopped(START + timedelta(seconds=9)), terminal=True)
    assert found["phase"] == "Succeeded"
    assert found["containerStatuses"][0]["state"]["terminated"] == {
        "containerID": "containerd://abc",
        "exitCode": 0,
        "finishedAt": "2026-11-22T10:00:09Z",
        "reason": "Completed",
        "startedAt": NOW,
    }
    assert {one["type"]: (one["status"], one.get("reason")) for one in found["conditions"]} == {
        "PodReadyToStartContainers": ("False", "PodSandboxNotReady"),
        "Initialized": ("True", "PodCompleted"),
        "Ready": ("False", "PodCompleted"),
        "ContainersReady": ("False", "PodCompleted"),
        "PodScheduled": ("True", None),
    }


def test_a_condition_that_stays_keeps_its_time() -> None:
    mine = pod()
    mine["status"] = status(None, mine)
    later = pod_status(mine, RUN, NodeFacts("one"), START + timedelta(minutes=1), Era())
    times = {one["type"]: one["lastTransitionTime"] for one in later["conditions"]}
    assert times["Initialized"] == times["PodScheduled"] == NOW
    assert times["Ready"] == rfc3339(START + timedelta(minutes=1))


@pytest.mark.parametrize(
    ("era", "absent"),
    [
        pytest.param("1.35", {"resources"}, id="1.35"),
        pytest.param("1.33", {"resources", "observedGeneration"}, id="1.33"),
        pytest.param("1.27", {"resources", "observedGeneration", "hostIPs"}, id="1.27"),
    ],
)
def test_older_kubelets_say_less(era: str, absent: set[str]) -> None:
    assert set(status(RUN)) - set(status(RUN, era=era)) == absent


def test_a_run_is_found_again_in_the_status() -> None:
    mine = pod()
    mine["status"] = status(RUN, mine)
    assert run_of(mine) == RUN
    assert run_of(pod()) is None


def test_identity() -> None:
    mine = pod(securityContext={"runAsUser": 1000, "fsGroup": 2000, "supplementalGroups": [3000]})
    assert status(RUN, mine)["containerStatuses"][0]["user"] == {"linux": {"gid": 0, "supplementalGroups": [0, 3000, 2000], "uid": 1000}}


def sized(requests: Obj, limits: Obj) -> Obj:
    return {"containers": [{"name": "c", "resources": {"requests": requests, "limits": limits}}]}


FULL = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        pytest.param({"containers": [{"name": "c"}]}, "BestEffort", id="nothing asked"),
        pytest.param(sized(FULL, FULL), "Guaranteed", id="all limits"),
        pytest.param(sized({}, FULL), "Guaranteed", id="limits alone"),
        pytest.param(sized({"cpu": "1000m", "memory": "1024Mi"}, FULL), "Guaranteed", id="the same in other words"),
        pytest.param(sized({"cpu": "1"}, {}), "Burstable", id="a request"),
        pytest.param(sized({"cpu": "500m", "memory": "1Gi"}, FULL), "Burstable", id="less than the limit"),
        pytest.param(sized({"cpu": "0"}, {}), "BestEffort", id="zero is nothing"),
        pytest.param({"containers": [*sized(FULL, FULL)["containers"], {"name": "d"}]}, "Burstable", id="one asks nothing"),
    ],
)
def test_qos(spec: Obj, expected: str) -> None:
    assert qos_class(spec) == expected
