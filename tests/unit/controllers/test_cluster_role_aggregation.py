"""Cluster role aggregation: what a role gathers, and in which order."""

from __future__ import annotations

from labkit.authorization.bootstrap import bootstrap_objects
from labkit.controllers.cluster_role_aggregation import CLUSTER_ROLES, controller
from labkit.kube.controllers import Event
from labkit.kube.objects import Obj
from tests.unit.rules_world import World, obj, scope


def rule(resource: str) -> Obj:
    return {"verbs": ["get"], "apiGroups": [""], "resources": [resource]}


def aggregate(*labels: str, rules: list[Obj] | None = None) -> Obj:
    return obj("all", rules=rules, aggregationRule={"clusterRoleSelectors": [{"matchLabels": {label: "true"}} for label in labels]})


def part(name: str, label: str, *resources: str) -> Obj:
    return obj(name, metadata={"labels": {label: "true"}}, rules=[rule(resource) for resource in resources])


def synced(*roles: Obj) -> World:
    there = World({CLUSTER_ROLES: roles})
    (key,) = controller().sources[0].keys(Event("ADDED", roles[0]))
    there.run(controller().sync(key, scope()))
    return there


def test_gathered_in_order_and_once() -> None:
    there = synced(
        aggregate("second", "first"), part("b", "first", "pods", "secrets"), part("a", "second", "nodes", "pods"), part("c", "other", "x")
    )
    assert there.stored(CLUSTER_ROLES, "all")["rules"] == [rule("nodes"), rule("pods"), rule("secrets")]


def test_what_is_right_is_left_alone() -> None:
    assert synced(aggregate("first", rules=[rule("pods")]), part("a", "first", "pods")).actions == []


def test_rules_go_with_their_role() -> None:
    assert synced(aggregate("first", rules=[rule("pods")])).stored(CLUSTER_ROLES, "all")["rules"] == []


def test_the_bootstrap_roles_are_what_the_controller_makes() -> None:
    assert synced(*(found for found in bootstrap_objects() if found["kind"] == "ClusterRole")).actions == []
