"""The chain of authorizers, and the texts of refusals as a real 1.37 gives them."""

from __future__ import annotations

import pytest

from labkit.authorization import authorize, bootstrap_objects, forbidden_message, resolve_rules
from labkit.kube.access import Attributes, Decision
from labkit.kube.objects import namespace_of
from labkit.kube.users import UserInfo, service_account_groups, service_account_username
from tests.unit.rules_world import ALICE, World, scope

RBAC = "rbac.authorization.k8s.io"
NODE = UserInfo("system:node:mynode", ("system:nodes", "system:authenticated"))
PLURALS = {"ClusterRole": "clusterroles", "ClusterRoleBinding": "clusterrolebindings", "Role": "roles", "RoleBinding": "rolebindings"}


def account(namespace: str, name: str) -> UserInfo:
    return UserInfo(service_account_username(namespace, name), (*service_account_groups(namespace), "system:authenticated"))


@pytest.fixture(scope="module")
def cluster() -> World:
    world = World()
    for each in bootstrap_objects():
        key = (namespace_of(each), each["metadata"]["name"])
        world.objects.setdefault(f"{PLURALS[each['kind']]}.{RBAC}", {})[key] = each
    return world


ADMIN = UserInfo("kubernetes-admin", ("kubeadm:cluster-admins", "system:authenticated"))
MASTER = UserInfo("root", ("system:masters",))
ANONYMOUS = UserInfo("system:anonymous", ("system:unauthenticated",))
POD = account("team", "default")


@pytest.mark.parametrize(
    ("user", "verb", "what", "allowed"),
    [
        pytest.param(MASTER, "eat", {"resource": "cakes"}, True, id="masters"),
        pytest.param(ADMIN, "delete", {"resource": "nodes"}, True, id="kubeadm administrator"),
        pytest.param(POD, "get", {"path": "/openid/v1/jwks"}, True, id="RBC-1 accounts read the issuer's keys"),
        pytest.param(POD, "get", {"path": "/openid/v1/jwks/"}, True, id="RBC-1 with a slash"),
        pytest.param(ALICE, "get", {"path": "/openid/v1/jwks"}, False, id="RBC-1 others do not"),
        pytest.param(POD, "list", {"group": "certificates.k8s.io", "resource": "clustertrustbundles"}, True, id="RBC-2"),
        pytest.param(POD, "create", {"group": "authorization.k8s.io", "resource": "selfsubjectaccessreviews"}, True, id="RBC-3 basic user"),
        pytest.param(POD, "create", {"group": "authentication.k8s.io", "resource": "selfsubjectreviews"}, True, id="RBC-3 whoami"),
        pytest.param(POD, "get", {"path": "/apis/apps/v1"}, True, id="RBC-3 discovery"),
        pytest.param(ANONYMOUS, "get", {"path": "/healthz"}, True, id="RBC-3 public info"),
        pytest.param(ANONYMOUS, "get", {"path": "/api"}, False, id="RBC-3 no discovery for strangers"),
        pytest.param(POD, "list", {"resource": "pods", "namespace": "team"}, False, id="nothing else"),
        pytest.param(
            ANONYMOUS, "get", {"resource": "configmaps", "namespace": "kube-public", "name": "cluster-info"}, True, id="cluster info"
        ),
        pytest.param(ANONYMOUS, "get", {"resource": "configmaps", "namespace": "kube-public", "name": "x"}, False, id="only that"),
        pytest.param(
            account("kube-system", "service-account-controller"),
            "create",
            {"resource": "serviceaccounts", "namespace": "x"},
            True,
            id="controller",
        ),
        pytest.param(
            account("kube-system", "root-ca-cert-publisher"), "update", {"resource": "configmaps", "namespace": "x"}, True, id="publisher"
        ),
        pytest.param(
            account("kube-system", "namespace-controller"),
            "update",
            {"resource": "namespaces", "subresource": "finalize"},
            True,
            id="finalize",
        ),
        pytest.param(UserInfo("system:kube-controller-manager"), "watch", {"resource": "secrets"}, True, id="controller manager"),
    ],
)
def test_a_new_cluster(cluster: World, user: UserInfo, verb: str, what: dict[str, str], allowed: bool) -> None:
    assert cluster.run(authorize(Attributes(user, verb, **what), scope(user))).allowed is allowed


@pytest.mark.parametrize(
    ("role", "verb", "resource", "subresource", "allowed"),
    [
        pytest.param("edit", "create", "serviceaccounts", "token", True, id="RBC-4 edit makes tokens"),
        pytest.param("view", "create", "serviceaccounts", "token", False, id="RBC-4 view does not"),
        pytest.param("edit", "impersonate", "serviceaccounts", "", True, id="RBC-5 edit impersonates"),
        pytest.param("edit", "get", "secrets", "", True, id="RBC-5 edit reads secrets"),
        pytest.param("view", "get", "serviceaccounts", "", True, id="RBC-5 view reads accounts"),
        pytest.param("view", "get", "secrets", "", False, id="RBC-5 view does not read secrets"),
        pytest.param("admin", "create", "serviceaccounts", "", True, id="admin writes accounts"),
    ],
)
def test_user_facing_roles(cluster: World, role: str, verb: str, resource: str, subresource: str, allowed: bool) -> None:
    from labkit.authorization.rules import allows

    rules = cluster.stored(f"clusterroles.{RBAC}", role)["rules"]
    wanted = Attributes(ALICE, verb, resource=resource, subresource=subresource)
    assert any(allows(rule, wanted) for rule in rules) is allowed


def test_a_refusal_says_whose_reason_it_is(cluster: World) -> None:
    secrets = Attributes(NODE, "get", resource="secrets", namespace="team")
    assert cluster.run(authorize(secrets, scope(NODE))) == Decision(False, "node: No Object name found")
    assert cluster.run(authorize(secrets, scope(NODE, "1.36"))) == Decision(False, "No Object name found")


def test_what_a_node_may_do_cannot_be_listed(cluster: World) -> None:
    resolved = cluster.run(resolve_rules(NODE, "default"))
    assert (resolved.incomplete, resolved.error) == (True, "node authorizer does not support user rule resolution")
    assert not cluster.run(resolve_rules(ALICE, "default")).incomplete


@pytest.mark.parametrize(
    ("attributes", "reason", "message"),
    [
        (
            Attributes(ALICE, "list", resource="secrets", namespace="default"),
            "",
            'secrets is forbidden: User "alice" cannot list resource "secrets" in API group "" in the namespace "default"',
        ),
        (
            Attributes(ALICE, "get", resource="secrets", name="x"),
            "",
            'secrets "x" is forbidden: User "alice" cannot get resource "secrets" in API group "" at the cluster scope',
        ),
        (
            Attributes(ALICE, "list", "apps", resource="deployments", namespace="kube-system"),
            "rbac: RBAC: no role",
            (
                'deployments.apps is forbidden: User "alice" cannot list resource "deployments" in API group "apps" '
                'in the namespace "kube-system": rbac: RBAC: no role'
            ),
        ),
        (
            Attributes(ALICE, "create", resource="serviceaccounts", subresource="token", namespace="default", name="x"),
            "",
            (
                'serviceaccounts "x" is forbidden: User "alice" cannot create resource "serviceaccounts/token" in API group "" '
                'in the namespace "default"'
            ),
        ),
        (Attributes(ALICE, "get", path="/foo/<bar>"), "", 'forbidden: User "alice" cannot get path "/foo/&lt;bar&gt;"'),
    ],
)
def test_forbidden(attributes: Attributes, reason: str, message: str) -> None:
    refusal = forbidden_message(attributes, reason)
    assert (refusal.status_code, refusal.message) == (403, message)


def test_a_refused_path_has_empty_details() -> None:
    assert forbidden_message(Attributes(ALICE, "get", path="/x")).status()["details"] == {}
