"""The date since which the use of Secret-based tokens is tracked, kept in a ConfigMap by kube-apiserver (LEG-1).

Upstream: pkg/controlplane/controller/legacytokentracking/controller.go.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Literal

from labkit.kube.calls import Create, Delete, Note, Rule, Update, find
from labkit.kube.clock import day, is_day
from labkit.kube.controllers import Controller, Event, Source
from labkit.kube.objects import copy, dig, name_of, namespace_of
from labkit.kube.scope import Scope
from labkit.kube.status import AlreadyExists, Conflict, NotFound
from labkit.kube.users import AUTHENTICATED_GROUP, MASTERS_GROUP
from labkit.kube.versions import Era

NAMESPACE = "kube-system"
CONFIG_MAP = "kube-apiserver-legacy-service-account-token-tracking"
SINCE = "since"
GATE = "LegacyServiceAccountTokenTracking"
RUNS_SINCE = "1.26"
CREATION_PERIOD = timedelta(minutes=30)
Outcome = Literal["created", "kept", "throttled"]
USER, GROUPS = "system:apiserver", (MASTERS_GROUP, AUTHENTICATED_GROUP)


def runs(era: Era) -> bool:
    """Whether kube-apiserver has this controller."""
    return era.since(RUNS_SINCE)


def controller(creation_period: timedelta = CREATION_PERIOD) -> Controller:
    """The controller that keeps the ConfigMap. Having made it, it waits for `creation_period` before it makes it again."""
    created: datetime | None = None

    def sync(_key: str, scope: Scope) -> Rule[float | None]:
        nonlocal created
        if not scope.era.enabled(GATE):
            yield from forget()
            return None
        outcome = yield from sync_config_map(scope.now, may_create=created is None or scope.now - created >= creation_period)
        if outcome == "throttled" and created is not None:
            return (created + creation_period - scope.now).total_seconds()
        if outcome == "created":
            created = scope.now
        return None

    return Controller(
        name="legacy-service-account-token-tracking-controller",
        user=USER,
        groups=GROUPS,
        sources=(Source("configmaps", _keys, field_selector=f"metadata.name={CONFIG_MAP}"),),
        sync=sync,
        initial=(CONFIG_MAP,),
    )


def _keys(event: Event) -> Iterable[str]:
    if (namespace_of(event.obj), name_of(event.obj)) == (NAMESPACE, CONFIG_MAP):
        yield CONFIG_MAP


def sync_config_map(now: datetime, *, may_create: bool = True) -> Rule[Outcome]:
    """Keep the date of the first day, and say what was done.

    1. There is none: it is made, with today's date, unless that was done a moment ago. Somebody else having been quicker is success.
    2. Its date cannot be read: it becomes today's. A ConfigMap that is gone or changed meanwhile is an event of its own.
    3. A date that can be read stays, whatever it says.
    """
    found = yield from find("configmaps", CONFIG_MAP, NAMESPACE)
    if found is None:
        if not may_create:
            yield Note("LEG-1", "made a moment ago, so not again yet")
            return "throttled"
        with suppress(AlreadyExists):
            yield Create("configmaps", {"metadata": {"name": CONFIG_MAP, "namespace": NAMESPACE}, "data": {SINCE: day(now)}}, NAMESPACE)
        return "created"
    if not is_day(dig(found, "data", SINCE, default="")):
        yield Note("LEG-1", "the date cannot be read", {"data": found.get("data")})
        with suppress(NotFound, Conflict):
            yield Update("configmaps", {**copy(found), "data": {SINCE: day(now)}}, NAMESPACE)
    return "kept"


def forget() -> Rule[None]:
    """With the gate off, as by default in 1.26, the ConfigMap goes: what it says would be wrong once the gate is on again."""
    if (yield from find("configmaps", CONFIG_MAP, NAMESPACE)) is None:
        return
    try:
        yield Delete("configmaps", CONFIG_MAP, NAMESPACE)
    except NotFound:
        return
