"""Judging a bound token whose signature is right (AUT-20 to AUT-27; pkg/serviceaccount/claims.go)."""

from __future__ import annotations

from datetime import datetime, timedelta

from labkit.authentication.identity import Authenticated, AuthenticationError, service_account_user
from labkit.authentication.lookups import read, read_or_none
from labkit.kube.calls import Rule
from labkit.kube.clock import parse_time
from labkit.kube.objects import Obj, dig, meta, uid_of
from labkit.kube.status import ApiError
from labkit.kube.versions import Era
from labkit.tokens.claims import PRIVATE_CLAIM

LEEWAY = timedelta(seconds=60)
INVALIDATED = "service account token has been invalidated"
STALE_ANNOTATION = "authentication.k8s.io/stale-token"


def check_bound(claims: Obj, now: datetime, era: Era) -> Rule[Authenticated]:
    """The account that a bound token speaks for.

    1. The token's times allow it, give or take a minute (AUT-20).
    2. The account is there and is the one that the token was made for (AUT-21).
    3. So are the Secret, the Pod or the Node that it is bound to (AUT-23, AUT-24, AUT-26); a Node beside a Pod is only shown (AUT-25).
    4. An object under deletion counts for another minute after its time (AUT-22).
    5. Use after `warnafter` is noted for the audit (AUT-27).

    Raises:
        AuthenticationError: the token is not accepted; the text says why.
    """
    _check_times(claims, now, era)
    private: Obj = claims.get(PRIVATE_CLAIM) or {}
    namespace = private.get("namespace") or ""
    name, uid = _reference(private, "serviceaccount")
    yield from _check_account(namespace, name, uid, now, era)
    if "secret" in private:
        yield from _check_reference("secret", namespace, _reference(private, "secret"), now, era)
    pod, node = ("", ""), ("", "")
    if "pod" in private:
        pod = _reference(private, "pod")
        yield from _check_reference("pod", namespace, pod, now, era)
        if era.enabled("ServiceAccountTokenPodNodeInfo"):
            node = _reference(private, "node")
    elif "node" in private and era.since("1.29"):
        if not era.enabled("ServiceAccountTokenNodeBindingValidation"):
            text = "token is bound to a Node object but the ServiceAccountTokenNodeBindingValidation feature gate is disabled"
            raise AuthenticationError(text)
        node = _reference(private, "node")
        yield from _check_reference("node", "", node, now, era)
    token_id = claims.get("jti") or "" if era.enabled("ServiceAccountTokenJTI") else ""
    user = service_account_user(namespace, name, uid, pod=pod, node=node, token_id=token_id)
    return Authenticated(user, audit=_stale(claims, private, now))


def _reference(private: Obj, key: str) -> tuple[str, str]:
    found = private.get(key) or {}
    return found.get("name") or "", found.get("uid") or ""


def _check_times(claims: Obj, now: datetime, era: Era) -> None:
    at, leeway = now.timestamp(), LEEWAY.total_seconds()
    verdicts = (
        (at + leeway < claims.get("nbf", 0), "service account token is not valid yet", "Token could not be validated."),
        (at - leeway > claims["exp"] if "exp" in claims else False, "service account token has expired", "Token has expired."),
        (at + leeway < claims.get("iat", 0), "service account token is issued in the future", "Token could not be validated."),
    )
    for broken, text, older in verdicts:
        if broken:
            raise AuthenticationError(text if era.since("1.22") else older)


def _check_account(namespace: str, name: str, uid: str, now: datetime, era: Era) -> Rule[None]:
    try:
        account = yield from read("serviceaccounts", name, namespace)
    except ApiError as error:
        raise AuthenticationError(error.message) from error
    what = "service account" if era.since("1.22") else "ServiceAccount"
    gone = AuthenticationError(f"{what} {namespace}/{name} has been deleted") if _is_gone(account, now, era) else None
    other = None
    if uid_of(account) != uid:
        other = AuthenticationError(f"{what} UID ({uid_of(account)}) does not match claim ({uid})")
    _raise_first(other, gone, era)


def _check_reference(what: str, namespace: str, reference: tuple[str, str], now: datetime, era: Era) -> Rule[None]:
    name, uid = reference
    found = yield from read_or_none(f"{what}s", name, namespace)
    invalidated = AuthenticationError(INVALIDATED if era.since("1.22") else "Token has been invalidated")
    if found is None:
        raise invalidated
    gone = invalidated if _is_gone(found, now, era) else None
    other = None
    if uid_of(found) != uid:
        text = f"{what} UID ({uid_of(found)}) does not match service account {what} ref claim ({uid})"
        other = AuthenticationError(text if era.since("1.22") else text[0].upper() + text[1:])
    _raise_first(other, gone, era)


def _raise_first(other: AuthenticationError | None, gone: AuthenticationError | None, era: Era) -> None:
    """Raise whichever is judged first: the uid since 1.29, the deletion before."""
    for error in (other, gone) if era.since("1.29") else (gone, other):
        if error is not None:
            raise error


def _is_gone(obj: Obj, now: datetime, era: Era) -> bool:
    """Whether its deletion counts: a minute after the time in `deletionTimestamp`, which for a Pod includes its grace (AUT-22)."""
    deleted = meta(obj).get("deletionTimestamp")
    if not deleted:
        return False
    return parse_time(deleted) < now - LEEWAY if era.since("1.20") else True


def _stale(claims: Obj, private: Obj, now: datetime) -> dict[str, str]:
    warn_after = dig(private, "warnafter", default=0)
    if not warn_after or now.timestamp() <= warn_after:
        return {}
    seconds = int(now.timestamp()) - warn_after
    return {STALE_ANNOTATION: f"subject: {claims.get('sub') or ''}, seconds after warning threshold: {seconds}"}


__all__ = ["LEEWAY", "STALE_ANNOTATION", "check_bound"]
