"""What a Pod looks like once it is filled in. The first row is what `kubectl get pod -o yaml` shows on 1.37.2."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.kube.objects import Obj, copy
from labkit.kube.status import BadRequest
from labkit.resources.pod_defaults import image_pull_policy, qos_class
from labkit.resources.pods import STRATEGY
from tests.unit.resources.world import scope

CONTAINER: Obj = {"name": "a", "image": "nginx"}
FILLED: Obj = {
    **CONTAINER,
    "imagePullPolicy": "Always",
    "resources": {},
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
SPEC: Obj = {
    "containers": [FILLED],
    "dnsPolicy": "ClusterFirst",
    "enableServiceLinks": True,
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "terminationGracePeriodSeconds": 30,
}


def filled(spec: Obj | None = None, container: Obj | None = None) -> Obj:
    pod: Obj = {"metadata": {"name": "p"}, "spec": {"containers": [{**CONTAINER, **(container or {})}], **(spec or {})}}
    STRATEGY.default(pod)
    again = copy(pod)
    STRATEGY.default(again)
    assert again == pod
    found: Obj = pod["spec"]
    return found


def test_a_pod_with_name_and_image() -> None:
    pod: Obj = {"metadata": {"name": "p"}, "spec": {"containers": [dict(CONTAINER)]}}
    STRATEGY.default(pod)
    STRATEGY.prepare_for_create(pod, scope())
    assert pod == {
        "metadata": {"name": "p", "generation": 1},
        "spec": SPEC,
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"serviceAccount": "foo"}, {"serviceAccount": "foo", "serviceAccountName": "foo"}, id="T-VAL-46"),
        pytest.param({"serviceAccountName": "foo"}, {"serviceAccount": "foo", "serviceAccountName": "foo"}, id="T-VAL-45"),
        pytest.param(
            {"serviceAccountName": "foo", "serviceAccount": "bar"}, {"serviceAccount": "foo", "serviceAccountName": "foo"}, id="T-VAL-48"
        ),
        pytest.param({"terminationGracePeriodSeconds": -5}, {"terminationGracePeriodSeconds": 1}, id="negative-grace"),
        pytest.param({"terminationGracePeriodSeconds": 0}, {"terminationGracePeriodSeconds": 0}, id="no-grace"),
        pytest.param({"enableServiceLinks": False}, {"enableServiceLinks": False}, id="no-links"),
        pytest.param({"volumes": [{"name": "v"}]}, {"volumes": [{"name": "v", "emptyDir": {}}]}, id="volume"),
        pytest.param(
            {"volumes": [{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]},
            {
                "volumes": [
                    {
                        "name": "v",
                        "projected": {"defaultMode": 420, "sources": [{"serviceAccountToken": {"path": "t", "expirationSeconds": 3600}}]},
                    }
                ]
            },
            id="T-VAL-50",
        ),
        pytest.param(
            {"volumes": [{"name": "v", "downwardAPI": {"items": [{"path": "x", "fieldRef": {"fieldPath": "metadata.name"}}]}}]},
            {
                "volumes": [
                    {
                        "name": "v",
                        "downwardAPI": {
                            "defaultMode": 420,
                            "items": [{"path": "x", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}],
                        },
                    }
                ]
            },
            id="downward-api",
        ),
        pytest.param(
            {"volumes": [{"name": "v", "hostPath": {"path": "/x"}}]},
            {"volumes": [{"name": "v", "hostPath": {"path": "/x", "type": ""}}]},
            id="host-path",
        ),
    ],
)
def test_specs(given: Obj, expected: Obj) -> None:
    assert filled(given) == {**SPEC, **expected}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({"image": "nginx:1.2"}, {"image": "nginx:1.2", "imagePullPolicy": "IfNotPresent"}, id="tagged"),
        pytest.param({"ports": [{"containerPort": 80}]}, {"ports": [{"containerPort": 80, "protocol": "TCP"}]}, id="port"),
        pytest.param(
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]},
            {"env": [{"name": "A", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}]},
            id="field",
        ),
        pytest.param(
            {"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}]},
            {"env": [{"name": "A", "valueFrom": {"resourceFieldRef": {"divisor": "0", "resource": "limits.cpu"}}}]},
            id="resource",
        ),
        pytest.param(
            {"resources": {"limits": {"cpu": "0.5", "memory": "1024Mi"}, "requests": {"cpu": "0.1"}}},
            {"resources": {"limits": {"cpu": "500m", "memory": "1Gi"}, "requests": {"cpu": "100m", "memory": "1Gi"}}},
            id="requests-from-limits",
        ),
        pytest.param(
            {"livenessProbe": {"httpGet": {"port": 80}}},
            {
                "livenessProbe": {
                    "httpGet": {"port": 80, "path": "/", "scheme": "HTTP"},
                    "timeoutSeconds": 1,
                    "periodSeconds": 10,
                    "successThreshold": 1,
                    "failureThreshold": 3,
                }
            },
            id="probe",
        ),
    ],
)
def test_containers(given: Obj, expected: Obj) -> None:
    assert filled(container=given)["containers"] == [{**FILLED, **expected}]


def test_ports_on_the_nodes_network() -> None:
    assert filled({"hostNetwork": True}, {"ports": [{"containerPort": 80}]})["containers"][0]["ports"] == [
        {"containerPort": 80, "hostPort": 80, "protocol": "TCP"}
    ]


@pytest.mark.parametrize(
    ("image", "policy"),
    [
        ("nginx", "Always"),
        ("nginx:latest", "Always"),
        ("nginx:1.27", "IfNotPresent"),
        ("registry.example:5000/team/nginx", "Always"),
        ("registry.example:5000/team/nginx:1", "IfNotPresent"),
        ("nginx@sha256:" + "a" * 64, "IfNotPresent"),
        ("nginx:latest@sha256:" + "a" * 64, "Always"),
        ("Bad Name", "IfNotPresent"),
        ("", "IfNotPresent"),
    ],
)
def test_pull_policies(image: str, policy: str) -> None:
    assert image_pull_policy(image) == policy


def amounts(*pairs: tuple[dict[str, str], dict[str, str]]) -> Obj:
    return {"spec": {"containers": [{"resources": {"requests": requests, "limits": limits}} for requests, limits in pairs]}}


BOTH = {"cpu": "1", "memory": "1Gi"}


@pytest.mark.parametrize(
    ("pod", "quality"),
    [
        pytest.param(amounts(({}, {})), "BestEffort", id="nothing"),
        pytest.param(amounts(({"cpu": "0"}, {})), "BestEffort", id="zero-is-nothing"),
        pytest.param(amounts((BOTH, BOTH)), "Guaranteed", id="equal"),
        pytest.param(amounts((BOTH, {"cpu": "1000m", "memory": "1024Mi"})), "Guaranteed", id="equal-amounts"),
        pytest.param(amounts((BOTH, BOTH), ({}, {})), "Burstable", id="not-all-containers"),
        pytest.param(amounts(({"cpu": "1"}, {"cpu": "1"})), "Burstable", id="cpu-alone"),
        pytest.param(amounts(({"example.com/x": "1"}, {})), "BestEffort", id="other-resources-do-not-count"),
    ],
)
def test_quality_of_service(pod: Obj, quality: str) -> None:
    assert qos_class(pod) == quality


@pytest.mark.parametrize("resources", [{"requests": {"cpu": "zz"}}, {"limits": {"memory": ""}}])
def test_amounts_that_cannot_be_read(resources: dict[str, Any]) -> None:
    with pytest.raises(BadRequest, match=r'Pod in version "v1" cannot be handled as a Pod: quantities must match'):
        filled(container={"resources": resources})
