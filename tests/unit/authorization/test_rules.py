"""What a policy rule allows, and what is missing from what somebody holds."""

from __future__ import annotations

import pytest

from labkit.authorization.rules import allows, described, uncovered
from labkit.kube.access import Attributes
from labkit.kube.objects import Obj
from tests.unit.rules_world import ALICE


def rule(verbs: str, resources: str = "", groups: str = "", names: str = "", paths: str = "") -> Obj:
    found: Obj = {"verbs": verbs.split()}
    if resources:
        found |= {"apiGroups": groups.split(",") if groups else [""], "resources": resources.split()}
    if names:
        found["resourceNames"] = names.split()
    if paths:
        found["nonResourceURLs"] = paths.split()
    return found


@pytest.mark.parametrize(
    ("held", "wanted", "allowed"),
    [
        (rule("get list", "pods"), Attributes(ALICE, "get", resource="pods"), True),
        (rule("get list", "pods"), Attributes(ALICE, "watch", resource="pods"), False),
        (rule("*", "*", "*"), Attributes(ALICE, "eat", "x", resource="y", subresource="z"), True),
        (rule("get", "pods"), Attributes(ALICE, "get", "apps", resource="pods"), False),
        (rule("get", "deployments", "apps"), Attributes(ALICE, "get", "apps", resource="deployments"), True),
        (rule("get", "pods"), Attributes(ALICE, "get", resource="pods", subresource="log"), False),
        (rule("get", "pods/log"), Attributes(ALICE, "get", resource="pods", subresource="log"), True),
        (rule("get", "*/log"), Attributes(ALICE, "get", resource="pods", subresource="log"), True),
        (rule("get", "*/log"), Attributes(ALICE, "get", resource="log"), False),
        (rule("get", "pods", names="a b"), Attributes(ALICE, "get", resource="pods", name="b"), True),
        (rule("get", "pods", names="a b"), Attributes(ALICE, "get", resource="pods", name="c"), False),
        (rule("list", "pods", names="a"), Attributes(ALICE, "list", resource="pods"), False),
        (rule("get", paths="/healthz"), Attributes(ALICE, "get", path="/healthz"), True),
        (rule("get", paths="/api/*"), Attributes(ALICE, "get", path="/api/v1"), True),
        (rule("get", paths="/api/*"), Attributes(ALICE, "get", path="/apis"), False),
        (rule("get", paths="*"), Attributes(ALICE, "get", path="/x"), True),
        (rule("get", "*", "*"), Attributes(ALICE, "get", path="/x"), False),
        (rule("get", paths="*"), Attributes(ALICE, "get", resource="pods"), False),
    ],
)
def test_allows(held: Obj, wanted: Attributes, allowed: bool) -> None:
    assert allows(held, wanted) is allowed


@pytest.mark.parametrize(
    ("held", "wanted", "missing"),
    [
        pytest.param([rule("get list", "pods")], [rule("get", "pods")], [], id="covered"),
        pytest.param([rule("get", "pods"), rule("list", "pods")], [rule("get list", "pods")], [], id="covered by two together"),
        pytest.param(
            [], [rule("get", "pods", names="a")], ['{APIGroups:[""], Resources:["pods"], ResourceNames:["a"], Verbs:["get"]}'], id="name"
        ),
        pytest.param([rule("get", "pods")], [rule("get", "pods", names="a")], [], id="all names cover one"),
        pytest.param(
            [rule("get", "pods", names="a")],
            [rule("get", "pods")],
            ['{APIGroups:[""], Resources:["pods"], Verbs:["get"]}'],
            id="one name covers not all",
        ),
        pytest.param([rule("*", "*", "*")], [rule("get", paths="/x")], ['{NonResourceURLs:["/x"], Verbs:["get"]}'], id="paths are apart"),
        pytest.param([rule("get", paths="/a*")], [rule("get", paths="/ab/*")], [], id="pattern covers pattern"),
        pytest.param(
            [rule("get", "pods")],
            [rule("get delete", "pods secrets")],
            ['{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}', '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "delete"]}'],
            id="verbs of one resource together",
        ),
        pytest.param([rule("get", "*/log")], [rule("get", "pods/log")], [], id="subresource of anything"),
        pytest.param(
            [rule("get", "pods")], [rule("*", "pods")], ['{APIGroups:[""], Resources:["pods"], Verbs:["*"]}'], id="star wants star"
        ),
        pytest.param(
            [],
            [rule("get post", paths="/x")],
            ['{NonResourceURLs:["/x"], Verbs:["get"]}', '{NonResourceURLs:["/x"], Verbs:["post"]}'],
            id="paths one by one",
        ),
    ],
)
def test_uncovered(held: list[Obj], wanted: list[Obj], missing: list[str]) -> None:
    assert sorted(described(found) for found in uncovered(held, wanted)) == missing
