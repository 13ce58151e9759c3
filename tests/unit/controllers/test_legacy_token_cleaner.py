"""Upstream's table for the legacy token cleaner (T-LEG): each run reads the tracking ConfigMap, and perhaps marks or deletes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from labkit.controllers.legacy_token_cleaner import CLEAN_UP_PERIOD, KEY, clean, controller, runs
from labkit.controllers.legacy_token_tracking import CONFIG_MAP
from labkit.kube.calls import Delete, List
from labkit.kube.objects import Obj, labels_of
from labkit.kube.status import ApiError, Conflict, Forbidden, NotFound
from labkit.kube.versions import Era
from tests.unit.rules_world import World, obj, scope

TODAY = datetime(2024, 1, 10, 15, 0, tzinfo=UTC)
LAST_USED, INVALID = "kubernetes.io/legacy-token-last-used", "kubernetes.io/legacy-token-invalid-since"
ANNOTATIONS = {"kubernetes.io/service-account.name": "default", "kubernetes.io/service-account.uid": "12345"}
TYPE = "kubernetes.io/service-account-token"
READ = ("get", "configmaps", CONFIG_MAP)
PATCH, DELETE = ("patch", "secrets", "token-secret-1"), ("delete", "secrets", "token-secret-1")
MOUNTS = obj("web", "default", spec={"volumes": [{"name": "v", "secret": {"secretName": "token-secret-1"}}]})


def secret(
    name: str = "token-secret-1", *, created: str = "2022-01-01T00:00:00Z", annotations: Any = None, labels: Any = None, **fields: Any
) -> Obj:
    metadata = {
        "resourceVersion": "1",
        "creationTimestamp": created,
        "annotations": ANNOTATIONS if annotations is None else annotations,
        "labels": labels or {},
    } | fields.pop("metadata", {})
    return obj(name, "default", uid="23456", metadata=metadata, **{"type": TYPE, **fields})


def account(*secrets: str, uid: str = "12345") -> Obj:
    return obj("default", "default", uid=uid, secrets=[{"name": name} for name in secrets])


LISTING = account("token-secret-1")


def tracking(**data: str) -> Obj:
    return obj(CONFIG_MAP, "kube-system", data=data)


def back_to(day: str) -> timedelta:
    """The clean-up period that reaches back exactly to this day."""
    return TODAY.replace(hour=0) - datetime.fromisoformat(day).replace(tzinfo=UTC)


def cleaned(
    *secrets: Obj,
    period: str = "2022-12-29",
    owner: Obj | None = LISTING,
    pods: tuple[Obj, ...] = (),
    since: Obj | None = None,
    version: str = "1.37",
    refuse: dict[tuple[str, str], ApiError] | None = None,
) -> World:
    there = World(
        {
            "secrets": secrets,
            "serviceaccounts": [owner] if owner else [],
            "pods": pods,
            "configmaps": [since or tracking(since="2021-01-01")],
        }
    )
    there.refuse = refuse or {}
    there.run(clean(back_to(period), scope(version=version, now=TODAY)))
    return there


@pytest.mark.parametrize(
    "maps",
    [
        pytest.param([], id="LEG-6 no ConfigMap"),
        pytest.param([tracking()], id="T-LEG-2"),
        pytest.param([tracking(since="2024-01-09")], id="LEG-6 not tracked for long"),
        pytest.param([tracking(since="2022-12-27-1")], id="T-LEG-4"),
    ],
)
def test_warming_up(maps: list[Obj]) -> None:
    there = World({"secrets": [secret()], "serviceaccounts": [LISTING], "configmaps": maps})
    there.run(clean(back_to("2022-12-29"), scope(now=TODAY)))
    assert there.actions == [READ], "LEG-6"


@pytest.mark.parametrize(
    ("now", "acts"),
    [
        pytest.param(datetime(2023, 1, 2, 23, 59, 59, tzinfo=UTC), False, id="a second too early"),
        pytest.param(datetime(2023, 1, 3, tzinfo=UTC), True, id="from the day after since"),
    ],
)
def test_tracking_counts_from_the_day_after(now: datetime, acts: bool) -> None:
    there = World({"secrets": [secret()], "serviceaccounts": [LISTING], "configmaps": [tracking(since="2023-01-01")]})
    there.run(clean(timedelta(days=1), scope(now=now)))
    assert (PATCH in there.actions) is acts, "LEG-6"


def test_a_map_that_cannot_be_read() -> None:
    there = cleaned(secret(), refuse={("get", "configmaps"): Forbidden("x")})
    assert there.actions == [READ], "LEG-6"


PROJECTED = obj("web", "default", spec={"volumes": [{"projected": {"sources": [{"secret": {"name": "token-secret-1"}}]}}]})
ENVIRONMENT = obj("web", "default", spec={"ephemeralContainers": [{"envFrom": [{"secretRef": {"name": "token-secret-1"}}]}]})


@pytest.mark.parametrize(
    ("there", "actions"),
    [
        pytest.param(cleaned(secret(type="Opaque")), [], id="LEG-7 another type"),
        pytest.param(cleaned(secret(), owner=account()), [], id="T-LEG-6"),
        pytest.param(cleaned(secret(created="2022-12-30T00:00:00Z")), [], id="T-LEG-7"),
        pytest.param(cleaned(secret(created="2022-12-29T15:00:00Z"), period="2022-12-29"), [], id="LEG-7 created at the limit"),
        pytest.param(cleaned(secret(metadata={"deletionTimestamp": "2023-01-01T00:00:00Z"})), [], id="T-LEG-8"),
        pytest.param(cleaned(secret(labels={LAST_USED: "2022-12-30"})), [], id="T-LEG-9"),
        pytest.param(cleaned(secret(labels={LAST_USED: "2022-12-29"})), [], id="LEG-7 used at the limit"),
        pytest.param(cleaned(secret(labels={LAST_USED: "2022-12-27-1"})), [], id="T-LEG-10"),
        pytest.param(cleaned(secret(labels={LAST_USED: ""})), [], id="LEG-7 an empty label cannot be read either"),
        pytest.param(cleaned(secret(), owner=None), [], id="LEG-7 no account"),
        pytest.param(cleaned(secret(), owner=account("token-secret-1", uid="other")), [], id="T-LEG-12"),
        pytest.param(cleaned(secret(annotations={})), [], id="T-LEG-13"),
        pytest.param(cleaned(secret()), [PATCH], id="T-LEG-14"),
        pytest.param(cleaned(secret(labels={INVALID: "2022-12-27-1"})), [PATCH], id="T-LEG-15"),
        pytest.param(cleaned(secret(labels={INVALID: "2023-01-01"})), [], id="T-LEG-16"),
        pytest.param(cleaned(secret(labels={INVALID: "2022-12-29"}), period="2023-01-01"), [DELETE], id="T-LEG-17"),
        pytest.param(cleaned(secret(labels={INVALID: "2023-01-01"}), period="2023-01-01"), [], id="LEG-9 marked at the limit"),
        pytest.param(cleaned(secret(), pods=(MOUNTS,)), [], id="T-LEG-18"),
        pytest.param(cleaned(secret(), pods=(PROJECTED,)), [], id="LEG-7 a projected volume"),
        pytest.param(cleaned(secret(), pods=(ENVIRONMENT,)), [], id="LEG-7 an ephemeral container"),
        pytest.param(cleaned(secret(), pods=({**MOUNTS, "metadata": {"name": "x", "namespace": "other"}},)), [PATCH], id="LEG-7 elsewhere"),
        pytest.param(cleaned(secret(labels={LAST_USED: "2022-12-27"}), period="2022-12-30"), [PATCH], id="T-LEG-19"),
        pytest.param(cleaned(secret(labels={LAST_USED: "2022-12-27", INVALID: "2023-05-01"}), period="2022-12-30"), [], id="T-LEG-20"),
        pytest.param(
            cleaned(secret(labels={LAST_USED: "2022-12-27", INVALID: "2023-01-05"}), period="2023-05-01"), [DELETE], id="T-LEG-21"
        ),
        pytest.param(cleaned(secret(), version="1.28"), [DELETE], id="LEG-8 1.28 deletes at once"),
    ],
)
def test_secrets(there: World, actions: list[Any]) -> None:
    assert there.actions == [READ, *actions]
    for body in filter(None, there.bodies):
        assert body == {"metadata": {"uid": "23456", "labels": {INVALID: "2024-01-10"}}}
    assert [call.resource_version for call in there.calls if isinstance(call, Delete)] == ["1"] * (DELETE in actions)


@pytest.mark.parametrize("error", [NotFound("x"), Conflict("x"), Forbidden("x")])
@pytest.mark.parametrize("labels", [{}, {INVALID: "2022-12-01"}])
def test_one_failure_does_not_keep_the_others_from_their_turn(error: ApiError, labels: dict[str, str]) -> None:
    there = cleaned(
        secret(labels=labels),
        secret("token-secret-2", labels=labels),
        owner=account("token-secret-1", "token-secret-2"),
        refuse={("patch", "secrets"): error, ("delete", "secrets"): error},
    )
    assert [name for _, _, name in there.actions[1:]] == ["token-secret-1", "token-secret-2"]


def test_pods_are_looked_at_once() -> None:
    there = cleaned(secret(), secret("token-secret-2"), owner=account("token-secret-1", "token-secret-2"), pods=(MOUNTS,))
    assert [call for call in there.calls if isinstance(call, List) and call.resource == "pods"] == [List("pods", "default")], "LEG-10"
    assert there.actions == [READ, ("patch", "secrets", "token-secret-2")]


@pytest.mark.parametrize("version", [pytest.param("1.37", id="T-ITC-1")])
def test_its_life_in_two_phases(version: str) -> None:
    """Marked after a period, usable again without the label, marked again, and deleted a period after that."""
    there = World({"secrets": [secret()], "serviceaccounts": [LISTING], "configmaps": [tracking(since="2021-01-01")]})
    period, now = timedelta(days=365), datetime(2024, 1, 10, tzinfo=UTC)

    def labels() -> dict[str, str]:
        return labels_of(there.stored("secrets", "token-secret-1", "default"))

    there.run(clean(period, scope(version=version, now=now)))
    assert labels() == {INVALID: "2024-01-10"}
    there.objects["secrets"]["default", "token-secret-1"] = secret(labels={LAST_USED: "2024-01-10"})
    there.run(clean(period, scope(version=version, now=now + timedelta(days=365))))
    assert labels() == {LAST_USED: "2024-01-10"}
    there.run(clean(period, scope(version=version, now=now + timedelta(days=366))))
    assert labels() == {LAST_USED: "2024-01-10", INVALID: "2025-01-10"}
    there.run(clean(period, scope(version=version, now=now + timedelta(days=366 + 365))))
    assert labels()[INVALID] == "2025-01-10", "one full period lies between"
    there.run(clean(period, scope(version=version, now=now + timedelta(days=366 + 366))))
    assert not there.objects["secrets"]


def test_the_controller() -> None:
    there, found = World({"configmaps": []}), controller()
    assert there.run(found.sync(KEY, scope())) == 24 * 60 * 60, "LEG-5"
    assert (CLEAN_UP_PERIOD.days, found.initial, found.name) == (365, (KEY,), "legacy-serviceaccount-token-cleaner-controller")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param((timedelta(),), "invalid CleanUpPeriod: 0s", id="LEG-5 period"),
        pytest.param((timedelta(seconds=-1),), "invalid CleanUpPeriod: -1s", id="LEG-5 negative"),
        pytest.param((timedelta(1), timedelta()), "invalid SyncInterval: 0s", id="LEG-5 interval"),
    ],
)
def test_durations_refused(arguments: tuple[timedelta, ...], text: str) -> None:
    with pytest.raises(ValueError, match=f"^{text}$"):
        controller(*arguments)


GATE = "LegacyServiceAccountTokenCleanUp"


@pytest.mark.parametrize(
    ("version", "gates", "there"),
    [
        ("1.27", {}, False),
        ("1.28", {}, False),
        ("1.28", {GATE: True}, True),
        ("1.29", {}, True),
        ("1.29", {GATE: False}, False),
        ("1.37", {}, True),
    ],
)
def test_which_versions_have_it(version: str, gates: dict[str, bool], there: bool) -> None:
    assert runs(Era(version, gates)) is there
