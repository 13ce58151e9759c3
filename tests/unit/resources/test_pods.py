"""Pods: what each endpoint may change, grace periods, selectable fields."""

from __future__ import annotations

import pytest

from labkit.kube.objects import Obj, copy
from labkit.resources.pods import GATED, STRATEGY, grace_period
from tests.unit.resources.world import scope

OLD: Obj = {
    "metadata": {"name": "p", "generation": 3, "labels": {"a": "b"}},
    "spec": {"nodeName": "n", "containers": [{"name": "a", "image": "x"}]},
    "status": {"phase": "Running", "qosClass": "BestEffort"},
}


def changed(subresource: str = "", **parts: Obj) -> Obj:
    pod = {**copy(OLD), **parts}
    STRATEGY.prepare_for_update(pod, OLD, scope(), subresource)
    return pod


def test_an_update_keeps_the_status_and_counts_the_spec() -> None:
    other = {**OLD["spec"], "activeDeadlineSeconds": 5}
    pod = changed(spec=other, status={"phase": "Failed"})
    assert (pod["status"], pod["spec"], pod["metadata"]["generation"]) == (OLD["status"], other, 4)
    assert changed(metadata={"name": "p", "labels": {}})["metadata"]["generation"] == 3


def test_the_status_endpoint_keeps_the_spec() -> None:
    pod = changed("status", spec={}, status={"phase": "Failed"}, metadata={"name": "p", "ownerReferences": [{}]})
    assert pod["spec"] == OLD["spec"]
    assert pod["status"] == {"phase": "Failed", "qosClass": "BestEffort"}
    assert "ownerReferences" not in pod["metadata"]


def test_ephemeral_containers_and_nothing_else() -> None:
    added = [{"name": "e", "image": "y"}]
    pod = changed("ephemeralcontainers", spec={"containers": [], "ephemeralContainers": added}, metadata={"name": "p", "labels": {}})
    assert pod["spec"] == {**OLD["spec"], "ephemeralContainers": added}
    assert (pod["metadata"]["labels"], pod["metadata"]["generation"]) == ({"a": "b"}, 4)


def test_a_gated_pod_says_so() -> None:
    pod: Obj = {"metadata": {"name": "p"}, "spec": {"containers": [], "schedulingGates": [{"name": "g"}]}}
    STRATEGY.prepare_for_create(pod, scope())
    assert pod["status"] == {"phase": "Pending", "conditions": [GATED], "qosClass": "BestEffort"}


@pytest.mark.parametrize(
    ("spec", "phase", "asked", "seconds"),
    [
        pytest.param({"nodeName": "n", "terminationGracePeriodSeconds": 30}, "Running", None, 30, id="its-own"),
        pytest.param({"nodeName": "n", "terminationGracePeriodSeconds": 30}, "Running", 5, 5, id="asked-for"),
        pytest.param({"nodeName": "n", "terminationGracePeriodSeconds": 30}, "Running", -1, 1, id="negative"),
        pytest.param({"terminationGracePeriodSeconds": 30}, "Pending", None, 0, id="never-scheduled"),
        pytest.param({"nodeName": "n", "terminationGracePeriodSeconds": 30}, "Succeeded", 5, 0, id="ended"),
    ],
)
def test_grace_periods(spec: Obj, phase: str, asked: int | None, seconds: int) -> None:
    assert grace_period({"spec": spec, "status": {"phase": phase}}, asked) == seconds


def test_selectable_fields() -> None:
    found = STRATEGY.selectable_fields({**OLD, "status": {"phase": "Running", "podIPs": [{"ip": "10.0.0.1"}]}})
    assert (found["spec.nodeName"], found["status.phase"], found["status.podIP"], found["spec.hostNetwork"]) == (
        "n",
        "Running",
        "10.0.0.1",
        "false",
    )


def test_a_dotted_name_earns_a_warning() -> None:
    (warning,) = STRATEGY.warnings({"metadata": {"name": "a.b"}, "spec": {}}, None, scope())
    assert warning == (
        "metadata.name: this is used in the Pod's hostname, which can result in surprising behavior; a DNS label is recommended: "
        "[must not contain dots]"
    )
    assert STRATEGY.warnings({"metadata": {"name": "a.b"}, "spec": {}}, OLD, scope()) == ()
