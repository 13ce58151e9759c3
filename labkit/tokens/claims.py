"""What a token says: the claims of Secret-based and of bound tokens (LCL-1, BCL-1 to BCL-4; pkg/serviceaccount/claims.go, legacy.go)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from labkit.kube.objects import Obj, name_of, namespace_of, uid_of
from labkit.kube.users import service_account_username
from labkit.kube.versions import Era

LEGACY_ISSUER = "kubernetes/serviceaccount"
LEGACY_PREFIX = "kubernetes.io/serviceaccount/"
NAMESPACE_CLAIM = f"{LEGACY_PREFIX}namespace"
ACCOUNT_NAME_CLAIM = f"{LEGACY_PREFIX}service-account.name"
ACCOUNT_UID_CLAIM = f"{LEGACY_PREFIX}service-account.uid"
SECRET_NAME_CLAIM = f"{LEGACY_PREFIX}secret.name"
PRIVATE_CLAIM = "kubernetes.io"


def legacy_claims(account: Obj, secret_name: str) -> Obj:
    """The claims of a token that is kept in a Secret: it has no audience and never expires (LCL-1)."""
    return {
        "iss": LEGACY_ISSUER,
        "sub": service_account_username(namespace_of(account), name_of(account)),
        NAMESPACE_CLAIM: namespace_of(account),
        ACCOUNT_NAME_CLAIM: name_of(account),
        ACCOUNT_UID_CLAIM: uid_of(account),
        SECRET_NAME_CLAIM: secret_name,
    }


def bound_claims(
    account: Obj,
    *,
    issuer: str,
    audiences: Sequence[str],
    now: datetime,
    seconds: int,
    era: Era,
    token_id: str = "",
    pod: Obj | None = None,
    secret: Obj | None = None,
    node: Obj | None = None,
    warn_after: int = 0,
) -> Obj:
    """The claims of a token that TokenRequest issues.

    1. It is bound to one object at most; a Node beside a Pod is information about the Pod (BCL-1, BCL-3).
    2. A token for a Node alone wants its feature gate (BCL-2).
    3. All times start from the same instant; `warnafter` is there only if `warn_after` seconds are given (BCL-4).

    Args:
        audiences: left out of the token where there are none.
        seconds: how long the token lives.
        token_id: a UUID for `jti`, used where the era has it.

    Raises:
        ValueError: more than one binding, or one that the era does not have.
    """
    if secret is not None and (pod is not None or node is not None):
        raise ValueError("internal error, token can only be bound to one object type")
    if node is not None and pod is None and not era.enabled("ServiceAccountTokenNodeBinding"):
        raise ValueError('token bound to Node object requested, but "ServiceAccountTokenNodeBinding" feature gate is disabled')
    at = int(now.timestamp())
    private: Obj = {"namespace": namespace_of(account), "serviceaccount": _reference(account)}
    if pod is not None:
        private["pod"] = _reference(pod)
    if secret is not None:
        private["secret"] = _reference(secret)
    if node is not None and (pod is None or era.enabled("ServiceAccountTokenPodNodeInfo")):
        private["node"] = _reference(node)
    if warn_after:
        private["warnafter"] = at + warn_after
    claims: Obj = {
        "iss": issuer,
        "sub": service_account_username(namespace_of(account), name_of(account)),
        "iat": at,
        "nbf": at,
        "exp": at + seconds,
        PRIVATE_CLAIM: private,
    }
    if audiences:
        claims["aud"] = list(audiences)
    if token_id and era.enabled("ServiceAccountTokenJTI"):
        claims["jti"] = token_id
    return claims


def _reference(obj: Obj) -> Obj:
    """Name and uid, each only where there is one."""
    return {key: value for key, value in (("name", name_of(obj)), ("uid", uid_of(obj))) if value}


__all__ = [
    "ACCOUNT_NAME_CLAIM",
    "ACCOUNT_UID_CLAIM",
    "LEGACY_ISSUER",
    "NAMESPACE_CLAIM",
    "PRIVATE_CLAIM",
    "SECRET_NAME_CLAIM",
    "bound_claims",
    "legacy_claims",
]
