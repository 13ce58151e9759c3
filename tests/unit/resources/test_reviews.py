"""The access reviews: what is asked of the authorizer, what is answered, and the refusals of a real 1.37."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.kube.access import Attributes, Decision, ResolvedRules
from labkit.kube.calls import Rule
from labkit.kube.objects import Obj
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, BadRequest
from labkit.kube.users import UserInfo
from labkit.resources.reviews import (
    local_subject_access_review,
    self_subject_access_review,
    self_subject_rules_review,
    subject_access_review,
)
from tests.unit.rules_world import ALICE, World, scope

PODS = {"verb": "get", "resource": "pods"}
PATH = {"path": "/version", "verb": "get"}


class Authorizer:
    """Decides always the same, and remembers what it was asked."""

    def __init__(self, decision: Decision) -> None:
        self.decision, self.asked = decision, Attributes(ALICE, "")

    def __call__(self, attributes: Attributes, _scope: Scope) -> Rule[Decision]:
        self.asked = attributes
        yield from ()
        return self.decision


def body(spec: Any, **metadata: Any) -> Obj:
    return {"kind": "Review", "apiVersion": "authorization.k8s.io/v1", "metadata": metadata, "spec": spec}


def asked_about(spec: Any) -> Attributes:
    authorizer = Authorizer(Decision(True))
    World().run(subject_access_review(body(spec), scope(), authorizer))
    return authorizer.asked


def test_my_own_rights() -> None:
    authorizer = Authorizer(Decision(True, "RBAC: allowed"))
    found = World().run(self_subject_access_review(body({"resourceAttributes": PODS}), scope(), authorizer))
    assert found == body({"resourceAttributes": PODS}) | {"status": {"allowed": True, "reason": "RBAC: allowed"}}
    assert authorizer.asked == Attributes(ALICE, "get", resource="pods")


def test_no_reason_is_not_shown() -> None:
    found = World().run(self_subject_access_review(body({"nonResourceAttributes": PATH}), scope(), Authorizer(Decision(False))))
    assert found["status"] == {"allowed": False}


BOB = UserInfo("bob", ("g",), "1", {"k": ("v",)})


@pytest.mark.parametrize(
    ("spec", "attributes"),
    [
        (
            {"user": "bob", "groups": ["g"], "uid": "1", "extra": {"k": ["v"]}, "nonResourceAttributes": PATH},
            Attributes(BOB, "get", path="/version"),
        ),
        (
            {
                "user": "bob",
                "resourceAttributes": PODS | {"group": "apps", "version": "v1", "subresource": "log", "namespace": "n", "name": "p"},
            },
            Attributes(UserInfo("bob"), "get", "apps", "v1", "pods", "log", "n", "p"),
        ),
        ({"groups": ["g"], "resourceAttributes": PODS}, Attributes(UserInfo("", ("g",)), "get", resource="pods")),
        (
            {"user": "bob", "resourceAttributes": PODS | {"fieldSelector": {"rawSelector": "spec.nodeName=n1"}}},
            Attributes(UserInfo("bob"), "get", resource="pods", field_selector="spec.nodeName=n1"),
        ),
        (
            {
                "user": "bob",
                "resourceAttributes": PODS
                | {"fieldSelector": {"requirements": [{"key": "spec.nodeName", "operator": "In", "values": ["n1"]}]}},
            },
            Attributes(UserInfo("bob"), "get", resource="pods", field_selector="spec.nodeName=n1"),
        ),
    ],
)
def test_what_is_asked(spec: Obj, attributes: Attributes) -> None:
    assert asked_about(spec) == attributes


@pytest.mark.parametrize(
    ("selectors", "error"),
    [
        ({"fieldSelector": {"rawSelector": "a"}}, "spec.resourceAttributes.fieldSelector ignored due to parse error"),
        ({"labelSelector": {"rawSelector": "a b"}}, "spec.resourceAttributes.labelSelector ignored due to parse error"),
        (
            {"fieldSelector": {"requirements": [{"key": "a", "operator": "In", "values": ["b"]}, {"key": "a", "operator": "Exists"}]}},
            "spec.resourceAttributes.fieldSelector partially ignored due to parse error",
        ),
    ],
)
def test_selectors_that_cannot_be_read(selectors: Obj, error: str) -> None:
    review = body({"resourceAttributes": PODS | selectors})
    found = World().run(self_subject_access_review(review, scope(), Authorizer(Decision(True))))
    assert found["status"] == {"allowed": True, "evaluationError": error}


ONE_OF = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
PREFIX = '.authorization.k8s.io "" is invalid: '


@pytest.mark.parametrize(
    ("spec", "metadata", "why"),
    [
        ({"user": "a"}, {}, f"spec: Invalid value: null: {ONE_OF}"),
        (
            {"user": "a", "nonResourceAttributes": PATH, "resourceAttributes": PODS},
            {},
            f'spec: Invalid value: {{"Path":"/version","Verb":"get"}}: {ONE_OF}',
        ),
        ({"resourceAttributes": PODS}, {}, 'spec.user: Invalid value: "": at least one of user or group must be specified'),
        ({"user": "a", "resourceAttributes": PODS}, {"name": "x"}, 'metadata: Invalid value: {"name":"x"}: must be empty'),
        (
            {"user": "a", "resourceAttributes": PODS | {"fieldSelector": {}}},
            {},
            (
                "spec.resourceAttributes.fieldSelector.requirements: Required value: "
                "when spec.resourceAttributes.fieldSelector is specified, requirements or rawSelector is required"
            ),
        ),
        (
            {
                "user": "a",
                "resourceAttributes": PODS | {"labelSelector": {"rawSelector": "a=b", "requirements": [{"key": "a", "operator": "In"}]}},
            },
            {},
            (
                '[spec.resourceAttributes.labelSelector.rawSelector: Invalid value: "a=b": '
                "may not specified at the same time as requirements, "
                "spec.resourceAttributes.labelSelector.requirements[0].values: Required value: "
                "must be specified when `operator` is 'In' or 'NotIn']"
            ),
        ),
    ],
)
def test_refused(spec: Obj, metadata: Obj, why: str) -> None:
    with pytest.raises(ApiError) as refusal:
        World().run(subject_access_review(body(spec, **metadata), scope(), Authorizer(Decision(True))))
    assert (refusal.value.status_code, refusal.value.message) == (422, PREFIX + why)
    assert "kind" not in refusal.value.details


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        (
            {"user": "a", "resourceAttributes": PODS | {"namespace": "other"}},
            'spec.resourceAttributes.namespace: Invalid value: "other": must match metadata.namespace',
        ),
        ({"user": "a", "resourceAttributes": PODS}, 'spec.resourceAttributes.namespace: Invalid value: "": must match metadata.namespace'),
        (
            {"user": "a", "nonResourceAttributes": {"path": "/x"}},
            'spec.nonResourceAttributes: Invalid value: {"Path":"/x","Verb":""}: disallowed on this kind of request',
        ),
    ],
)
def test_local_reviews_refused(spec: Obj, why: str) -> None:
    with pytest.raises(ApiError) as refusal:
        World().run(local_subject_access_review(body(spec), "ns", scope(), Authorizer(Decision(True))))
    assert refusal.value.message == PREFIX + why


def test_local_reviews() -> None:
    spec = {"user": "a", "resourceAttributes": PODS | {"namespace": "ns"}}
    found = World().run(local_subject_access_review(body(spec), "ns", scope(), Authorizer(Decision(False, "no"))))
    assert (found["metadata"], found["status"]) == ({"namespace": "ns"}, {"allowed": False, "reason": "no"})


def test_all_my_rights() -> None:
    asked = []

    def resolve(user: UserInfo, namespace: str) -> Rule[ResolvedRules]:
        asked.append((user, namespace))
        yield from ()
        named = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"]}
        return ResolvedRules((named, {"verbs": ["get"], "nonResourceURLs": ["/x"]}), error="a role is missing")

    found = World().run(self_subject_rules_review(body({"namespace": "ns"}), scope(), resolve))
    assert asked == [(ALICE, "ns")]
    assert found["spec"] == {}, "the namespace is not repeated"
    assert found["status"] == {
        "resourceRules": [{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": ["a"]}],
        "nonResourceRules": [{"verbs": ["get"], "nonResourceURLs": ["/x"]}],
        "incomplete": False,
        "evaluationError": "a role is missing",
    }


def test_all_my_rights_where() -> None:
    def resolve(_user: UserInfo, _namespace: str) -> Rule[ResolvedRules]:
        yield from ()
        return ResolvedRules(())

    with pytest.raises(BadRequest, match="no namespace on request"):
        World().run(self_subject_rules_review(body({}), scope(), resolve))
