"""Upstream's rows for the root CA publisher (T-RCA), as they are meant."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.controllers.root_ca_publisher import CONFIG_MAP, DESCRIPTION, DESCRIPTION_ANNOTATION, controller, sync_namespace
from labkit.kube.controllers import Event
from labkit.kube.objects import Obj
from labkit.kube.status import ApiError, Conflict, Forbidden, NotFound
from tests.unit.rules_world import World, obj

CA = "-----BEGIN CERTIFICATE-----"
ANNOTATED = {DESCRIPTION_ANNOTATION: DESCRIPTION}


def published(data: dict[str, str] | None = None, annotations: dict[str, str] | None = None) -> Obj:
    metadata: dict[str, Any] = {"annotations": ANNOTATED if annotations is None else annotations, "labels": {"mine": "x"}}
    return obj(CONFIG_MAP, "new", metadata=metadata, data={"ca.crt": CA} if data is None else data)


def test_a_new_namespace() -> None:
    there = World()
    there.run(sync_namespace("new", CA))
    assert there.actions == [("create", "configmaps", CONFIG_MAP)], "T-RCA-1, T-RCA-3"
    assert there.bodies == [{"metadata": {"name": CONFIG_MAP, "annotations": ANNOTATED}, "data": {"ca.crt": CA}}]


@pytest.mark.parametrize(
    "present",
    [
        pytest.param(published({"ca.crt": CA, "extra": "x"}), id="T-RCA-4"),
        pytest.param(published({"ca.crt": "abc"}), id="T-RCA-5"),
        pytest.param(published({}), id="no data"),
        pytest.param(published(annotations={}), id="no description"),
        pytest.param(published(annotations={DESCRIPTION_ANNOTATION: ""}), id="an empty description"),
    ],
)
def test_put_right(present: Obj) -> None:
    there = World({"configmaps": [present]})
    there.run(sync_namespace("new", CA))
    found = there.stored("configmaps", CONFIG_MAP, "new")
    assert found["data"] == {"ca.crt": CA}
    assert found["metadata"]["annotations"] == ANNOTATED
    assert found["metadata"]["labels"] == {"mine": "x"}, "RCA-4: the rest stays"


@pytest.mark.parametrize(
    "present",
    [pytest.param(published(), id="T-RCA-9"), pytest.param(published(annotations={DESCRIPTION_ANNOTATION: "different"}), id="T-RCA-10")],
)
def test_left_alone(present: Obj) -> None:
    there = World({"configmaps": [present]})
    there.run(sync_namespace("new", CA))
    assert there.actions == []


def test_no_description_in_old_versions() -> None:
    there = World({"configmaps": [published(annotations={})]})
    there.run(sync_namespace("new", CA, annotated=False))
    assert there.actions == []


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (NotFound("no namespace"), True),
        (Forbidden("terminating", details={"causes": [{"reason": "NamespaceTerminating"}]}), True),
        (Forbidden("quota"), False),
        (Conflict("x"), False),
    ],
)
def test_failing_to_create(error: ApiError, passes: bool) -> None:
    there = World()
    there.refuse["create", "configmaps"] = error
    if passes:
        there.run(sync_namespace("new", CA))
    else:
        with pytest.raises(type(error)):
            there.run(sync_namespace("new", CA))


@pytest.mark.parametrize(
    ("resource", "event", "keys"),
    [
        pytest.param("namespaces", Event("ADDED", obj("new", status={"phase": "Terminating"})), ["new"], id="RCA-2 a new one in any phase"),
        pytest.param("namespaces", Event("MODIFIED", obj("new", status={"phase": "Active"})), ["new"], id="RCA-2 an active one"),
        pytest.param("namespaces", Event("MODIFIED", obj("new", status={"phase": "Terminating"})), [], id="T-RCA-7"),
        pytest.param("configmaps", Event("DELETED", obj("other", "new")), [], id="T-RCA-2"),
        pytest.param("configmaps", Event("MODIFIED", obj("other", "new")), [], id="T-RCA-6"),
        pytest.param("configmaps", Event("DELETED", obj(CONFIG_MAP, "new")), ["new"], id="RCA-2 deleted"),
        pytest.param("configmaps", Event("MODIFIED", obj(CONFIG_MAP, "new")), ["new"], id="RCA-2 changed"),
        pytest.param("configmaps", Event("ADDED", obj(CONFIG_MAP, "new")), [], id="RCA-2 made by others"),
    ],
)
def test_triggers(resource: str, event: Event, keys: list[str]) -> None:
    (source,) = [source for source in controller(CA).sources if source.resource == resource]
    assert list(source.keys(event)) == keys
