"""How fields are patched: the stored rules, and how they are taken out of OpenAPI documents."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.kube.patches import FieldRule
from labkit.resources.merge_keys import extract, lookup, schema_of
from labkit.resources.table import KINDS


@pytest.mark.parametrize(
    ("schema", "field", "strategies", "merge_key"),
    [
        ("v1.ServiceAccount", "secrets", ("merge",), "name"),
        ("v1.ServiceAccount", "imagePullSecrets", (), ""),
        ("core.v1.PodSpec", "volumes", ("merge", "retainKeys"), "name"),
        ("core.v1.PodSpec", "containers", ("merge",), "name"),
        ("core.v1.PodSpec", "tolerations", (), ""),
        ("core.v1.Container", "volumeMounts", ("merge",), "mountPath"),
        ("core.v1.Container", "env", ("merge",), "name"),
        ("meta.v1.ObjectMeta", "ownerReferences", ("merge",), "uid"),
        ("meta.v1.ObjectMeta", "finalizers", ("merge",), ""),
        ("core.v1.NodeStatus", "conditions", ("merge",), "type"),
        ("v1.ConfigMap", "data", (), ""),
    ],
)
def test_rules(schema: str, field: str, strategies: tuple[str, ...], merge_key: str) -> None:
    found = lookup(schema, field)
    assert (found.strategies, found.merge_key) == (strategies, merge_key)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if "patch" in kind.verbs], ids=lambda kind: kind.kind)
def test_every_kind_that_can_be_patched_is_known(kind: object) -> None:
    from labkit.resources.kinds import Kind

    assert isinstance(kind, Kind)
    assert lookup(schema_of(kind.group, kind.version, kind.kind), "metadata").schema == "meta.v1.ObjectMeta"


def test_a_pod_leads_to_its_containers() -> None:
    spec = lookup(schema_of("", "v1", "Pod"), "spec")
    assert lookup(spec.schema, "containers").schema == "core.v1.Container"
    assert lookup("nobody", "knows") == FieldRule()


def test_extract() -> None:
    reference = "#/components/schemas/"
    schemas: dict[str, dict[str, Any]] = {
        "io.k8s.api.core.v1.Thing": {
            "x-kubernetes-group-version-kind": [{"group": "", "version": "v1", "kind": "Thing"}],
            "properties": {"spec": {"allOf": [{"$ref": f"{reference}io.k8s.api.core.v1.ThingSpec"}]}, "dull": {"type": "string"}},
        },
        "io.k8s.api.core.v1.ThingSpec": {
            "properties": {
                "parts": {
                    "items": {"$ref": f"{reference}io.k8s.api.core.v1.Part"},
                    "x-kubernetes-patch-strategy": "merge",
                    "x-kubernetes-patch-merge-key": "id",
                }
            }
        },
        "io.k8s.api.core.v1.Part": {"properties": {"id": {"type": "string"}}},
    }
    assert extract(schemas) == {
        "core.v1.ThingSpec": {"parts": ["core.v1.Part", "merge", "id"]},
        "v1.Thing": {"spec": ["core.v1.ThingSpec", "", ""]},
    }
