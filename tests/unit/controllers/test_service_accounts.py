"""Upstream's table for the ServiceAccount controller (T-SAC): what is there, and which accounts a sync creates."""

from __future__ import annotations

import pytest

from labkit.controllers.service_accounts import controller, sync_namespace
from labkit.kube.controllers import Event
from labkit.kube.status import AlreadyExists, ApiError, Forbidden
from tests.unit.rules_world import World, obj

ACCOUNTS = ("default", "managed")
TERMINATING = {"causes": [{"reason": "NamespaceTerminating"}]}


def world(phase: str | None, *existing: str) -> World:
    namespaces = [] if phase is None else [obj("team", status={"phase": phase} if phase else {})]
    return World({"namespaces": namespaces, "serviceaccounts": [obj(name, "team") for name in existing]})


@pytest.mark.parametrize(
    ("phase", "existing", "created"),
    [
        pytest.param("Active", (), ["default", "managed"], id="T-SAC-1, T-SAC-5"),
        pytest.param("Active", ("managed",), ["default"], id="T-SAC-2, T-SAC-10"),
        pytest.param("Active", ("default",), ["managed"], id="T-SAC-6"),
        pytest.param("Active", ("default", "managed"), [], id="T-SAC-3, T-SAC-7"),
        pytest.param("Active", ("default", "managed", "own"), [], id="SAC-5"),
        pytest.param("Terminating", (), [], id="T-SAC-4, T-SAC-8, T-SAC-11, T-SAC-13"),
        pytest.param("", (), [], id="SAC-3 no phase"),
        pytest.param(None, (), [], id="T-SAC-9"),
    ],
)
def test_sync_creates(phase: str | None, existing: tuple[str, ...], created: list[str]) -> None:
    there = world(phase, *existing)
    there.run(sync_namespace("team", ACCOUNTS))
    assert there.actions == [("create", "serviceaccounts", name) for name in created]
    assert there.bodies == [{"metadata": {"name": name, "namespace": "team"}} for name in created]


@pytest.mark.parametrize("error", [AlreadyExists("quicker"), Forbidden("on its way out", details=TERMINATING)])
def test_what_is_no_failure(error: ApiError) -> None:
    there = world("Active")
    there.refuse["create", "serviceaccounts"] = error
    there.run(sync_namespace("team", ACCOUNTS))
    assert len(there.actions) == 2


def test_one_failure_does_not_stop_the_others() -> None:
    there = world("Active")
    there.refuse["create", "serviceaccounts"] = Forbidden("quota")
    with pytest.raises(ExceptionGroup) as failures:
        there.run(sync_namespace("team", ACCOUNTS))
    assert len(failures.value.exceptions) == len(there.actions) == 2


@pytest.mark.parametrize(
    ("resource", "event", "keys"),
    [
        ("namespaces", Event("ADDED", obj("team")), ["team"]),
        ("namespaces", Event("MODIFIED", obj("team")), ["team"]),
        ("namespaces", Event("DELETED", obj("team")), []),
        ("serviceaccounts", Event("DELETED", obj("x", "team")), ["team"]),
        ("serviceaccounts", Event("MODIFIED", obj("x", "team")), []),
    ],
)
def test_triggers(resource: str, event: Event, keys: list[str]) -> None:
    (source,) = [source for source in controller().sources if source.resource == resource]
    assert list(source.keys(event)) == keys, "SAC-2"
