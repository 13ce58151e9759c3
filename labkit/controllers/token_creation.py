"""The auto-create era: every account gets a token Secret and a reference to it (TKL-1 to TKL-11).

Upstream: ensureReferencedToken in pkg/controller/serviceaccount/tokens_controller.go, until 1.26. The token controller of `tokens` does
the rest: it fills, and it deletes.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from labkit.kube.calls import Create, Delete, Note, Rule, Sign, Sleep, Update, find, get, list_
from labkit.kube.objects import Obj, copy, meta, name_of, namespace_of, uid_of
from labkit.kube.randomness import generate_name
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, Conflict, NotFound, modified
from labkit.kube.versions import Era
from labkit.resources.token_secrets import (
    ACCOUNT_NAME_ANNOTATION,
    ACCOUNT_UID_ANNOTATION,
    TOKEN_SECRET_TYPE,
    encoded,
    is_token_of,
    references,
)
from labkit.tokens.claims import legacy_claims

NO_AUTO_GENERATION = "LegacyServiceAccountTokenNoAutoGeneration"
GIVES_UP_SINCE = "1.20"  # on a namespace that terminates; seen in 1.20, not yet in 1.15 (TKL-6)
TERMINATING_CAUSE = "NamespaceTerminating"
MEMORY = timedelta(seconds=60)  # upstream's mutation cache (TKL-7)
CONFLICT_STEPS, CONFLICT_MILLISECONDS, CONFLICT_JITTER_MILLISECONDS = 5, 10, 1  # client-go's DefaultRetry (TKL-8)


def creates_tokens(era: Era) -> bool:
    """Whether accounts get their Secret by themselves: up to 1.23, and up to 1.26 for those who switch the gate off."""
    return not era.enabled(NO_AUTO_GENERATION)


class Recent:
    """The Secrets that this controller made a moment ago, which its cache may not show yet (TKL-7)."""

    def __init__(self) -> None:
        self._made: list[tuple[datetime, Obj]] = []

    def add(self, secret: Obj, now: datetime) -> None:
        """Remember a Secret as the API stored it."""
        self._made.append((now, secret))

    def at(self, now: datetime) -> list[Obj]:
        """What is remembered; what is older than a minute is forgotten."""
        self._made = [(made, secret) for made, secret in self._made if now - made < MEMORY]
        return [secret for _, secret in self._made]


def ensure_token(namespace: str, name: str, uid: str, *, ca: str, scope: Scope, recent: Recent) -> Rule[None]:
    """Give an account that is there a token Secret of its own.

    1. It lists one already: nothing. What it lists beside that does not count, be it missing or of another type (TKL-1, TKL-2).
    2. The cache must be up to date; if the live account differs, later (TKL-3).
    3. The Secret is made complete, under a new name on each attempt (TKL-4, TKL-5).
    4. The account gets the reference, or the Secret is deleted again (TKL-8, TKL-9).

    Raises:
        ApiError: to be tried again later: the account was stale, or a request failed (TKL-6).
    """
    account = yield from find("serviceaccounts", name, namespace)
    if account is None or uid_of(account) != uid or (yield from _has_token(account, scope, recent)):
        return
    live = yield from get("serviceaccounts", name, namespace, live=True)
    if meta(live).get("resourceVersion") != meta(account).get("resourceVersion"):
        yield Note("TKL-3", "the cache is not up to date", {"account": name})
        raise modified("serviceaccounts", name)
    secret = yield from _new_secret(account, ca, scope)
    try:
        made: Obj = yield Create("secrets", secret, namespace)
    except ApiError as error:
        if scope.era.since(GIVES_UP_SINCE) and error.has_cause(TERMINATING_CAUSE):
            yield Note("TKL-6", "the namespace terminates", {"namespace": namespace})
            return
        raise
    recent.add(made, scope.now)
    yield Note("TKL-1", "token Secret created", {"account": name, "secret": name_of(made)})
    yield from _settle(account, live, made, scope, recent)


def delete_token(secret: Obj) -> Rule[None]:
    """Delete exactly this Secret; that it is gone or another by now is as good (TKC-4)."""
    try:
        yield Delete("secrets", name_of(secret), namespace_of(secret), uid=uid_of(secret))
    except (NotFound, Conflict):
        return


def _has_token(account: Obj, scope: Scope, recent: Recent) -> Rule[bool]:
    listed = frozenset(references(account))
    if not listed:
        return False
    cached = yield from list_("secrets", namespace_of(account), index=("service-account", name_of(account)))
    known: Iterable[Obj] = (*cached, *recent.at(scope.now))
    return any(name_of(secret) in listed and is_token_of(secret, account) for secret in known)


def _new_secret(account: Obj, ca: str, scope: Scope) -> Rule[Obj]:
    name, namespace = generate_name(scope.random, f"{name_of(account)}-token-"), namespace_of(account)
    token: str = yield Sign(legacy_claims(account, name))
    data = {"token": encoded(token), "namespace": encoded(namespace)}
    if ca:
        data["ca.crt"] = encoded(ca)
    annotations = {ACCOUNT_NAME_ANNOTATION: name_of(account), ACCOUNT_UID_ANNOTATION: uid_of(account)}
    return {"metadata": {"name": name, "namespace": namespace, "annotations": annotations}, "type": TOKEN_SECRET_TYPE, "data": data}


def _settle(account: Obj, live: Obj, secret: Obj, scope: Scope, recent: Recent) -> Rule[None]:
    """Reference the new Secret; a Secret that cannot be referenced does not stay (TKL-8, TKL-9)."""
    try:
        if (yield from _refer(account, live, name_of(secret), scope, recent)):
            return
    except (Conflict, NotFound):
        failure = None  # somebody else changed the account, and that is an event of its own; or there is no account any more
    except ApiError as error:
        failure = error
    else:
        failure = None
    yield Note("TKL-9", "not referenced, so deleted again", {"secret": name_of(secret)})
    try:
        yield from delete_token(secret)
    except ApiError as error:  # upstream only logs it
        yield Note("TKL-9", "the Secret could not be deleted", {"error": error.message})
    if failure is not None:
        raise failure


def _refer(account: Obj, live: Obj, secret_name: str, scope: Scope, recent: Recent) -> Rule[bool]:
    """Append the reference. Returns False if the account became another, or got a token elsewhere, in the meantime.

    Raises:
        ApiError: the last conflict, or what else the API answers.
    """
    for step in range(1, CONFLICT_STEPS + 1):
        if uid_of(live) != uid_of(account) or (yield from _has_token(live, scope, recent)):
            return False
        try:
            yield Update(
                "serviceaccounts", {**copy(live), "secrets": [*(live.get("secrets") or ()), {"name": secret_name}]}, namespace_of(live)
            )
            return True
        except Conflict:
            if step == CONFLICT_STEPS:
                raise
        yield Sleep((CONFLICT_MILLISECONDS + scope.random.below(CONFLICT_JITTER_MILLISECONDS + 1)) / 1000)
        live = yield from get("serviceaccounts", name_of(account), namespace_of(account), live=True)
    return False
