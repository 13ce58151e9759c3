"""Upstream's table for the ConfigMap of legacy token tracking (T-TRK)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from labkit.controllers.legacy_token_tracking import CONFIG_MAP, controller, runs, sync_config_map
from labkit.kube.controllers import Event
from labkit.kube.objects import Obj, copy
from labkit.kube.status import AlreadyExists, ApiError, Conflict, Forbidden, NotFound
from labkit.kube.versions import Era
from tests.unit.rules_world import NOW, World, obj, scope

CREATE, UPDATE, DELETE = (("create", "configmaps", CONFIG_MAP), ("update", "configmaps", CONFIG_MAP), ("delete", "configmaps", CONFIG_MAP))
TODAY = {"since": "2026-11-22"}
GATE = "LegacyServiceAccountTokenTracking"


def config_map(**data: str) -> Obj:
    return obj(CONFIG_MAP, "kube-system", data=data) if data else obj(CONFIG_MAP, "kube-system")


@pytest.mark.parametrize(
    ("cached", "refuse", "actions"),
    [
        pytest.param([], {}, [CREATE], id="T-TRK-1"),
        pytest.param([], {("create", "configmaps"): AlreadyExists("x")}, [CREATE], id="T-TRK-2"),
        pytest.param([config_map(since="2021-01-01")], {}, [], id="T-TRK-5"),
        pytest.param([config_map(since="2026-11-22T12:00:00Z")], {}, [UPDATE], id="T-TRK-6"),
        pytest.param([config_map()], {}, [UPDATE], id="T-TRK-7"),
        pytest.param([config_map(other="x")], {}, [UPDATE], id="T-TRK-7 other data"),
        pytest.param([config_map(since="20261122")], {}, [UPDATE], id="LEG-1 no such date"),
        pytest.param([config_map(since="2026-02-30")], {}, [UPDATE], id="LEG-1 no such day"),
        pytest.param([config_map(since="2099-01-01")], {}, [], id="LEG-1 a valid date stays"),
        pytest.param([config_map(since="x")], {("update", "configmaps"): NotFound("x")}, [UPDATE], id="T-TRK-8"),
        pytest.param([config_map(since="x")], {("update", "configmaps"): Conflict("x")}, [UPDATE], id="LEG-1 somebody else changed it"),
    ],
)
def test_sync(cached: list[Obj], refuse: dict[tuple[str, str], ApiError], actions: list[Any]) -> None:
    there, before = World({"configmaps": cached}), copy(cached)
    there.refuse = refuse
    there.run(sync_config_map(NOW))
    assert there.actions == actions
    assert [body["data"] for body in there.bodies] == [TODAY] * len(actions)
    assert cached == before


@pytest.mark.parametrize("cached", [[], [config_map(since="x")]])
def test_other_errors_are_tried_again(cached: list[Obj]) -> None:
    there = World({"configmaps": cached})
    there.refuse = {("create", "configmaps"): Forbidden("x"), ("update", "configmaps"): Forbidden("x")}
    with pytest.raises(Forbidden):
        there.run(sync_config_map(NOW))


@pytest.mark.parametrize(
    ("seconds", "created"),
    [
        pytest.param((0, 28, 29), [0], id="T-TRK-3"),
        pytest.param((0, 28, 29, 31), [0, 31], id="T-TRK-4"),
        pytest.param((0, 30), [0, 30], id="LEG-1 the period is over"),
    ],
)
def test_throttled(seconds: tuple[int, ...], created: list[int]) -> None:
    begin, there, rule, days = datetime(2026, 11, 22, 23, 59, 30, tzinfo=UTC), World(), controller(timedelta(seconds=30)), []
    for after in seconds:
        there.objects.pop("configmaps", None)
        wait = there.run(rule.sync(CONFIG_MAP, scope(now=begin + timedelta(seconds=after))))
        assert wait == (None if after in created else 30 - after), "when it may be made again"
        days += [body["data"]["since"] for body in there.bodies]
        there.bodies.clear()
    assert days == ["2026-11-22" if after < 30 else "2026-11-23" for after in created], "that day's date"


def test_at_most_every_half_hour() -> None:
    there, rule = World(), controller()
    for minutes in (0, 29, 30):
        there.objects.pop("configmaps", None)
        there.run(rule.sync(CONFIG_MAP, scope(now=NOW + timedelta(minutes=minutes))))
    assert there.actions == [CREATE, CREATE], "LEG-1"


@pytest.mark.parametrize(
    ("version", "gates", "actions"),
    [
        pytest.param("1.26", {}, [DELETE], id="LEG-1 gate off"),
        pytest.param("1.26", {GATE: True}, [], id="1.26 gate on"),
        pytest.param("1.27", {}, [], id="1.27"),
        pytest.param("1.27", {GATE: False}, [DELETE], id="1.27 gate off"),
        pytest.param("1.37", {}, [], id="1.37"),
    ],
)
def test_with_the_gate_off_it_goes(version: str, gates: dict[str, bool], actions: list[Any]) -> None:
    there = World({"configmaps": [config_map(since="2021-01-01")]})
    for _ in range(2):
        there.run(controller().sync(CONFIG_MAP, scope(version=version, gates=gates)))
    assert there.actions == actions


@pytest.mark.parametrize(("version", "there"), [("1.25", False), ("1.26", True), ("1.37", True)])
def test_which_versions_have_it(version: str, there: bool) -> None:
    assert runs(Era(version)) is there


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        (Event("DELETED", config_map()), [CONFIG_MAP]),
        (Event("ADDED", obj(CONFIG_MAP, "default")), []),
        (Event("ADDED", obj("other", "kube-system")), []),
    ],
)
def test_keys(event: Event, keys: list[str]) -> None:
    (source,) = controller().sources
    assert list(source.keys(event)) == keys
    assert controller().initial == (CONFIG_MAP,)
