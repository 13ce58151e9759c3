"""Secrets: upstream's TestValidateSecret and TestValidateSecretUpdate, types, text data."""

from __future__ import annotations

import base64

import pytest

from labkit.kube.objects import Obj
from labkit.resources.secrets import SIZE_LIMIT, STRATEGY

NAME_ANNOTATION = "kubernetes.io/service-account.name"
TOKEN = "kubernetes.io/service-account-token"
REDACTED = 'Invalid value: "<secret contents redacted>"'


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(kind: str = "Opaque", *, annotations: dict[str, str] | None = None, **fields: object) -> Obj:
    return {"metadata": {"name": "x", "annotations": annotations or {}}, "type": kind, **fields}


def docker(content: str) -> Obj:
    return secret("kubernetes.io/dockerconfigjson", data={".dockerconfigjson": b64(content)})


@pytest.mark.parametrize(
    ("obj", "found"),
    [
        pytest.param(secret(data={"data-1": b64("x")}), [], id="T-VAL-1"),
        pytest.param(secret(TOKEN, annotations={NAME_ANNOTATION: "foo"}, data={"data-1": b64("x")}), [], id="T-VAL-8"),
        pytest.param(secret(TOKEN), [f"metadata.annotations[{NAME_ANNOTATION}]: Required value"], id="T-VAL-10"),
        pytest.param({"metadata": {}, "type": TOKEN}, [f"metadata.annotations[{NAME_ANNOTATION}]: Required value"], id="T-VAL-11"),
        pytest.param(secret(data={".": ""}), ["data[.]: Invalid value: \".\": must not be '.'"], id="T-VAL-13"),
        pytest.param(secret(data={"a": b64("x" * (SIZE_LIMIT + 1))}), ["data: Too long: may not be more than 1048576 bytes"], id="size"),
        pytest.param(secret(data={"a": b64("x" * SIZE_LIMIT)}), [], id="just-not-too-large"),
        pytest.param(secret("kubernetes.io/dockercfg"), ["data[.dockercfg]: Required value"], id="dockercfg"),
        pytest.param(docker("{}"), [], id="docker-good"),
        pytest.param(docker(""), [f"data[.dockerconfigjson]: {REDACTED}: unexpected end of JSON input"], id="docker-empty"),
        pytest.param(
            docker("x"), [f"data[.dockerconfigjson]: {REDACTED}: invalid character 'x' looking for beginning of value"], id="docker-text"
        ),
        pytest.param(
            docker("[]"),
            [f"data[.dockerconfigjson]: {REDACTED}: json: cannot unmarshal array into Go value of type map[string]interface {{}}"],
            id="docker-list",
        ),
        pytest.param(
            secret("kubernetes.io/basic-auth"), ["data[username]: Required value", "data[password]: Required value"], id="basic-auth"
        ),
        pytest.param(secret("kubernetes.io/basic-auth", data={"username": ""}), [], id="basic-auth-one-will-do"),
        pytest.param(secret("kubernetes.io/ssh-auth", data={"ssh-privatekey": ""}), ["data[ssh-privatekey]: Required value"], id="ssh"),
        pytest.param(secret("kubernetes.io/tls"), ["data[tls.crt]: Required value", "data[tls.key]: Required value"], id="tls"),
        pytest.param(secret("my own/type"), [], id="any-other-type"),
    ],
)
def test_new(obj: Obj, found: list[str]) -> None:
    assert [str(error) for error in STRATEGY.validate(obj)] == found


def test_bad_keys() -> None:
    """T-VAL-7."""
    (error,) = STRATEGY.validate(secret(data={"a*b": ""}))
    assert str(error).startswith('data[a*b]: Invalid value: "a*b": a valid config key must consist of')


FROZEN = "Forbidden: field is immutable when `immutable` is set"


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        pytest.param(secret(), secret(immutable=True), [], id="T-VAL-15"),
        pytest.param(secret(immutable=True), secret(), [f"immutable: {FROZEN}"], id="T-VAL-16"),
        pytest.param(secret(immutable=True), secret(immutable=False), [f"immutable: {FROZEN}"], id="T-VAL-17"),
        pytest.param(secret(), secret(data={"a": b64("x")}), [], id="T-VAL-18"),
        pytest.param(secret(immutable=True), secret(immutable=True, data={"a": b64("x")}), [f"data: {FROZEN}"], id="VAL-6-data"),
        pytest.param(secret(), secret("other"), ['type: Invalid value: "other": field is immutable'], id="VAL-6-type"),
    ],
)
def test_changed(old: Obj, new: Obj, found: list[str]) -> None:
    assert [str(error) for error in STRATEGY.validate_update(new, old)] == found


@pytest.mark.parametrize(
    ("obj", "made"),
    [
        pytest.param({}, {"type": "Opaque"}, id="type"),
        pytest.param({"type": "t", "data": {}}, {"type": "t"}, id="empty-data-is-left-out"),
        pytest.param(
            {"data": {"a": b64("old"), "b": b64("kept")}, "stringData": {"a": "new", "c": ""}},
            {"data": {"a": b64("new"), "b": b64("kept"), "c": ""}, "type": "Opaque"},
            id="text-wins",
        ),
    ],
)
def test_defaults(obj: Obj, made: Obj) -> None:
    STRATEGY.default(obj)
    assert obj == made
    STRATEGY.default(obj)
    assert obj == made


def test_an_update_without_a_type_is_refused_over_http() -> None:
    """Corrections 2: defaulting makes it Opaque before anybody could keep the old one."""
    update = secret("")
    STRATEGY.default(update)
    assert [str(error) for error in STRATEGY.validate_update(update, secret("t"))] == ['type: Invalid value: "Opaque": field is immutable']


def test_selectable_by_type() -> None:
    assert STRATEGY.selectable_fields(secret("t")) == {"type": "t"}
