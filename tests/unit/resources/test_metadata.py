"""ObjectMeta: new and changed. Texts as kube-apiserver 1.37.2 gave them."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.kube.objects import Obj
from labkit.resources.metadata import validate, validate_update


def texts(meta: Obj, **options: Any) -> list[str]:
    return [str(error).split(" (e.g.")[0] for error in validate(meta, namespaced=options.pop("namespaced", True), **options)]


GOOD: Obj = {"name": "x", "namespace": "ns"}
KEY_RULE = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"


@pytest.mark.parametrize(
    ("meta", "found"),
    [
        pytest.param(GOOD, [], id="good"),
        pytest.param({"namespace": "ns"}, ["metadata.name: Required value: name or generateName is required"], id="T-VAL-2"),
        pytest.param({"name": "x"}, ["metadata.namespace: Required value"], id="T-VAL-4"),
        pytest.param({**GOOD, "namespace": "a.b"}, ['metadata.namespace: Invalid value: "a.b": must not contain dots'], id="namespace"),
        pytest.param({**GOOD, "labels": {"a b": "c"}}, [f'metadata.labels: Invalid value: "a b": name part {KEY_RULE}'], id="label-key"),
        pytest.param({**GOOD, "annotations": {"Example.com/a": "any text"}}, [], id="annotations-may-have-capitals"),
        pytest.param(
            {**GOOD, "annotations": {"a": "x" * 262144}},
            ["metadata.annotations: Too long: may not be more than 262144 bytes"],
            id="annotations-size",
        ),
        pytest.param(
            {**GOOD, "finalizers": ["a/b", "x"]},
            ['metadata.finalizers[1]: Invalid value: "x": name is neither a standard finalizer name nor is it fully qualified'],
            id="finalizer-without-domain",
        ),
        pytest.param(
            {**GOOD, "finalizers": ["orphan", "foregroundDeletion"]},
            [
                (
                    'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: '
                    "finalizer orphan and foregroundDeletion cannot be both set"
                )
            ],
            id="finalizers-that-disagree",
        ),
        pytest.param(
            {**GOOD, "ownerReferences": [{"apiVersion": "a/b/c"}]},
            [
                'metadata.ownerReferences[0].apiVersion: Invalid value: "a/b/c": must be <group>/<version> or <version>',
                "metadata.ownerReferences[0].kind: Required value: must not be empty",
                "metadata.ownerReferences[0].name: Required value: must not be empty",
                "metadata.ownerReferences[0].uid: Required value: must not be empty",
            ],
            id="owner-incomplete",
        ),
    ],
)
def test_new(meta: Obj, found: list[str]) -> None:
    assert texts(meta) == found


def test_two_controllers() -> None:
    owners = [{"apiVersion": "v1", "kind": "K", "name": name, "uid": "u", "controller": True} for name in ("a", "b")]
    (error,) = validate({**GOOD, "ownerReferences": owners}, namespaced=True)
    assert error.message.endswith('Only one reference can have Controller set to true. Found "true" in references for K/a and K/b')


def test_an_event_owns_nothing() -> None:
    (error,) = validate({**GOOD, "ownerReferences": [{"apiVersion": "v1", "kind": "Event", "name": "e", "uid": "u"}]}, namespaced=True)
    assert error.message.endswith("/v1, Kind=Event is disallowed from being an owner")


def test_cluster_scoped_objects_have_no_namespace() -> None:
    assert texts(GOOD, namespaced=False) == ["metadata.namespace: Forbidden: not allowed on this type"]


@pytest.mark.parametrize(("rule", "good"), [("path", True), ("subdomain", False), ("label", False)])
def test_rules_for_names(rule: str, good: bool) -> None:
    assert (texts({**GOOD, "name": "Role: x"}, name_rule=rule) == []) is good


OLD: Obj = {**GOOD, "uid": "u", "resourceVersion": "5", "generation": 2, "creationTimestamp": "2026-01-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"uid": None, "creationTimestamp": None}, [], id="left-out"),
        pytest.param({"uid": "v"}, ['metadata.uid: Invalid value: "v": field is immutable'], id="uid"),
        pytest.param({"name": "y"}, ['metadata.name: Invalid value: "y": field is immutable'], id="name"),
        pytest.param(
            {"resourceVersion": ""}, ['metadata.resourceVersion: Invalid value: "": must be specified for an update'], id="no-version"
        ),
        pytest.param({"generation": 1}, ["metadata.generation: Invalid value: 1: must not be decremented"], id="generation"),
        pytest.param(
            {"deletionGracePeriodSeconds": 5},
            ["metadata.deletionGracePeriodSeconds: Invalid value: 5: field is immutable"],
            id="grace-period",
        ),
        pytest.param({"finalizers": ["a/b"]}, [], id="finalizer-added"),
    ],
)
def test_changed(change: Obj, found: list[str]) -> None:
    assert [str(error) for error in validate_update({**OLD, **change}, OLD)] == found


def test_no_new_finalizers_under_deletion() -> None:
    old = {**OLD, "deletionTimestamp": "2026-01-02T00:00:00Z", "finalizers": ["a/b"]}
    (error,) = validate_update({**old, "finalizers": ["a/b", "c/d"]}, old)
    assert str(error) == (
        "metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, "
        'found new finalizers []string{"c/d"}'
    )
    assert validate_update({**old, "finalizers": []}, old) == []
