"""Nobody grants what they do not hold. The texts are those of a real 1.37."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.authorization import authorize
from labkit.authorization.escalation import check_escalation
from labkit.kube.objects import Obj
from labkit.kube.status import ApiError
from labkit.kube.users import UserInfo
from tests.unit.rules_world import World, obj, scope

GROUP = "rbac.authorization.k8s.io"
ALICE = UserInfo("alice", ("dev", "ops", "system:authenticated"))
WHO = 'user "alice" (groups=["dev" "ops" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n'
PODS: Obj = {"verbs": ["get", "list"], "apiGroups": [""], "resources": ["pods"]}
SECRETS: Obj = {"verbs": ["get"], "apiGroups": [""], "resources": ["secrets"]}
MISSING_SECRETS = WHO + '{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}'


def world(*extra: Obj) -> World:
    subject = {"kind": "Group", "apiGroup": GROUP, "name": "dev"}

    def bound(name: str, role: str) -> Obj:
        return obj(name, roleRef={"apiGroup": GROUP, "kind": "ClusterRole", "name": role}, subjects=[subject])

    return World(
        {
            f"clusterroles.{GROUP}": [obj("mine", rules=[PODS, *extra]), obj("small", rules=[PODS]), obj("big", rules=[SECRETS])],
            f"clusterrolebindings.{GROUP}": [bound("mine", "mine")],
        }
    )


def role(*rules: Obj, **more: Any) -> Obj:
    return obj("r", "team", rules=list(rules), **more)


def binding(name: str, kind: str = "ClusterRole") -> Obj:
    return obj("b", "team", roleRef={"apiGroup": GROUP, "kind": kind, "name": name})


ESCALATE: Obj = {"verbs": ["escalate"], "apiGroups": [GROUP], "resources": ["roles"]}
BIND: Obj = {"verbs": ["bind"], "apiGroups": [GROUP], "resources": ["clusterroles"], "resourceNames": ["big"]}


@pytest.mark.parametrize(
    ("resource", "new", "old", "extra"),
    [
        pytest.param("roles", role(PODS), None, (), id="all rules held"),
        pytest.param("roles", role(SECRETS), None, (ESCALATE,), id="may escalate"),
        pytest.param("roles", role(SECRETS, metadata={"finalizers": ["x/y"]}), role(SECRETS), (), id="only for the garbage collector"),
        pytest.param("rolebindings", binding("small"), None, (), id="all rules of the role held"),
        pytest.param("rolebindings", binding("big"), None, (BIND,), id="may bind"),
    ],
)
def test_granted(resource: str, new: Obj, old: Obj | None, extra: tuple[Obj, ...]) -> None:
    world(*extra).run(check_escalation(f"{resource}.{GROUP}", new, old, scope(ALICE), authorize))


@pytest.mark.parametrize(
    ("resource", "new", "old", "code", "message"),
    [
        pytest.param("roles", role(SECRETS), None, 403, f'roles.{GROUP} "r" is forbidden: {MISSING_SECRETS}', id="role"),
        pytest.param(
            "roles", role(SECRETS, PODS), role(SECRETS), 403, f'roles.{GROUP} "r" is forbidden: {MISSING_SECRETS}', id="changed role"
        ),
        pytest.param("rolebindings", binding("big"), None, 403, f'rolebindings.{GROUP} "b" is forbidden: {MISSING_SECRETS}', id="binding"),
        pytest.param("rolebindings", binding("none", "Role"), None, 404, f'rolebindings.{GROUP} "none" not found', id="missing role"),
        pytest.param("rolebindings", binding("x", "Foo"), None, 500, 'unsupported role reference kind: "Foo"', id="no role at all"),
        pytest.param(
            "clusterroles",
            obj("r", aggregationRule={"clusterRoleSelectors": [{}]}),
            None,
            403,
            f'clusterroles.{GROUP} "r" is forbidden: must have cluster-admin privileges to use the aggregationRule',
            id="aggregation",
        ),
    ],
)
def test_refused(resource: str, new: Obj, old: Obj | None, code: int, message: str) -> None:
    with pytest.raises(ApiError) as refusal:
        world().run(check_escalation(f"{resource}.{GROUP}", new, old, scope(ALICE), authorize))
    assert (refusal.value.status_code, refusal.value.message) == (code, message)


def test_missing_roles_of_others_are_told() -> None:
    there = world()
    subject = {"kind": "User", "apiGroup": GROUP, "name": "alice"}
    gone = obj("gone", "team", roleRef={"apiGroup": GROUP, "kind": "Role", "name": "nope"}, subjects=[subject])
    there.objects[f"rolebindings.{GROUP}"] = {("team", "gone"): gone}
    with pytest.raises(ApiError) as refusal:
        there.run(check_escalation(f"roles.{GROUP}", role(SECRETS), None, scope(ALICE), authorize))
    assert refusal.value.message.endswith(f'; resolution errors: [roles.{GROUP} "nope" not found]')


def test_masters_and_other_resources_pass() -> None:
    World().run(check_escalation(f"roles.{GROUP}", role(SECRETS), None, scope(UserInfo("root", ("system:masters",))), authorize))
    World().run(check_escalation("pods", obj("p", "team"), None, scope(ALICE), authorize))
