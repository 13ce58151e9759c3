"""The chain, and the plugins that need no file of their own."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.admission import DEFAULT_PLUGINS, PLUGINS, AdmissionRequest, admit, validate
from labkit.kube.objects import Obj, copy
from labkit.kube.status import ApiError, Forbidden, NotFound
from tests.unit.rules_world import World, obj, scope

NOT_READY = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
UNREACHABLE = NOT_READY | {"key": "node.kubernetes.io/unreachable"}


def world(phase: str = "Active") -> World:
    return World({"namespaces": [obj("team", status={"phase": phase})], "serviceaccounts": [obj("default", "team")]})


def created(resource: str, body: Obj, *plugins: str, there: World | None = None, namespace: str = "team", subresource: str = "") -> Obj:
    request = AdmissionRequest("CREATE", resource, subresource, namespace, body["metadata"].get("name", ""), body)
    found: Obj = (there or world()).run(admit(request, scope(), frozenset(plugins) or DEFAULT_PLUGINS))
    return found


def test_upstreams_order() -> None:
    names = [plugin.name for plugin in PLUGINS]
    assert names == [
        "NamespaceLifecycle",
        "ServiceAccount",
        "NodeRestriction",
        "TaintNodesByCondition",
        "Priority",
        "DefaultTolerationSeconds",
    ]


def test_a_pod_goes_through_all_plugins() -> None:
    body = obj("p", "team", spec={"containers": [{"name": "c"}]})
    before = copy(body)
    spec = created("pods", body)["spec"]
    assert (spec["serviceAccountName"], spec["priority"], len(spec["tolerations"]), len(spec["volumes"])) == ("default", 0, 2, 1)
    assert body == before


def test_a_plugin_that_is_off() -> None:
    assert "priority" not in created("pods", obj("p", "team", spec={}), "DefaultTolerationSeconds")["spec"]


def test_a_missing_namespace() -> None:
    with pytest.raises(NotFound) as refusal:
        created("configmaps", obj("c", "nowhere"), namespace="nowhere")
    assert refusal.value.message == 'namespaces "nowhere" not found'


def test_a_terminating_namespace() -> None:
    with pytest.raises(Forbidden) as refusal:
        created("configmaps", obj("c", "team"), there=world("Terminating"))
    why = "unable to create new content in namespace team because it is being terminated"
    assert refusal.value.message == f'configmaps "c" is forbidden: {why}'
    assert refusal.value.has_cause("NamespaceTerminating")
    assert refusal.value.details["causes"][0]["message"] == "namespace team is being terminated"


@pytest.mark.parametrize("resource", ["localsubjectaccessreviews.authorization.k8s.io"])
def test_what_enters_a_terminating_namespace(resource: str) -> None:
    assert created(resource, obj("x", "team"), there=world("Terminating"))
    updated = AdmissionRequest("UPDATE", "configmaps", "", "team", "c", obj("c", "team"), obj("c", "team"))
    assert world("Terminating").run(admit(updated, scope(), DEFAULT_PLUGINS))


@pytest.mark.parametrize(
    ("name", "immortal"), [("default", True), ("kube-system", True), ("kube-public", True), ("kube-node-lease", False), ("team", False)]
)
def test_immortal_namespaces(name: str, immortal: bool) -> None:
    request = AdmissionRequest("DELETE", "namespaces", "", "", name, None, obj(name))
    if immortal:
        with pytest.raises(Forbidden, match=f'namespaces "{name}" is forbidden: this namespace may not be deleted'):
            World().run(validate(request, scope(), DEFAULT_PLUGINS))
    else:
        World().run(validate(request, scope(), DEFAULT_PLUGINS))


OWN = {"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 7}


@pytest.mark.parametrize(
    ("present", "after"),
    [
        pytest.param(None, [NOT_READY, UNREACHABLE], id="none"),
        pytest.param([OWN], [OWN, UNREACHABLE], id="one of its own"),
        pytest.param([{"operator": "Exists"}], [{"operator": "Exists"}], id="everything"),
        pytest.param([{"key": "x", "effect": "NoExecute"}], [{"key": "x", "effect": "NoExecute"}, NOT_READY, UNREACHABLE], id="another"),
        pytest.param([OWN | {"effect": "NoSchedule"}], [OWN | {"effect": "NoSchedule"}, NOT_READY, UNREACHABLE], id="another effect"),
    ],
)
def test_tolerations(present: list[Obj] | None, after: list[Obj]) -> None:
    spec: Obj = {} if present is None else {"tolerations": present}
    assert created("pods", obj("p", "team", spec=spec), "DefaultTolerationSeconds")["spec"]["tolerations"] == after


@pytest.mark.parametrize(("name", "priority"), [("", 0), ("system-node-critical", 2000001000), ("system-cluster-critical", 2000000000)])
def test_priority(name: str, priority: int) -> None:
    spec = created("pods", obj("p", "team", spec={"priorityClassName": name}), "Priority")["spec"]
    assert (spec["priority"], spec["preemptionPolicy"]) == (priority, "PreemptLowerPriority")


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"priorityClassName": "x"}, "no PriorityClass with name x was found"),
        (
            {"priority": 5},
            (
                "the integer value of priority (5) must not be provided in pod spec; "
                "priority admission controller computed 0 from the given PriorityClass name"
            ),
        ),
        (
            {"preemptionPolicy": "Never"},
            (
                "the string value of PreemptionPolicy (Never) must not be provided in pod spec; "
                "priority admission controller computed PreemptLowerPriority from the given PriorityClass name"
            ),
        ),
    ],
)
def test_refused_priorities(spec: dict[str, Any], why: str) -> None:
    with pytest.raises(ApiError) as refusal:
        created("pods", obj("p", "team", spec=spec), "Priority")
    assert refusal.value.message == f'pods "p" is forbidden: {why}'


def test_a_new_node_takes_no_pods() -> None:
    taint = {"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}
    node = created("nodes", obj("n", spec={"taints": [{"key": "x", "effect": "NoSchedule"}]}), "TaintNodesByCondition", namespace="")
    assert node["spec"]["taints"] == [{"key": "x", "effect": "NoSchedule"}, taint]
    assert created("nodes", node, "TaintNodesByCondition", namespace="") is node
