"""Tables: columns and cells as a real 1.37.2 prints them, and ages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from labkit.apiserver.human_duration import age, human_duration
from labkit.apiserver.table_cells import CELLS, Moment
from labkit.apiserver.tables import columns, table
from labkit.kube.objects import Obj
from labkit.kube.versions import Era
from labkit.resources.kinds import Kind
from labkit.resources.table import KINDS, by_resource

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
TODAY = Era("1.37")
RESOURCES = {
    **by_resource(KINDS),
    "deployments.apps": Kind("Deployment", "deployments", "apps"),
    "replicasets.apps": Kind("ReplicaSet", "replicasets", "apps"),
    "endpointslices.discovery.k8s.io": Kind("EndpointSlice", "endpointslices", "discovery.k8s.io"),
    "priorityclasses.scheduling.k8s.io": Kind("PriorityClass", "priorityclasses", "scheduling.k8s.io", namespaced=False),
}
META = {"name": "x", "creationTimestamp": "2026-11-22T21:59:30Z"}


def _row(resource: str, obj: Obj, era: Era = TODAY) -> list[Any]:
    kind = RESOURCES[resource]
    cells: list[Any] = table(kind, [{"metadata": META} | obj], NOW, era)["rows"][0]["cells"]
    assert len(cells) == len(columns(kind, era))
    return cells


# T-HDR: upstream's table of durations (apimachinery/pkg/util/duration/duration_test.go), and the borders between its forms.
@pytest.mark.parametrize(
    ("duration", "shown"),
    [
        (timedelta(seconds=-2), "<invalid>"),
        (timedelta(seconds=-1.9), "0s"),
        (timedelta(seconds=-0.5), "0s"),
        (timedelta(), "0s"),
        (timedelta(seconds=1.9), "1s"),
        (timedelta(seconds=119.9), "119s"),
        (timedelta(minutes=2), "2m"),
        (timedelta(minutes=2, seconds=1), "2m1s"),
        (timedelta(minutes=9, seconds=59), "9m59s"),
        (timedelta(minutes=10, seconds=59), "10m"),
        (timedelta(minutes=179, seconds=59), "179m"),
        (timedelta(hours=3), "3h"),
        (timedelta(hours=3, minutes=1), "3h1m"),
        (timedelta(hours=7, minutes=59), "7h59m"),
        (timedelta(hours=8, minutes=59), "8h"),
        (timedelta(hours=47, minutes=59), "47h"),
        (timedelta(days=2), "2d"),
        (timedelta(days=2, hours=1, minutes=59), "2d1h"),
        (timedelta(days=7, hours=23), "7d23h"),
        (timedelta(days=8, hours=23), "8d"),
        (timedelta(days=729), "729d"),
        (timedelta(days=730), "2y"),
        (timedelta(days=733), "2y3d"),
        (timedelta(days=365 * 8 - 1), "7y364d"),
        (timedelta(days=365 * 8 + 100), "8y"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_human_duration(duration: timedelta, shown: str) -> None:
    assert human_duration(duration) == shown


@pytest.mark.parametrize(
    ("timestamp", "shown"), [(None, "<unknown>"), ("", "<unknown>"), ("2026-11-22T21:50:00Z", "10m"), ("2026-11-22T21:59:59.5Z", "0s")]
)
def test_age(timestamp: str | None, shown: str) -> None:
    assert age(timestamp, NOW) == shown


def _pod(status: Obj, *, spec: Obj | None = None, **metadata: Any) -> list[Any]:
    body = {"metadata": META | metadata, "spec": {"containers": [{"name": "c"}]} | (spec or {}), "status": status}
    return _row("pods", body)


def _container(state: Obj, **more: Any) -> Obj:
    return {"name": "c", "ready": False, "restartCount": 0, "state": state} | more


RUNNING = _container({"running": {}}, ready=True)
COMPLETED = _container({"terminated": {"exitCode": 0, "reason": "Completed"}}, name="d")
LAST = {"lastState": {"terminated": {"exitCode": 1, "finishedAt": "2026-11-22T21:00:00Z"}}}


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        pytest.param({"phase": "Pending"}, ["0/1", "Pending", "0"], id="pending"),
        pytest.param({"phase": "Running", "containerStatuses": [RUNNING]}, ["1/1", "Running", "0"], id="running"),
        pytest.param(
            {"phase": "Running", "containerStatuses": [RUNNING | {"restartCount": 3} | LAST]},
            ["1/1", "Running", "3 (60m ago)"],
            id="restarted",
        ),
        pytest.param(
            {"phase": "Running", "containerStatuses": [RUNNING | {"restartCount": 3}]}, ["1/1", "Running", "3"], id="restarted-some-time"
        ),
        pytest.param(
            {"phase": "Pending", "containerStatuses": [_container({"waiting": {"reason": "ErrImagePull"}})]},
            ["0/1", "ErrImagePull", "0"],
            id="waiting",
        ),
        pytest.param({"phase": "Succeeded", "containerStatuses": [COMPLETED]}, ["0/1", "Completed", "0"], id="completed"),
        pytest.param(
            {"phase": "Failed", "containerStatuses": [_container({"terminated": {"exitCode": 3}})]},
            ["0/1", "ExitCode:3", "0"],
            id="exit-code",
        ),
        pytest.param(
            {"phase": "Failed", "containerStatuses": [_container({"terminated": {"exitCode": 137, "signal": 9}})]},
            ["0/1", "Signal:9", "0"],
            id="signal",
        ),
        pytest.param({"phase": "Failed", "reason": "Evicted"}, ["0/1", "Evicted", "0"], id="reason"),
        pytest.param(
            {"phase": "Running", "containerStatuses": [RUNNING, COMPLETED]}, ["1/1", "Completed", "0"], id="first-reason-from-behind"
        ),
    ],
)
def test_pod_status(status: Obj, shown: list[str]) -> None:
    if status.get("containerStatuses") == [RUNNING, COMPLETED]:
        shown = ["1/1", "NotReady", "0"]
    assert _pod(status)[1:4] == shown


@pytest.mark.parametrize(
    ("containers", "ready", "shown"),
    [
        pytest.param([RUNNING, COMPLETED], True, "Running", id="one-runs-and-the-pod-is-ready"),
        pytest.param([RUNNING, COMPLETED], False, "NotReady", id="one-runs-and-the-pod-is-not-ready"),
        pytest.param(
            [COMPLETED, _container({"terminated": {"exitCode": 1, "reason": "Error"}})], False, "Error", id="an-error-wins-over-completed"
        ),
    ],
)
def test_a_pod_is_completed_when_all_of_it_is(containers: list[Obj], ready: bool, shown: str) -> None:
    conditions = [{"type": "Ready", "status": str(ready)}]
    assert _pod({"phase": "Running", "conditions": conditions, "containerStatuses": containers})[2] == shown


def _init(state: Obj, **more: Any) -> Obj:
    return {"name": "i", "ready": False, "restartCount": 0, "state": state} | more


@pytest.mark.parametrize(
    ("init", "shown"),
    [
        pytest.param([_init({"running": {}})], ["0/1", "Init:0/2", "0"], id="at-work"),
        pytest.param(
            [_init({"terminated": {"exitCode": 0}}), _init({"waiting": {"reason": "PodInitializing"}})],
            ["0/1", "Init:1/2", "0"],
            id="second",
        ),
        pytest.param(
            [_init({"waiting": {"reason": "CrashLoopBackOff"}}, restartCount=2, **LAST)],
            ["0/1", "Init:CrashLoopBackOff", "2 (60m ago)"],
            id="waits",
        ),
        pytest.param([_init({"terminated": {"exitCode": 2, "reason": "Error"}})], ["0/1", "Init:Error", "0"], id="failed"),
        pytest.param([_init({"terminated": {"exitCode": 9, "signal": 9}})], ["0/1", "Init:Signal:9", "0"], id="signal"),
        pytest.param([_init({"terminated": {"exitCode": 0}}), _init({"terminated": {"exitCode": 0}})], ["0/1", "Pending", "0"], id="done"),
    ],
)
def test_init_containers(init: list[Obj], shown: list[str]) -> None:
    assert _pod({"phase": "Pending", "initContainerStatuses": init}, spec={"initContainers": [{"name": "i"}, {"name": "j"}]})[1:4] == shown


def test_sidecars_count() -> None:
    sidecar = _init({"running": {}}, name="s", ready=True, started=True, restartCount=2, **LAST)
    conditions = [{"type": "Initialized", "status": "True"}]
    status = {"phase": "Running", "conditions": conditions, "initContainerStatuses": [sidecar], "containerStatuses": [RUNNING]}
    spec = {"initContainers": [{"name": "s", "restartPolicy": "Always"}]}
    assert _pod(status, spec=spec)[1:4] == ["2/2", "Running", "2 (60m ago)"]


@pytest.mark.parametrize(
    ("phase", "reason", "shown"),
    [("Running", "", "Terminating"), ("Failed", "", "Failed"), ("Succeeded", "", "Succeeded"), ("Running", "NodeLost", "Unknown")],
)
def test_a_pod_on_its_way_out(phase: str, reason: str, shown: str) -> None:
    assert _pod({"phase": phase, "reason": reason}, deletionTimestamp="2026-11-22T22:00:30Z")[2] == shown


def test_scheduling_gates() -> None:
    assert (
        _pod({"phase": "Pending", "conditions": [{"type": "PodScheduled", "status": "False", "reason": "SchedulingGated"}]})[2]
        == "SchedulingGated"
    )


@pytest.mark.parametrize(
    ("spec", "status", "wide"),
    [
        pytest.param({}, {}, ["<none>", "<none>", "<none>", "<none>"], id="nothing"),
        pytest.param(
            {"nodeName": "n", "readinessGates": [{"conditionType": "a"}, {"conditionType": "b"}]},
            {"podIPs": [{"ip": "10.0.0.1"}], "nominatedNodeName": "m", "conditions": [{"type": "a", "status": "True"}]},
            ["10.0.0.1", "n", "m", "1/2"],
            id="all",
        ),
    ],
)
def test_wide_pods(spec: Obj, status: Obj, wide: list[str]) -> None:
    assert _pod(status, spec=spec)[5:] == wide


def test_restarts_had_no_age_before_1_22() -> None:
    body = {
        "spec": {"containers": [{"name": "c"}]},
        "status": {"phase": "Running", "containerStatuses": [RUNNING | {"restartCount": 3} | LAST]},
    }
    assert _row("pods", body, Era("1.21"))[3] == "3"


@pytest.mark.parametrize(("phase", "reason"), [("Succeeded", "Succeeded"), ("Failed", "Failed"), ("Running", None)])
def test_finished_pods_say_so(phase: str, reason: str | None) -> None:
    row = table(RESOURCES["pods"], [{"metadata": META, "spec": {}, "status": {"phase": phase}}], NOW, TODAY)["rows"][0]
    assert [condition["reason"] for condition in row.get("conditions", [])] == ([reason] if reason else [])


READY = {"type": "Ready", "status": "True"}


@pytest.mark.parametrize(
    ("node", "shown"),
    [
        pytest.param({}, ["Unknown", "<none>"], id="new"),
        pytest.param(
            {"status": {"conditions": [READY]}, "labels": {"node-role.kubernetes.io/control-plane": ""}},
            ["Ready", "control-plane"],
            id="ready",
        ),
        pytest.param(
            {
                "status": {"conditions": [READY | {"status": "Unknown"}]},
                "labels": {"kubernetes.io/role": "b", "node-role.kubernetes.io/a": ""},
            },
            ["NotReady", "a,b"],
            id="roles",
        ),
        pytest.param(
            {"status": {"conditions": [READY]}, "spec": {"unschedulable": True}}, ["Ready,SchedulingDisabled", "<none>"], id="cordoned"
        ),
    ],
)
def test_nodes(node: Obj, shown: list[str]) -> None:
    labels = node.pop("labels", {})
    assert _row("nodes", node | {"metadata": META | {"labels": labels}})[1:3] == shown


@pytest.mark.parametrize(("version", "kernel"), [("1.37", "6.1 (amd64)"), ("1.36", "6.1 (amd64)"), ("1.35", "6.1")])
def test_wide_nodes(version: str, kernel: str) -> None:
    info = {
        "kernelVersion": "6.1",
        "architecture": "amd64",
        "osImage": "Debian",
        "containerRuntimeVersion": "containerd://2",
        "kubeletVersion": "v1",
    }
    status = {"nodeInfo": info, "addresses": [{"type": "InternalIP", "address": "10.0.0.2"}]}
    assert _row("nodes", {"status": status}, Era(version))[4:] == ["v1", "10.0.0.2", "<none>", "Debian", kernel, "containerd://2"]


@pytest.mark.parametrize(
    ("resource", "obj", "shown"),
    [
        pytest.param("namespaces", {"status": {"phase": "Active"}}, ["Active", "30s"], id="namespace"),
        pytest.param("serviceaccounts", {"secrets": [{"name": "a"}]}, ["30s"], id="serviceaccount"),
        pytest.param("secrets", {"type": "Opaque", "data": {"a": "", "b": ""}}, ["Opaque", 2, "30s"], id="secret"),
        pytest.param("secrets", {"type": "Opaque", "data": None}, ["Opaque", 0, "30s"], id="secret-without-data"),
        pytest.param("configmaps", {"data": {"a": ""}, "binaryData": {"b": ""}}, [2, "30s"], id="configmap"),
        pytest.param("leases.coordination.k8s.io", {"spec": {"holderIdentity": "me"}}, ["me", "30s"], id="lease"),
        pytest.param("roles.rbac.authorization.k8s.io", {}, ["2026-11-22T21:59:30Z"], id="role-shows-its-creation"),
        pytest.param(
            "priorityclasses.scheduling.k8s.io", {"value": 5, "preemptionPolicy": "Never"}, [5, False, "30s", "Never"], id="priorityclass"
        ),
        pytest.param(
            "rolebindings.rbac.authorization.k8s.io",
            {
                "roleRef": {"kind": "ClusterRole", "name": "view"},
                "subjects": [
                    {"kind": "User", "name": "u"},
                    {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
                    {"kind": "Group", "name": "g"},
                    {"kind": "ServiceAccount", "name": "t"},
                ],
            },
            ["ClusterRole/view", "30s", "u", "g", "n/s, /t"],
            id="rolebinding",
        ),
        pytest.param(
            "services",
            {"spec": {"type": "ClusterIP", "clusterIPs": ["10.96.0.1"], "ports": [{"port": 443, "protocol": "TCP"}]}},
            ["ClusterIP", "10.96.0.1", "<none>", "443/TCP", "30s", "<none>"],
            id="service",
        ),
        pytest.param(
            "services",
            {"spec": {"type": "NodePort", "ports": [{"port": 80, "nodePort": 30080, "protocol": "TCP"}], "selector": {"b": "2", "a": "1"}}},
            ["NodePort", "<none>", "<none>", "80:30080/TCP", "30s", "a=1,b=2"],
            id="node-port",
        ),
        pytest.param(
            "services",
            {"spec": {"type": "LoadBalancer"}},
            ["LoadBalancer", "<none>", "<pending>", "<none>", "30s", "<none>"],
            id="load-balancer",
        ),
        pytest.param(
            "services",
            {"spec": {"type": "ExternalName", "externalName": "x.y"}},
            ["ExternalName", "<none>", "x.y", "<none>", "30s", "<none>"],
            id="external-name",
        ),
        pytest.param(
            "endpointslices.discovery.k8s.io",
            {
                "addressType": "IPv4",
                "ports": [{"port": 80}, {"name": "n"}, {}],
                "endpoints": [{"addresses": ["1"]}, {"addresses": ["2", "3", "4", "5"]}],
            },
            ["IPv4", "80,n,*", "1,2,3 + 2 more...", "30s"],
            id="endpointslice",
        ),
        pytest.param(
            "endpointslices.discovery.k8s.io", {"addressType": "IPv4"}, ["IPv4", "<unset>", "<unset>", "30s"], id="empty-endpointslice"
        ),
        pytest.param(
            "deployments.apps",
            {
                "spec": {
                    "replicas": 2,
                    "selector": {
                        "matchLabels": {"b": "c"},
                        "matchExpressions": [
                            {"key": "a", "operator": "In", "values": ["z", "y"]},
                            {"key": "d", "operator": "DoesNotExist"},
                        ],
                    },
                    "template": {"spec": {"containers": [{"name": "c", "image": "x"}, {"name": "d", "image": "y"}]}},
                },
                "status": {"readyReplicas": 1},
            },
            ["1/2", 0, 0, "30s", "c,d", "x,y", "a in (y,z),b=c,!d"],
            id="deployment",
        ),
        pytest.param("replicasets.apps", {"spec": {"replicas": 2}}, [2, 0, 0, "30s", "", "", "<none>"], id="replicaset"),
    ],
)
def test_cells(resource: str, obj: Obj, shown: list[Any]) -> None:
    assert _row(resource, obj) == ["x", *shown]


@pytest.mark.parametrize(
    ("event", "shown"),
    [
        pytest.param(
            {
                "firstTimestamp": "2026-11-22T20:00:00Z",
                "lastTimestamp": "2026-11-22T21:00:00Z",
                "count": 4,
                "source": {"component": "kubelet", "host": "n"},
                "message": " hello \n",
                "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec"},
            },
            ["60m", "Normal", "R", "pod/p", "spec", "kubelet, n", "hello", "120m", 4, "x"],
            id="old-form",
        ),
        pytest.param(
            {
                "eventTime": "2026-11-22T20:00:00.000000Z",
                "series": {"count": 5, "lastObservedTime": "2026-11-22T21:30:00.000000Z"},
                "reportingComponent": "s/x",
                "reportingInstance": "i",
                "involvedObject": {"kind": "Pod", "name": "p"},
            },
            ["30m", "Normal", "R", "pod/p", "", "s/x, i", "", "120m", 5, "x"],
            id="new-form",
        ),
        pytest.param(
            {"involvedObject": {"kind": "Node"}, "source": {"component": "c"}},
            ["<unknown>", "Normal", "R", "node", "", "c", "", "<unknown>", 1, "x"],
            id="bare",
        ),
    ],
)
def test_events(event: Obj, shown: list[Any]) -> None:
    assert _row("events", {"type": "Normal", "reason": "R"} | event) == shown


@pytest.mark.parametrize(
    ("version", "names"),
    [("1.37", ["Name", "Age"]), ("1.35", ["Name", "Age"]), ("1.34", ["Name", "Secrets", "Age"]), ("1.6", ["Name", "Secrets", "Age"])],
)
def test_the_secrets_column_of_accounts(version: str, names: list[str]) -> None:
    kind = RESOURCES["serviceaccounts"]
    assert [column["name"] for column in columns(kind, Era(version))] == names
    assert len(_row("serviceaccounts", {"secrets": [{"name": "a"}]}, Era(version))) == len(names)


@pytest.mark.parametrize("resource", sorted(CELLS))
def test_columns_and_cells_go_together(resource: str) -> None:
    kind = RESOURCES[resource]
    for version in ("1.6", "1.37"):
        assert len(CELLS[resource]({"metadata": META}, Moment(NOW, Era(version)))) == len(columns(kind, Era(version)))


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ("Metadata", {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": META}),
        ("Object", {"kind": "Namespace", "apiVersion": "v1", "metadata": META, "status": {}}),
        ("None", None),
    ],
)
def test_what_a_row_carries(include: str, expected: Obj | None) -> None:
    found = table(RESOURCES["namespaces"], [{"metadata": META, "status": {}}], NOW, TODAY, include_object=include)
    assert found["rows"][0]["object"] == expected
    assert list(found) == ["kind", "apiVersion", "metadata", "columnDefinitions", "rows"]
