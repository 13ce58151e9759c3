"""The RBAC authorizer: whom bindings reach, where, and what the answer says."""

from __future__ import annotations

import pytest

from labkit.authorization.rbac import authorize, rules_for
from labkit.kube.access import Attributes, Decision
from labkit.kube.calls import List
from labkit.kube.objects import Obj
from labkit.kube.users import UserInfo, service_account_groups, service_account_username
from tests.unit.rules_world import ALICE, World, obj

GROUP = "rbac.authorization.k8s.io"
PODS: Obj = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}
ACCOUNT = UserInfo(service_account_username("team", "bot"), (*service_account_groups("team"), "system:authenticated"))


def binding(name: str, subject: Obj, namespace: str = "", role: str = "reader", kind: str = "ClusterRole") -> Obj:
    return obj(name, namespace, roleRef={"apiGroup": GROUP, "kind": kind, "name": role}, subjects=[subject])


def world(*bindings: Obj) -> World:
    found = World(
        {
            f"clusterroles.{GROUP}": [obj("reader", rules=[PODS])],
            f"roles.{GROUP}": [obj("local", "team", rules=[PODS])],
        }
    )
    for each in bindings:
        kind = "rolebindings" if "namespace" in each["metadata"] else "clusterrolebindings"
        found.objects.setdefault(f"{kind}.{GROUP}", {})[each["metadata"].get("namespace", ""), each["metadata"]["name"]] = each
    return found


def user(name: str) -> Obj:
    return {"kind": "User", "apiGroup": GROUP, "name": name}


def group(name: str) -> Obj:
    return {"kind": "Group", "apiGroup": GROUP, "name": name}


BOT = {"kind": "ServiceAccount", "name": "bot", "namespace": "team"}
HOMELESS = {"kind": "ServiceAccount", "name": "bot"}


@pytest.mark.parametrize(
    ("who", "bound", "namespace", "source"),
    [
        pytest.param(
            ALICE, binding("b", user("alice")), "any", 'ClusterRoleBinding "b" of ClusterRole "reader" to User "alice"', id="everywhere"
        ),
        pytest.param(ALICE, binding("b", group("dev")), "", 'ClusterRoleBinding "b" of ClusterRole "reader" to Group "dev"', id="a group"),
        pytest.param(ALICE, binding("b", user("bob")), "any", "", id="somebody else"),
        pytest.param(ALICE, binding("b", user("dev")), "any", "", id="a user named like the group"),
        pytest.param(
            ALICE, binding("b", user("alice"), "team"), "team", 'RoleBinding "b/team" of ClusterRole "reader" to User "alice"', id="here"
        ),
        pytest.param(ALICE, binding("b", user("alice"), "team"), "other", "", id="not elsewhere"),
        pytest.param(ALICE, binding("b", user("alice"), "team"), "", "", id="not everywhere"),
        pytest.param(
            ALICE,
            binding("b", user("alice"), "team", "local", "Role"),
            "team",
            'RoleBinding "b/team" of Role "local" to User "alice"',
            id="a role",
        ),
        pytest.param(
            ACCOUNT, binding("b", BOT, "x"), "x", 'RoleBinding "b/x" of ClusterRole "reader" to ServiceAccount "bot/team"', id="an account"
        ),
        pytest.param(
            ACCOUNT,
            binding("b", HOMELESS, "team"),
            "team",
            'RoleBinding "b/team" of ClusterRole "reader" to ServiceAccount "bot/team"',
            id="its own namespace",
        ),
        pytest.param(ACCOUNT, binding("b", HOMELESS), "team", "", id="no namespace to think of"),
        pytest.param(
            ACCOUNT,
            binding("b", group("system:serviceaccounts:team")),
            "",
            'ClusterRoleBinding "b" of ClusterRole "reader" to Group "system:serviceaccounts:team"',
            id="RBC-6 all accounts of a namespace",
        ),
    ],
)
def test_bindings(who: UserInfo, bound: Obj, namespace: str, source: str) -> None:
    decision = world(bound).run(authorize(Attributes(who, "get", resource="pods", namespace=namespace)))
    assert decision == (Decision(True, f"RBAC: allowed by {source}") if source else Decision(False))


def test_the_cluster_wide_binding_decides_first() -> None:
    both = world(binding("a", user("alice"), "team"), binding("z", user("alice")))
    decision = both.run(authorize(Attributes(ALICE, "get", resource="pods", namespace="team")))
    assert 'ClusterRoleBinding "z"' in decision.reason


@pytest.mark.parametrize(
    ("bindings", "reason"),
    [
        ([binding("b", user("alice"), "team", "nope", "Role")], 'RBAC: role.rbac.authorization.k8s.io "nope" not found'),
        (
            [binding("a", user("alice"), "team", "nope", "Role"), binding("b", user("alice"), "team", "nope2")],
            'RBAC: [role.rbac.authorization.k8s.io "nope" not found, clusterrole.rbac.authorization.k8s.io "nope2" not found]',
        ),
        (
            [binding("a", user("alice"), "team", "nope", "Role"), binding("b", user("alice"), "team", "nope", "Role")],
            'RBAC: role.rbac.authorization.k8s.io "nope" not found',
        ),
    ],
)
def test_a_refusal_names_missing_roles(bindings: list[Obj], reason: str) -> None:
    decision = world(*bindings).run(authorize(Attributes(ALICE, "get", resource="secrets", namespace="team")))
    assert decision == Decision(False, reason)


def test_a_missing_role_does_not_hide_another() -> None:
    both = world(binding("a", user("alice"), "team", "nope", "Role"), binding("b", user("alice"), "team"))
    assert both.run(authorize(Attributes(ALICE, "get", resource="pods", namespace="team"))).allowed


def test_bindings_are_looked_up_and_never_scanned() -> None:
    asked = world()
    asked.run(authorize(Attributes(ALICE, "get", resource="pods", namespace="team")))
    lists = [call for call in asked.calls if isinstance(call, List)]
    assert {call.index for call in lists} == {
        ("subject", "User:alice"),
        ("subject", "Group:dev"),
        ("subject", "Group:system:authenticated"),
    }
    assert {(call.resource.split(".")[0], call.namespace) for call in lists} == {("clusterrolebindings", ""), ("rolebindings", "team")}


def test_all_that_somebody_holds() -> None:
    both = world(
        binding("a", user("alice")), binding("b", group("dev"), "team", "local", "Role"), binding("c", user("alice"), "team", "gone")
    )
    held = both.run(rules_for(ALICE, "team"))
    assert held.policy_rules == [PODS, PODS]
    assert held.errors == ('clusterrole.rbac.authorization.k8s.io "gone" not found',)
    assert both.run(rules_for(ALICE, "")).policy_rules == [PODS]
