"""Roles and bindings: defaults, and the refusals of a real 1.37 in their order."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.kube.objects import Obj
from labkit.kube.status import FieldError
from labkit.resources.rbac import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES
from tests.unit.rules_world import obj

GROUP = "rbac.authorization.k8s.io"
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
READER = {"apiGroup": GROUP, "kind": "ClusterRole", "name": "reader"}


def texts(errors: list[FieldError]) -> list[str]:
    return [str(error) for error in errors]


def test_defaults() -> None:
    role = obj("r")
    ROLES.default(role)
    assert role["rules"] is None
    subjects: list[Obj] = [{"kind": "ServiceAccount", "name": "a"}, {"kind": "User", "name": "u"}, {"kind": "Group", "name": "g"}]
    binding = obj("b", roleRef={"kind": "Role", "name": "r"}, subjects=subjects)
    ROLE_BINDINGS.default(binding)
    assert binding["roleRef"]["apiGroup"] == GROUP
    assert [subject.get("apiGroup") for subject in binding["subjects"]] == [None, GROUP, GROUP]


@pytest.mark.parametrize(
    ("rules", "errors"),
    [
        pytest.param([{"verbs": ["get"], "apiGroups": [""], "resources": ["pods"]}], [], id="fine"),
        pytest.param(
            [{"verbs": []}, {"verbs": ["get"], "nonResourceURLs": ["/x"], "resources": ["a"]}],
            [
                "rules[0].apiGroups: Required value: resource rules must supply at least one api group",
                "rules[0].resources: Required value: resource rules must supply at least one resource",
                'rules[1].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
                'rules[1].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs',
                "rules[0].verbs: Required value",
            ],
            id="all that can be wrong",
        ),
    ],
)
def test_roles(rules: list[Obj], errors: list[str]) -> None:
    assert texts(ROLES.validate(obj("r", "ns", rules=rules))) == errors


def test_cluster_roles_may_name_paths() -> None:
    assert CLUSTER_ROLES.validate(obj("r", rules=[{"verbs": ["get"], "nonResourceURLs": ["/x"]}])) == []


@pytest.mark.parametrize(
    ("rule", "errors"),
    [
        (
            {},
            [
                (
                    "aggregationRule.clusterRoleSelectors: Required value: "
                    "at least one clusterRoleSelector required if aggregationRule is non-nil"
                )
            ],
        ),
        ({"clusterRoleSelectors": [{"matchLabels": {"a": "b"}}]}, []),
        (
            {"clusterRoleSelectors": [{"matchExpressions": [{"key": "a", "operator": "In"}, {"key": "a", "operator": "Foo"}]}]},
            [
                (
                    "aggregationRule.clusterRoleSelectors[0].matchExpressions[0].values: Required value: "
                    "must be specified when `operator` is 'In' or 'NotIn'"
                ),
                'aggregationRule.clusterRoleSelectors[0].matchExpressions[1].operator: Invalid value: "Foo": not a valid selector operator',
                "aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.",
            ],
        ),
    ],
)
def test_aggregation(rule: Obj, errors: list[str]) -> None:
    assert texts(CLUSTER_ROLES.validate(obj("r", aggregationRule=rule))) == errors


@pytest.mark.parametrize(
    ("fields", "errors"),
    [
        pytest.param({"roleRef": READER, "subjects": [{"kind": "ServiceAccount", "name": "a"}]}, [], id="an account of this namespace"),
        pytest.param(
            {"roleRef": {"apiGroup": GROUP}},
            ['roleRef.kind: Unsupported value: "": supported values: "Role", "ClusterRole"', "roleRef.name: Required value"],
            id="no role",
        ),
        pytest.param(
            {
                "roleRef": {"kind": "Foo", "name": "a/b", "apiGroup": "x"},
                "subjects": [
                    {"kind": "ServiceAccount", "name": "A_"},
                    {"kind": "User", "name": "", "apiGroup": "z"},
                    {"kind": "Bar", "name": "x"},
                    {"kind": "ServiceAccount", "name": "a", "apiGroup": "z"},
                ],
            },
            [
                f'roleRef.apiGroup: Unsupported value: "x": supported values: "{GROUP}"',
                'roleRef.kind: Unsupported value: "Foo": supported values: "Role", "ClusterRole"',
                "roleRef.name: Invalid value: \"a/b\": may not contain '/'",
                f'subjects[0].name: Invalid value: "A_": {SUBDOMAIN}',
                f'subjects[1].apiGroup: Unsupported value: "z": supported values: "{GROUP}"',
                'subjects[2].kind: Unsupported value: "Bar": supported values: "ServiceAccount", "User", "Group"',
                'subjects[3].apiGroup: Unsupported value: "z": supported values: ""',
                "subjects[1].name: Required value",
            ],
            id="all that can be wrong",
        ),
    ],
)
def test_role_bindings(fields: dict[str, Any], errors: list[str]) -> None:
    assert texts(ROLE_BINDINGS.validate(obj("b", "ns", **fields))) == errors


def test_cluster_role_bindings() -> None:
    binding = obj("b", roleRef={"apiGroup": GROUP, "kind": "Role", "name": "a%b"}, subjects=[{"kind": "ServiceAccount", "name": "a"}])
    assert texts(CLUSTER_ROLE_BINDINGS.validate(binding)) == [
        'roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"',
        "roleRef.name: Invalid value: \"a%b\": may not contain '%'",
        "subjects[0].namespace: Required value",
    ]


def test_the_role_of_a_binding_stays() -> None:
    old = obj("b", "ns", roleRef=READER)
    new = obj("b", "ns", roleRef=READER | {"kind": "Role", "name": "r1"})
    shown = f'{{"APIGroup":"{GROUP}","Kind":"Role","Name":"r1"}}'
    assert texts(ROLE_BINDINGS.validate_update(new, old)) == [f"roleRef: Invalid value: {shown}: field is immutable"]
    assert ROLE_BINDINGS.validate_update(old | {"subjects": [{"kind": "ServiceAccount", "name": "a"}]}, old) == []
