"""TokenReview and SelfSubjectReview: who a token or a request speaks for (TRV-1 to TRV-4; pkg/registry/authentication)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol

from labkit.kube.calls import Rule
from labkit.kube.clock import rfc3339
from labkit.kube.objects import Obj, copy, dig, meta
from labkit.kube.status import ApiError, BadRequest
from labkit.kube.users import ANONYMOUS, UNAUTHENTICATED_GROUP, UserInfo

API_VERSION = "authentication.k8s.io/v1"


class Identity(Protocol):
    """What authentication found, as far as a review shows it."""

    @property
    def user(self) -> UserInfo:
        """Who it is."""
        ...

    @property
    def audiences(self) -> tuple[str, ...]:
        """Which of the audiences asked for the token is good for."""
        ...


Authenticate = Callable[[str, tuple[str, ...]], Rule[Identity | None]]


def review(body: Obj, authenticate: Authenticate, api_audiences: Sequence[str], refusals: type[Exception]) -> Rule[Obj]:
    """Answer a TokenReview.

    1. A token is required (TRV-1).
    2. It is judged as a request's `Authorization` header that holds nothing else, for the audiences asked for, else for the API
       server's (TRV-2). A blank token is no credential at all, and so comes out as the anonymous user (corrections 17).
    3. A refusal is no failure of the request: it is told in `status.error`, and the status that the caller sent stays (TRV-3).

    Args:
        authenticate: the server's authenticator, given a header and the audiences; None where the header holds no credentials.
        refusals: the exception by which it says no.

    Raises:
        BadRequest: no token.
        ApiError: 500, where the authenticator answered for none of the audiences.
    """
    answer = copy(body)
    token = dig(answer, "spec", "token", default="")
    if not token:
        raise BadRequest("token is required for TokenReview in authentication")
    audiences = tuple(dig(answer, "spec", "audiences", default=()) or api_audiences)
    status: Obj = {"user": {}, **(answer.get("status") or {})}
    status.pop("authenticated", None)  # upstream leaves out what is false
    try:
        found = yield from authenticate(f"Bearer {token}", audiences)
    except refusals as error:
        status["error"] = str(error)
    else:
        user = found.user if found is not None else UserInfo(ANONYMOUS, (UNAUTHENTICATED_GROUP,))
        good_for = list(found.audiences) if found is not None else list(audiences)
        if audiences and not set(audiences) & set(good_for):
            raise ApiError("error validating audiences", code=500, reason="")
        status |= {"authenticated": True, "user": user.to_wire(), "audiences": good_for}
    return {"kind": "TokenReview", "apiVersion": API_VERSION, "metadata": meta(answer), "spec": answer["spec"], "status": status}


def self_subject_review(user: UserInfo, now: datetime) -> Obj:
    """Answer a SelfSubjectReview: the user as the server sees it, after impersonation."""
    metadata = {"creationTimestamp": rfc3339(now)}
    return {"kind": "SelfSubjectReview", "apiVersion": API_VERSION, "metadata": metadata, "status": {"userInfo": user.to_wire()}}


__all__ = ["API_VERSION", "Authenticate", "Identity", "review", "self_subject_review"]
