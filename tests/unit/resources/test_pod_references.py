"""Every place where a Pod names a Secret or a ConfigMap."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.resources.pod_references import config_map_names, secret_names

CONTAINER_KINDS = ["initContainers", "containers", "ephemeralContainers"]


def environment(whole: str, key: str, kind: str) -> dict[str, Any]:
    return {kind: [{"envFrom": [{whole: {"name": "a"}}], "env": [{"name": "V", "valueFrom": {key: {"name": "b", "key": "k"}}}]}]}


@pytest.mark.parametrize("kind", CONTAINER_KINDS)
def test_environments(kind: str) -> None:
    assert list(secret_names({"spec": environment("secretRef", "secretKeyRef", kind)})) == ["a", "b"]
    assert list(config_map_names({"spec": environment("configMapRef", "configMapKeyRef", kind)})) == ["a", "b"]


@pytest.mark.parametrize(
    "volume",
    [
        {"secret": {"secretName": "s"}},
        {"projected": {"sources": [{"configMap": {"name": "c"}}, {"secret": {"name": "s"}}]}},
        {"azureFile": {"secretName": "s"}},
        {"cephfs": {"secretRef": {"name": "s"}}},
        {"cinder": {"secretRef": {"name": "s"}}},
        {"flexVolume": {"secretRef": {"name": "s"}}},
        {"rbd": {"secretRef": {"name": "s"}}},
        {"scaleIO": {"secretRef": {"name": "s"}}},
        {"iscsi": {"secretRef": {"name": "s"}}},
        {"storageos": {"secretRef": {"name": "s"}}},
        {"csi": {"nodePublishSecretRef": {"name": "s"}}},
    ],
    ids=lambda volume: next(iter(volume)),
)
def test_volumes_with_secrets(volume: dict[str, Any]) -> None:
    assert list(secret_names({"spec": {"volumes": [{"name": "v", **volume}]}})) == ["s"]


def test_volumes_with_config_maps() -> None:
    volumes = [{"configMap": {"name": "a"}}, {"projected": {"sources": [{"configMap": {"name": "b"}}]}}]
    assert list(config_map_names({"spec": {"volumes": volumes}})) == ["a", "b"]


def test_empty_names_do_not_count() -> None:
    spec = {"imagePullSecrets": [{"name": ""}, {}, {"name": "pull"}], "volumes": [{"secret": {"secretName": ""}}, {"emptyDir": {}}]}
    assert list(secret_names({"spec": spec})) == ["pull"]
    assert list(secret_names({})) == []
