"""The legacy token cleaner: tokens that were made automatically and are not used are invalidated, then deleted (LEG-5 to LEG-11).

Upstream: pkg/controller/serviceaccount/legacy_serviceaccount_token_cleaner.go. A date is a day in UTC, as labels have it; dates are
compared as texts.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from labkit.controllers.identity import CONTROLLER_MANAGER, GROUPS, account
from labkit.controllers.legacy_token_tracking import CONFIG_MAP, NAMESPACE, SINCE
from labkit.kube.calls import Delete, Note, Patch, Rule, find, list_
from labkit.kube.clock import day, is_day, parse_day, parse_time
from labkit.kube.controllers import Controller
from labkit.kube.objects import Obj, annotations_of, dig, is_deleted, labels_of, meta, name_of, namespace_of, uid_of
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, Conflict, NotFound
from labkit.kube.versions import Era
from labkit.resources.pod_references import secret_names
from labkit.resources.token_secrets import (
    ACCOUNT_NAME_ANNOTATION,
    ACCOUNT_UID_ANNOTATION,
    INVALID_SINCE_LABEL,
    LAST_USED_LABEL,
    TOKEN_SECRET_TYPE,
    references,
)

GATE = "LegacyServiceAccountTokenCleanUp"
MARKS_SINCE = "1.29"  # before, a token that is not used was deleted outright (LEG-8)
CLEAN_UP_PERIOD = timedelta(days=365)
SYNC_INTERVAL = timedelta(hours=24)
KEY = "all"


def runs(era: Era) -> bool:
    """Whether kube-controller-manager has this controller, and has it on."""
    return era.enabled(GATE)


def controller(clean_up_period: timedelta = CLEAN_UP_PERIOD, sync_interval: timedelta = SYNC_INTERVAL) -> Controller:
    """The controller that judges all token Secrets, once at its start and then each `sync_interval`.

    Raises:
        ValueError: a duration that is not positive (LEG-5).
    """
    for name, value in (("CleanUpPeriod", clean_up_period), ("SyncInterval", sync_interval)):
        if value <= timedelta():
            raise ValueError(f"invalid {name}: {value.total_seconds():g}s")

    def sync(_key: str, scope: Scope) -> Rule[float | None]:
        yield from clean(clean_up_period, scope)
        return sync_interval.total_seconds()

    return Controller(
        name="legacy-serviceaccount-token-cleaner-controller",
        user=account("legacy-service-account-token-cleaner"),
        groups=GROUPS,
        watches_as=CONTROLLER_MANAGER,
        sources=(),
        reads=("serviceaccounts", "secrets", "pods"),
        sync=sync,
        initial=(KEY,),
    )


def clean(period: timedelta, scope: Scope) -> Rule[None]:
    """Judge every token Secret once.

    1. Nothing happens until use has been tracked for the whole `period` (LEG-6).
    2. A Secret that may still be of use to somebody is left alone (LEG-7).
    3. Another is marked as invalid since today (LEG-8); marked for the whole `period`, it is deleted (LEG-9).
    """
    if not (yield from _tracked_long_enough(period, scope.now)):
        return
    before = scope.now - period
    mounted: dict[str, frozenset[str]] = {}
    for secret in (yield from list_("secrets")):
        if not _is_unused(secret, before) or not (yield from _is_automatic(secret)):
            continue
        if name_of(secret) not in (yield from _mounted(namespace_of(secret), mounted)):
            yield from _retire(secret, before, scope)


def _tracked_long_enough(period: timedelta, now: datetime) -> Rule[bool]:
    """Tracking counts from the day after `since` (LEG-6)."""
    try:
        found = yield from find("configmaps", CONFIG_MAP, NAMESPACE, live=True)
    except ApiError as error:  # upstream logs it and waits for the next run
        yield Note("LEG-6", "the tracking date could not be read", {"error": error.message})
        return False
    since = dig(found, "data", SINCE)
    if since is None:
        yield Note("LEG-6", "configMap does not have since label" if found else "there is no tracking date")
        return False
    try:
        first = parse_day(since) + timedelta(days=1)
    except ValueError as error:
        yield Note("LEG-6", f"error parsing trackedSince time: {error}")
        return False
    return now >= first + period


def _is_unused(secret: Obj, before: datetime) -> bool:
    """LEG-7, as far as the Secret itself tells: an old token, not used since the day of `before` began."""
    if secret.get("type") != TOKEN_SECRET_TYPE or is_deleted(secret):
        return False
    created = meta(secret).get("creationTimestamp")
    if created and parse_time(created) >= before:
        return False
    last_used = labels_of(secret).get(LAST_USED_LABEL)
    return last_used is None or (is_day(last_used) and last_used < day(before))


def _is_automatic(secret: Obj) -> Rule[bool]:
    """LEG-7: its account is there, is the one that the Secret means, and lists it. A Secret made by hand is not listed."""
    annotations = annotations_of(secret)
    name, uid = annotations.get(ACCOUNT_NAME_ANNOTATION, ""), annotations.get(ACCOUNT_UID_ANNOTATION, "")
    owner = (yield from find("serviceaccounts", name, namespace_of(secret))) if name else None
    return owner is not None and uid in ("", uid_of(owner)) and name_of(secret) in references(owner)


def _mounted(namespace: str, known: dict[str, frozenset[str]]) -> Rule[frozenset[str]]:
    """The Secrets that Pods of the namespace name in any way, looked up once in a run (LEG-7, LEG-10)."""
    if namespace not in known:
        pods = yield from list_("pods", namespace)
        known[namespace] = frozenset(name for pod in pods for name in secret_names(pod))
    return known[namespace]


def _retire(secret: Obj, before: datetime, scope: Scope) -> Rule[None]:
    """Mark, or delete what was marked long ago (LEG-8, LEG-9). A request that fails is made again in the next run."""
    invalid_since, name, namespace = labels_of(secret).get(INVALID_SINCE_LABEL, ""), name_of(secret), namespace_of(secret)
    try:
        if scope.era.since(MARKS_SINCE) and not is_day(invalid_since):
            patch = {"metadata": {"uid": uid_of(secret), "labels": {INVALID_SINCE_LABEL: day(scope.now)}}}
            yield Patch("secrets", name, patch, namespace)
            yield Note("LEG-8", "marked as invalid", {"secret": name})
        elif not scope.era.since(MARKS_SINCE) or invalid_since < day(before):
            yield Delete("secrets", name, namespace, resource_version=str(meta(secret).get("resourceVersion", "")))
            yield Note("LEG-9", "deleted", {"secret": name})
    except (NotFound, Conflict):
        return
    except ApiError as error:  # upstream logs it and goes on with the next
        yield Note("LEG-9", "the request failed", {"secret": name, "error": error.message})
