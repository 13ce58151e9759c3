"""Bodies held against their schemas: the texts are those of a real 1.37.2."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.kube.objects import Obj
from tests.unit.apiserver.world import World

ACCOUNTS = "/api/v1/namespaces/a/serviceaccounts"
PODS = "/api/v1/namespaces/a/pods"
CANNOT = '{kind} in version "v1" cannot be handled as a {kind}: '


@pytest.fixture
def world() -> World:
    """A cluster with the namespace a."""
    return World()


def account(**fields: Any) -> Obj:
    """An account with these fields."""
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "x"}, **fields}


def pod(**spec: Any) -> Obj:
    """A Pod with these fields in its spec."""
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": {"containers": [{"name": "a", "image": "b"}], **spec}}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (
            account(automountServiceAccountToken="false"),
            "json: cannot unmarshal string into Go struct field ServiceAccount.automountServiceAccountToken of type bool",
        ),
        (account(secrets="a"), "json: cannot unmarshal string into Go struct field ServiceAccount.secrets of type []v1.ObjectReference"),
        (
            account(imagePullSecrets=["a"]),
            "json: cannot unmarshal string into Go struct field ServiceAccount.imagePullSecrets of type v1.LocalObjectReference",
        ),
        (
            account(metadata={"name": "x", "labels": {"a": 1}}),
            "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string",
        ),
        (account(metadata={"name": 5}), "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.name of type string"),
        (account(metadata={"name": "x", "foo": 1}, bar={}), 'strict decoding error: unknown field "metadata.foo", unknown field "bar"'),
        (account(secrets=[{"name": "a", "zz": 1}]), 'strict decoding error: unknown field "secrets[0].zz"'),
        (account(metadata={"name": "x", "Labels": {}}), 'strict decoding error: unknown field "metadata.Labels"'),
        (
            pod(terminationGracePeriodSeconds="x"),
            "json: cannot unmarshal string into Go struct field PodSpec.spec.terminationGracePeriodSeconds of type int64",
        ),
        (pod(containers={}), "json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container"),
        (pod(serviceaccountName="q"), 'strict decoding error: unknown field "spec.serviceaccountName"'),
    ],
)
def test_strict(world: World, body: Obj, why: str) -> None:
    target = PODS if body["kind"] == "Pod" else ACCOUNTS
    expected = (400, "BadRequest", CANNOT.format(kind=body["kind"]) + why)
    assert world.refused("POST", f"{target}?dryRun=All&fieldValidation=Strict", body) == expected


@pytest.mark.parametrize(("mode", "warnings"), [("", ('unknown field "bar"',)), ("Warn", ('unknown field "bar"',)), ("Ignore", ())])
def test_an_unknown_field_is_dropped(world: World, mode: str, warnings: tuple[str, ...]) -> None:
    answer = world.response("POST", f"{ACCOUNTS}?fieldValidation={mode}", account(bar=1))
    assert answer.status == 201
    assert isinstance(answer.body, dict)
    assert "bar" not in answer.body
    assert answer.warnings == warnings


def test_a_wrong_type_is_an_error_in_every_mode(world: World) -> None:
    assert world.refused("POST", f"{ACCOUNTS}?fieldValidation=Ignore", account(secrets=7))[0] == 400


def test_null_means_not_set(world: World) -> None:
    made = world.ok("POST", ACCOUNTS, account(automountServiceAccountToken=None, metadata={"name": "x", "creationTimestamp": None}))
    assert "automountServiceAccountToken" not in made


def test_no_such_mode(world: World) -> None:
    why = 'fieldValidation: Unsupported value: "Foo": supported values: "", "Ignore", "Strict", "Warn"'
    text = f'CreateOptions.meta.k8s.io "" is invalid: {why}'
    assert world.refused("POST", f"{ACCOUNTS}?fieldValidation=Foo", account()) == (422, "Invalid", text)


def test_a_patch_with_an_unknown_field(world: World) -> None:
    world.ok("POST", ACCOUNTS, account())
    strict = world.refused(
        "PATCH", f"{ACCOUNTS}/x?fieldValidation=Strict", {"foo": 1}, content_type="application/strategic-merge-patch+json"
    )
    assert strict == (422, "Invalid", ' "" is invalid: patch: Invalid value: "map[foo:1]": strict decoding error: unknown field "foo"')
    warned = world.response("PATCH", f"{ACCOUNTS}/x", {"foo": 1}, content_type="application/merge-patch+json")
    assert (warned.status, warned.warnings) == (200, ('unknown field "foo"',))


def test_a_patch_to_a_wrong_type(world: World) -> None:
    world.ok("POST", ACCOUNTS, account())
    code, _, message = world.refused(
        "PATCH", f"{ACCOUNTS}/x", {"automountServiceAccountToken": "no"}, content_type="application/merge-patch+json"
    )
    assert code == 422
    assert message.endswith("cannot unmarshal string into Go struct field ServiceAccount.automountServiceAccountToken of type bool")
