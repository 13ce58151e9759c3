"""The objects of a new cluster are complete, and consistent with each other."""

from __future__ import annotations

from labkit.authorization.bootstrap import bootstrap_objects, node_rules
from labkit.kube.objects import annotations_of, labels_of, name_of, namespace_of
from labkit.kube.selectors import selector_from_object
from labkit.resources import rbac

OBJECTS = bootstrap_objects()


def of(kind: str) -> dict[str, dict[str, object]]:
    return {name_of(found): found for found in OBJECTS if found["kind"] == kind}


def test_upstreams_objects_say_so() -> None:
    ours = [found for found in OBJECTS if not name_of(found).startswith(("kubeadm:", "system:coredns")) and name_of(found) != "kube-proxy"]
    assert len(ours) == 54 + 73 + 7 + 7
    for found in ours:
        assert labels_of(found)["kubernetes.io/bootstrapping"] == "rbac-defaults"
        assert annotations_of(found)["rbac.authorization.kubernetes.io/autoupdate"] == "true"


def test_every_binding_finds_its_role() -> None:
    roles = {(found["kind"], namespace_of(found), name_of(found)) for found in OBJECTS if found["kind"].endswith("Role")}
    for found in OBJECTS:
        if found["kind"].endswith("Binding"):
            reference = found["roleRef"]
            namespace = "" if reference["kind"] == "ClusterRole" else namespace_of(found)
            assert (reference["kind"], namespace, reference["name"]) in roles


def test_every_object_is_valid() -> None:
    strategies = {
        "ClusterRole": rbac.CLUSTER_ROLES,
        "ClusterRoleBinding": rbac.CLUSTER_ROLE_BINDINGS,
        "Role": rbac.ROLES,
        "RoleBinding": rbac.ROLE_BINDINGS,
    }
    for found in OBJECTS:
        assert strategies[found["kind"]].validate(found) == []


def test_aggregated_roles_hold_what_they_select() -> None:
    roles = of("ClusterRole")
    for role in ("admin", "edit", "view"):
        (wanted,) = roles[role]["aggregationRule"]["clusterRoleSelectors"]  # type: ignore[index]  # an object, to mypy
        selector = selector_from_object(wanted)
        assert selector is not None
        selected = [other for other in roles.values() if selector.matches(labels_of(other))]
        assert selected
        for other in selected:
            assert all(rule in roles[role]["rules"] for rule in other["rules"])  # type: ignore[attr-defined,operator]  # lists


def test_nobody_gets_a_copy_that_others_share() -> None:
    bootstrap_objects()[0]["metadata"]["name"] = "changed"
    assert name_of(bootstrap_objects()[0]) != "changed"


def test_nodes_may_review_tokens() -> None:
    assert any("tokenreviews" in rule["resources"] for rule in node_rules())
