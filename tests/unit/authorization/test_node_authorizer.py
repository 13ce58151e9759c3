"""The Node authorizer: upstream's rows about accounts (T-AZN), and the other things that a node reads and writes."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.authorization.node_authorizer import authorize
from labkit.kube.access import Attributes, Decision
from labkit.kube.users import UserInfo
from tests.unit.rules_world import ALICE, World, obj, scope

NODE = UserInfo("system:node:node0", ("system:nodes",))
CREDENTIALS = "KubeletServiceAccountTokenForCredentialProviders"
UNRELATED = "no relationship found between node 'node0' and this object"
TOKENS_ONLY = "can only create tokens for individual service accounts"


def pods() -> World:
    environment = [{"secretRef": {"name": "environment"}}, {"configMapRef": {"name": "settings"}}]
    sources = [{"secret": {"name": "projected"}}, {"configMap": {"name": "kube-root-ca.crt"}}]
    spec = {
        "nodeName": "node0",
        "serviceAccountName": "svcacct0-node0",
        "containers": [{"envFrom": environment}],
        "volumes": [{"projected": {"sources": sources}}, {"secret": {"secretName": "volume"}}],
        "imagePullSecrets": [{"name": "pull"}],
    }
    mirror = obj(
        "mirror", "ns0", metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}, spec={**spec, "serviceAccountName": "static"}
    )
    other = obj("pod1", "ns0", spec={"nodeName": "node1", "serviceAccountName": "svcacct0-node1"})
    return World({"pods": [obj("pod0", "ns0", spec=spec), mirror, other]})


def decided(
    verb: str, resource: str, name: str = "", sub: str = "", gates: dict[str, bool] | None = None, version: str = "1.36", **more: Any
) -> Decision:
    attributes = Attributes(NODE, verb, resource=resource, subresource=sub, name=name, **{"namespace": "ns0", **more})
    found: Decision = pods().run(authorize(attributes, scope(NODE, version, gates)))
    return found


@pytest.mark.parametrize(
    ("verb", "name", "sub", "gates", "version", "decision"),
    [
        pytest.param("create", "svcacct0-node0", "token", {}, "1.36", Decision(True), id="T-AZN-1"),
        pytest.param("create", "svcacct0-node1", "token", {}, "1.36", Decision(False, UNRELATED), id="T-AZN-2"),
        pytest.param("get", "svcacct0-node0", "", {CREDENTIALS: True}, "1.36", Decision(True), id="T-AZN-5"),
        pytest.param(
            "get", "svcacct0-node0", "", {CREDENTIALS: False}, "1.36", Decision(False, "not allowed to get service accounts"), id="T-AZN-6"
        ),
        pytest.param("list", "", "", {CREDENTIALS: False}, "1.36", Decision(False, TOKENS_ONLY), id="T-AZN-7"),
        pytest.param("watch", "", "", {CREDENTIALS: False}, "1.36", Decision(False, TOKENS_ONLY), id="T-AZN-8"),
        pytest.param("create", "svcacct0-node0", "token", {CREDENTIALS: False}, "1.37", Decision(True), id="T-AZN-9"),
        pytest.param("get", "svcacct0-node0", "", {CREDENTIALS: False}, "1.37", Decision(True), id="T-AZN-10"),
        pytest.param("get", "svcacct0-node1", "", {}, "1.37", Decision(False, UNRELATED), id="another node's account"),
        pytest.param("create", "static", "token", {}, "1.37", Decision(False, UNRELATED), id="a mirror Pod gives nothing"),
        pytest.param("create", "", "token", {}, "1.37", Decision(False, TOKENS_ONLY), id="no name"),
        pytest.param(
            "create",
            "svcacct0-node0",
            "",
            {},
            "1.37",
            Decision(False, "can only create token subresource of serviceaccount"),
            id="no token",
        ),
    ],
)
def test_accounts(verb: str, name: str, sub: str, gates: dict[str, bool], version: str, decision: Decision) -> None:
    assert decided(verb, "serviceaccounts", name, sub, gates, version) == decision


@pytest.mark.parametrize("verb", ["get", "list", "watch"])
@pytest.mark.parametrize(
    ("resource", "name"),
    [
        ("secrets", "environment"),
        ("secrets", "projected"),
        ("secrets", "volume"),
        ("secrets", "pull"),
        ("configmaps", "settings"),
        ("configmaps", "kube-root-ca.crt"),
    ],
)
def test_what_its_pods_name(verb: str, resource: str, name: str) -> None:
    assert decided(verb, resource, name) == Decision(True)


@pytest.mark.parametrize(
    ("verb", "resource", "more", "reason"),
    [
        ("get", "secrets", {"name": "other"}, UNRELATED),
        ("get", "secrets", {"name": "volume", "namespace": "ns1"}, UNRELATED),
        ("get", "configmaps", {"name": "volume"}, UNRELATED),
        ("list", "secrets", {}, "No Object name found"),
        ("list", "secrets", {"namespace": "", "name": "x"}, "can only read namespaced object of this type"),
        ("update", "secrets", {"name": "volume"}, "can only read resources of this type"),
        ("get", "secrets", {"name": "volume", "sub": "x"}, "cannot read subresource"),
        ("get", "nodes", {"name": "node1", "namespace": ""}, "node 'node0' cannot read 'node1', only its own Node object"),
        ("list", "nodes", {"namespace": ""}, "node 'node0' cannot read all nodes, only its own Node object"),
        ("delete", "nodes", {"name": "node0", "namespace": ""}, ""),
        ("list", "pods", {}, "can only list/watch pods with spec.nodeName field selector"),
        ("list", "pods", {"field_selector": "spec.nodeName=node1"}, "can only list/watch pods with spec.nodeName field selector"),
        ("get", "pods", {"name": "pod1"}, UNRELATED),
        ("update", "pods", {"name": "pod0"}, ""),
        (
            "get",
            "leases",
            {"group": "coordination.k8s.io", "name": "node0"},
            'can only access leases in the "kube-node-lease" system namespace',
        ),
        (
            "update",
            "leases",
            {"group": "coordination.k8s.io", "name": "node1", "namespace": "kube-node-lease"},
            "can only access node lease with the same name as the requesting node",
        ),
        ("list", "leases", {"group": "coordination.k8s.io"}, "can only get, create, update, patch, or delete a node lease"),
        ("create", "roles", {"group": "rbac.authorization.k8s.io"}, ""),
    ],
)
def test_no_opinion(verb: str, resource: str, more: dict[str, str], reason: str) -> None:
    assert decided(verb, resource, **more) == Decision(False, reason)  # type: ignore[arg-type]  # the rows' words are decided's own


@pytest.mark.parametrize(
    ("verb", "resource", "more"),
    [
        ("get", "nodes", {"name": "node0", "namespace": ""}),
        ("create", "nodes", {"namespace": ""}),
        ("patch", "nodes", {"name": "node0", "namespace": "", "sub": "status"}),
        ("watch", "pods", {"field_selector": "spec.nodeName=node0", "namespace": ""}),
        ("get", "pods", {"name": "pod0"}),
        ("watch", "pods", {"name": "pod0"}),
        ("patch", "pods", {"name": "pod0", "sub": "status"}),
        ("delete", "pods", {"name": "pod0"}),
        ("create", "leases", {"group": "coordination.k8s.io", "namespace": "kube-node-lease"}),
        ("create", "tokenreviews", {"group": "authentication.k8s.io", "namespace": ""}),
        ("list", "services", {"namespace": ""}),
        ("create", "events", {}),
    ],
)
def test_allowed(verb: str, resource: str, more: dict[str, str]) -> None:
    assert decided(verb, resource, **more) == Decision(True)  # type: ignore[arg-type]  # the rows' words are decided's own


def test_others_are_not_judged() -> None:
    assert World().run(authorize(Attributes(ALICE, "get", resource="nodes"), scope())) == Decision(False)
    nameless = UserInfo("system:node:", ("system:nodes",))
    assert World().run(authorize(Attributes(nameless, "get", resource="nodes"), scope())) == Decision(
        False, 'unknown node for user "system:node:"'
    )
