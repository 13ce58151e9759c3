"""The token manager: tokens for Pods, cached, and fetched again before they get old.

Upstream: pkg/kubelet/token/token_manager.go. Rules KTM-1 to KTM-8.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta

from labkit.kube.calls import Create, Note, Rule
from labkit.kube.clock import parse_time
from labkit.kube.objects import Obj, dig
from labkit.kube.randomness import Randomness
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, NotFound

MAX_AGE = timedelta(hours=24)
MAX_JITTER_SECONDS = 10
REFRESH_PERCENT = 20
CLEANUP_PERIOD = 60.0  # seconds


class TokenError(Exception):
    """No token can be had; the text is the kubelet's."""


class TokenManager:
    """The tokens of one node's Pods."""

    def __init__(self) -> None:
        self._cache: dict[str, Obj] = {}

    def __len__(self) -> int:
        return len(self._cache)

    def get_token(self, namespace: str, account: str, request: Obj, scope: Scope) -> Rule[Obj]:
        """A TokenRequest with its status filled in, for the account `namespace`/`account`.

        1. An equal request that was answered before, and whose token is fresh enough, costs no call (KTM-1, KTM-2).
        2. Else the server is asked, and its answer is kept (KTM-3).
        3. If it refuses, a token that is still valid is good enough, and nobody is told (KTM-6).

        Raises:
            TokenError: the server refuses and there is no valid token (KTM-6), or it has no such endpoint (KTM-7).
        """
        key = cache_key(namespace, account, request)
        known = self._cache.get(key)
        if known is not None and not requires_refresh(known, scope.now, scope.random):
            yield Note("KTM-2", "cached token is fresh", {"key": key})
            return known
        try:
            answer: Obj = yield Create("serviceaccounts", request, namespace, account, "token")
        except ApiError as error:
            reason = error.message
            if isinstance(error, NotFound) and not scope.era.enabled("TokenRequest"):
                reason = "the API server does not have TokenRequest endpoints enabled"
            if known is None:
                raise TokenError(f"failed to fetch token: {reason}") from error
            if expired(known, scope.now):
                raise TokenError(f"token {key} expired and refresh failed: {reason}") from error
            yield Note("KTM-6", "refresh failed, the old token is still valid", {"key": key, "error": reason})
            return known
        yield Note("KTM-3", "token fetched", {"key": key, "refresh": known is not None})
        self._cache[key] = answer
        return answer

    def forget_pod(self, pod_uid: str) -> None:
        """Drop the tokens that are bound to a Pod that is torn down (KTM-8)."""
        self._drop(lambda token: dig(token, "spec", "boundObjectRef", "uid") == pod_uid)

    def clean_up(self, now: datetime) -> None:
        """Drop the tokens that have expired; due every `CLEANUP_PERIOD` (KTM-8)."""
        self._drop(lambda token: expired(token, now))

    def _drop(self, condition: Callable[[Obj], bool]) -> None:
        self._cache = {key: token for key, token in self._cache.items() if not condition(token)}


def cache_key(namespace: str, account: str, request: Obj) -> str:
    """What makes two requests the same (KTM-1): also the order of audiences counts. Holds nothing secret."""
    spec = request.get("spec") or {}
    reference = spec.get("boundObjectRef") or {}
    return json.dumps(
        [
            account,
            namespace,
            spec.get("audiences") or [],
            spec.get("expirationSeconds") or 0,
            [reference.get(part) or "" for part in ("kind", "apiVersion", "name", "uid")],
            dig(request, "metadata", "uid", default=""),
        ]
    )


def requires_refresh(token: Obj, now: datetime, random: Randomness) -> bool:
    """Whether a token is due: older than 24 hours, or with less than a fifth of its time left (KTM-3, KTM-5).

    Judged by the times in the answer's status, not by the token's own (KTM-4). Each check draws its own jitter.
    """
    seconds = dig(token, "spec", "expirationSeconds")
    if seconds is None:
        return False
    expires = _expiration(token)
    jitter = timedelta(seconds=random.below(MAX_JITTER_SECONDS))
    issued = expires - timedelta(seconds=seconds)
    return now > issued + MAX_AGE - jitter or now > expires - timedelta(seconds=seconds * REFRESH_PERCENT // 100) - jitter


def expired(token: Obj, now: datetime) -> bool:
    """Whether the token's time is over; at its very end it is not."""
    return now > _expiration(token)


def _expiration(token: Obj) -> datetime:
    return parse_time(token["status"]["expirationTimestamp"])
