"""ConfigMaps, namespaces, Nodes, Events, Services: the short strategies. Texts as kube-apiserver 1.37.2 gave them."""

from __future__ import annotations

import pytest

from labkit.kube.objects import Obj
from labkit.resources import config_maps, events, namespaces, nodes, services
from labkit.resources.kinds import Strategy
from tests.unit.resources.world import scope

MISMATCH = "does not match event.namespace"


def event(namespace: str, involved: str, **fields: object) -> Obj:
    return {"metadata": {"name": "e", "namespace": namespace}, "involvedObject": {"namespace": involved}, **fields}


@pytest.mark.parametrize(
    ("strategy", "obj", "found"),
    [
        pytest.param(config_maps.STRATEGY, {"data": {"a": "x"}, "binaryData": {"b": "eA=="}}, [], id="configmap"),
        pytest.param(
            config_maps.STRATEGY,
            {"data": {"a": "x"}, "binaryData": {"a": "eA=="}},
            ['data[a]: Invalid value: "a": duplicate of key present in binaryData'],
            id="configmap-key-twice",
        ),
        pytest.param(
            config_maps.STRATEGY, {"data": {"a": "x" * 1048577}}, [": Too long: may not be more than 1048576 bytes"], id="configmap-size"
        ),
        pytest.param(
            namespaces.STRATEGY,
            {"spec": {"finalizers": ["x", "a/b", "kubernetes"]}},
            ['spec.finalizers: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified'],
            id="namespace-finalizer",
        ),
        pytest.param(
            nodes.STRATEGY,
            {"spec": {"taints": [{"key": "a", "effect": "NoSchedule"}, {"key": "a", "effect": "NoSchedule"}]}},
            [
                (
                    'metadata.taints[1]: Duplicate value: {"Key":"a","Value":"","Effect":"NoSchedule","TimeAdded":null}: '
                    "taints must be unique by key and effect pair"
                )
            ],
            id="node-taint-twice",
        ),
        pytest.param(
            nodes.STRATEGY,
            {"spec": {"taints": [{"key": "a"}, {"key": "a", "effect": "Z"}], "podCIDRs": ["x"]}},
            [
                "metadata.taints[0].effect: Required value",
                'metadata.taints[1].effect: Unsupported value: "Z": supported values: "NoSchedule", "PreferNoSchedule", "NoExecute"',
                'spec.podCIDRs[0]: Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)',
            ],
            id="node",
        ),
        pytest.param(events.STRATEGY, event("t", "t"), [], id="event"),
        pytest.param(events.STRATEGY, event("default", ""), [], id="event-of-a-node"),
        pytest.param(events.STRATEGY, event("t", "z"), [f'involvedObject.namespace: Invalid value: "z": {MISMATCH}'], id="event-elsewhere"),
        pytest.param(events.STRATEGY, event("t", ""), [f'involvedObject.namespace: Invalid value: "": {MISMATCH}'], id="event-nowhere"),
        pytest.param(
            events.STRATEGY,
            event("t", "t", eventTime="2026-01-01T00:00:00.000000Z", reportingComponent="a", reportingInstance="x" * 129, reason="r"),
            ['reportingInstance: Invalid value: "": can have at most 128 characters', "action: Required value"],
            id="event-new-style",
        ),
        pytest.param(services.STRATEGY, {"spec": {"type": "ClusterIP"}}, ["spec.ports: Required value"], id="service-no-ports"),
        pytest.param(services.STRATEGY, {"spec": {"type": "ClusterIP", "clusterIP": "None"}}, [], id="service-headless"),
        pytest.param(
            services.STRATEGY,
            {"spec": {"type": "X", "ports": [{"port": 80, "targetPort": 80}]}},
            ['spec.type: Unsupported value: "X": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"'],
            id="service-type",
        ),
    ],
)
def test_new(strategy: Strategy, obj: Obj, found: list[str]) -> None:
    assert [str(error) for error in strategy.validate(obj)] == found


@pytest.mark.parametrize(
    ("strategy", "obj", "made"),
    [
        pytest.param(config_maps.STRATEGY, {"data": {}, "binaryData": {}}, {}, id="configmap"),
        pytest.param(
            namespaces.STRATEGY,
            {"metadata": {"name": "n", "labels": {"a": "b"}}},
            {"metadata": {"name": "n", "labels": {"a": "b", "kubernetes.io/metadata.name": "n"}}, "status": {"phase": "Active"}},
            id="namespace",
        ),
        pytest.param(
            namespaces.STRATEGY,
            {"metadata": {"generateName": "n-"}},
            {"metadata": {"generateName": "n-"}, "status": {"phase": "Active"}},
            id="namespace-without-a-name-yet",
        ),
        pytest.param(
            services.STRATEGY,
            {"spec": {"ports": [{"port": 80}]}},
            {
                "spec": {
                    "type": "ClusterIP",
                    "sessionAffinity": "None",
                    "internalTrafficPolicy": "Cluster",
                    "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}],
                },
                "status": {"loadBalancer": {}},
            },
            id="service",
        ),
    ],
)
def test_defaults(strategy: Strategy, obj: Obj, made: Obj) -> None:
    strategy.default(obj)
    assert obj == made
    strategy.default(obj)
    assert obj == made


def test_a_nodes_capacity_is_allocatable() -> None:
    node: Obj = {"status": {"capacity": {"cpu": "1"}}}
    nodes.STRATEGY.default(node)
    assert node["status"]["allocatable"] == {"cpu": "1"}
    assert node["status"]["nodeInfo"]["kubeletVersion"] == ""


@pytest.mark.parametrize(
    ("given", "kept"), [([], ["kubernetes"]), (["a/b"], ["a/b", "kubernetes"]), (["kubernetes", "a/b"], ["kubernetes", "a/b"])]
)
def test_a_new_namespace_is_active_and_has_the_finalizer(given: list[str], kept: list[str]) -> None:
    namespace: Obj = {"metadata": {"name": "n"}, "spec": {"finalizers": given}, "status": {"phase": "Terminating"}}
    namespaces.STRATEGY.prepare_for_create(namespace, scope())
    assert (namespace["spec"], namespace["status"]) == ({"finalizers": kept}, {"phase": "Active"})


@pytest.mark.parametrize(("subresource", "spec", "status"), [("", "old", "old"), ("status", "old", "new"), ("finalize", "new", "old")])
def test_each_endpoint_of_a_namespace_changes_its_part(subresource: str, spec: str, status: str) -> None:
    old: Obj = {"spec": {"finalizers": ["old"]}, "status": {"phase": "old"}}
    new: Obj = {"spec": {"finalizers": ["new"]}, "status": {"phase": "new"}}
    namespaces.STRATEGY.prepare_for_update(new, old, scope(), subresource)
    assert (new["spec"]["finalizers"], new["status"]["phase"]) == ([spec], status)


@pytest.mark.parametrize(
    ("deleted", "phase", "found"),
    [
        pytest.param(True, "Terminating", [], id="terminating"),
        pytest.param(False, "Active", [], id="active"),
        pytest.param(
            False,
            "Terminating",
            ["status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty"],
            id="terminating-without-a-deletion",
        ),
    ],
)
def test_a_namespaces_phase(deleted: bool, phase: str, found: list[str]) -> None:
    namespace: Obj = {"metadata": {"deletionTimestamp": "2026-01-01T00:00:00Z"} if deleted else {}, "status": {"phase": phase}}
    assert [str(error) for error in namespaces.STRATEGY.validate_update(namespace, namespace, "status")] == found


def test_a_frozen_configmap() -> None:
    old: Obj = {"immutable": True, "data": {"a": "x"}}
    found = [error.field for error in config_maps.STRATEGY.validate_update({"data": {"a": "y"}, "binaryData": {"b": ""}}, old)]
    assert found == ["immutable", "data", "binaryData"]


def test_what_a_node_gets_once_it_keeps() -> None:
    old: Obj = {"spec": {"podCIDRs": ["10.0.0.0/24"], "providerID": "x"}}
    found = [str(error) for error in nodes.STRATEGY.validate_update({"spec": {"podCIDRs": [], "providerID": "y"}}, old)]
    assert found == [
        'spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid',
        "spec.providerID: Invalid value: null: field cannot be modified once set",
    ]


@pytest.mark.parametrize(
    ("strategy", "obj", "fields"),
    [
        pytest.param(
            namespaces.STRATEGY,
            {"metadata": {"name": "n"}, "status": {"phase": "Active"}},
            {"status.phase": "Active", "name": "n"},
            id="ns",
        ),
        pytest.param(nodes.STRATEGY, {"spec": {"unschedulable": True}}, {"spec.unschedulable": "true"}, id="node"),
    ],
)
def test_selectable_fields(strategy: Strategy, obj: Obj, fields: dict[str, str]) -> None:
    assert strategy.selectable_fields(obj) == fields


def test_events_are_selected_by_what_they_are_about() -> None:
    found = events.STRATEGY.selectable_fields({"involvedObject": {"kind": "Pod", "name": "p"}, "source": {"component": "kubelet"}})
    assert (found["involvedObject.kind"], found["involvedObject.name"], found["source"]) == ("Pod", "p", "kubelet")
