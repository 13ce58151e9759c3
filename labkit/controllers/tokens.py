"""The token controller: Secrets of type service-account-token are filled, and go with their account (TKC-1 to TKC-14).

Upstream: pkg/controller/serviceaccount/tokens_controller.go. It has two queues; here the first part of a key says which. A key is a JSON
list and carries all that is left to know of an object that is gone. Until 1.23 it also made the Secrets: `token_creation`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from labkit.controllers.identity import CONTROLLER_MANAGER, GROUPS
from labkit.controllers.token_creation import Recent, creates_tokens, delete_token, ensure_token
from labkit.kube.calls import Note, Rule, Sign, Sleep, Update, find, get, list_
from labkit.kube.controllers import Controller, Event, Source
from labkit.kube.objects import Obj, annotations_of, copy, meta, name_of, namespace_of, uid_of
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, Conflict, NotFound
from labkit.resources.token_secrets import ACCOUNT_NAME_ANNOTATION, ACCOUNT_UID_ANNOTATION, TOKEN_SECRET_TYPE, encoded
from labkit.tokens.claims import legacy_claims

MAX_RETRIES = 10
REMOVE_STEPS, REMOVE_BASE_MILLISECONDS = 10, 100  # how often and how patiently a reference is removed (TKC-11)


def controller(ca: str = "") -> Controller:
    """The controller that fills token Secrets, and made them until 1.23. `ca` is the PEM bundle that goes into them; empty for none."""
    recent = Recent()

    def sync(key: str, scope: Scope) -> Rule[float | None]:
        which, *parts = json.loads(key)
        if which == "account":
            yield from sync_account(*parts)
            if creates_tokens(scope.era):
                yield from ensure_token(*parts, ca=ca, scope=scope, recent=recent)
        else:
            yield from sync_secret(*parts, ca=ca, scope=scope)
        return None

    return Controller(
        name="serviceaccount-token-controller",
        user=CONTROLLER_MANAGER,  # it runs before the others, with the manager's own rights
        groups=(GROUPS[-1],),
        sources=(Source("serviceaccounts", _account_keys), Source("secrets", _secret_keys, field_selector=f"type={TOKEN_SECRET_TYPE}")),
        sync=sync,
        max_retries=MAX_RETRIES,
    )


def _account_keys(event: Event) -> Iterable[str]:
    parts = (namespace_of(event.obj), name_of(event.obj), uid_of(event.obj))
    if all(parts):
        yield json.dumps(("account", *parts))


def _secret_keys(event: Event) -> Iterable[str]:
    """Other types do not count (TKC-5), and a token Secret without the account's name is left alone (TKC-14)."""
    secret, annotations = event.obj, annotations_of(event.obj)
    parts = (namespace_of(secret), name_of(secret), uid_of(secret), annotations.get(ACCOUNT_NAME_ANNOTATION, ""))
    if secret.get("type") == TOKEN_SECRET_TYPE and all(parts):
        yield json.dumps(("secret", *parts, annotations.get(ACCOUNT_UID_ANNOTATION, "")))


def sync_account(namespace: str, name: str, uid: str) -> Rule[None]:
    """Delete the token Secrets of an account that is gone; for one that is there, today nothing is made (TKC-2, TKC-3)."""
    account = yield from find("serviceaccounts", name, namespace)
    if account is not None and uid_of(account) == uid:
        return
    for secret in (yield from list_("secrets", namespace, index=("service-account", name))):
        if secret.get("type") == TOKEN_SECRET_TYPE and annotations_of(secret).get(ACCOUNT_UID_ANNOTATION, "") in ("", uid):
            yield from delete_token(secret)


def sync_secret(namespace: str, name: str, uid: str, account_name: str, account_uid: str, *, ca: str, scope: Scope) -> Rule[None]:
    """Make one token Secret right.

    1. The Secret is gone: its account's reference to it is removed (TKC-11).
    2. Its account is gone, or is another one than it names by uid: the Secret is deleted (TKC-6).
    3. Token, namespace or CA is missing, or the CA is another: the Secret is completed (TKC-7 to TKC-10).
    """
    secret = yield from find("secrets", name, namespace)
    if secret is None or uid_of(secret) != uid:
        account = yield from _account(namespace, account_name, account_uid, live=False)
        if account is not None:
            yield from _remove_reference(namespace, account_name, account_uid, name, scope)
        return
    account = yield from _account(namespace, account_name, account_uid, live=True)
    if account is None:
        yield Note("TKC-6", "the account of a token Secret is gone", {"secret": name})
        yield from delete_token(secret)
    elif _incomplete(secret, ca):
        yield from _complete(secret, account, ca)


def _account(namespace: str, name: str, uid: str, *, live: bool) -> Rule[Obj | None]:
    """The account from the cache or, with `live`, past it: a slow cache must not cost anybody a Secret."""
    for past_cache in (False, True) if live else (False,):
        account = yield from find("serviceaccounts", name, namespace, live=past_cache)
        if account is not None and uid in ("", uid_of(account)):
            return account
    return None


def _incomplete(secret: Obj, ca: str) -> bool:
    """TKC-7."""
    data = secret.get("data") or {}
    return not data.get("token") or not data.get("namespace") or bool(ca and data.get("ca.crt") != encoded(ca))


def _complete(cached: Obj, account: Obj, ca: str) -> Rule[None]:
    """Fill in what is missing; a token is never replaced, nor a namespace that somebody chose (TKC-8, TKC-9)."""
    name, namespace = name_of(cached), namespace_of(cached)
    try:
        live = yield from get("secrets", name, namespace, live=True)
    except NotFound:
        return
    if meta(live).get("resourceVersion") != meta(cached).get("resourceVersion") or not _incomplete(live, ca):
        return
    secret = copy(live)
    data = secret["data"] = dict(secret.get("data") or {})
    if ca:
        data["ca.crt"] = encoded(ca)
    if not data.get("namespace"):
        data["namespace"] = encoded(namespace)
    if not data.get("token"):
        data["token"] = encoded(str((yield Sign(legacy_claims(account, name)))))
    meta(secret)["annotations"] = {
        **annotations_of(secret),
        ACCOUNT_NAME_ANNOTATION: name_of(account),
        ACCOUNT_UID_ANNOTATION: uid_of(account),
    }
    try:
        yield Update("secrets", secret, namespace)
        yield Note("TKC-7", "token Secret completed", {"secret": name})
    except (Conflict, NotFound):
        return


def _remove_reference(namespace: str, account_name: str, account_uid: str, secret_name: str, scope: Scope) -> Rule[None]:
    """Take the name of a Secret that is gone out of `sa.secrets`; only a conflict is tried again (TKC-11)."""
    for step in range(REMOVE_STEPS):
        if step:
            yield Sleep((REMOVE_BASE_MILLISECONDS + scope.random.below(REMOVE_BASE_MILLISECONDS)) / 1000)
        try:
            account = yield from get("serviceaccounts", account_name, namespace, live=True)
            references = account.get("secrets") or []
            kept = [reference for reference in references if reference.get("name") != secret_name]
            if account_uid not in ("", uid_of(account)) or len(kept) == len(references):
                return
            yield Update("serviceaccounts", {**copy(account), "secrets": kept}, namespace)
            return
        except Conflict:
            continue
        except ApiError:
            return
