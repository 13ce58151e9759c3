"""Secrets that hold an account's token: how one is recognised, and what is noted on it (TKC-3, ERAADM-3, LEG-2, LEG-8).

Upstream: pkg/serviceaccount/util.go, legacy.go.
"""

from __future__ import annotations

import base64

from labkit.kube.objects import Obj, annotations_of, name_of, namespace_of, uid_of
from labkit.resources.indexes import ACCOUNT_NAME_ANNOTATION, TOKEN_SECRET_TYPE

ACCOUNT_UID_ANNOTATION = "kubernetes.io/service-account.uid"
LAST_USED_LABEL = "kubernetes.io/legacy-token-last-used"
INVALID_SINCE_LABEL = "kubernetes.io/legacy-token-invalid-since"


def is_token_of(secret: Obj, account: Obj) -> bool:
    """Whether the Secret holds a token of this account: by type, namespace and name, and by uid where the Secret says one."""
    annotations = annotations_of(secret)
    return (
        secret.get("type") == TOKEN_SECRET_TYPE
        and namespace_of(secret) == namespace_of(account)
        and annotations.get(ACCOUNT_NAME_ANNOTATION) == name_of(account)
        and annotations.get(ACCOUNT_UID_ANNOTATION, "") in ("", uid_of(account))
    )


def references(account: Obj) -> tuple[str, ...]:
    """The names in `account.secrets`, in their order."""
    return tuple(reference.get("name", "") for reference in account.get("secrets") or ())


def encoded(text: str) -> str:
    """The text as a Secret's data has it."""
    return base64.b64encode(text.encode()).decode()


__all__ = [
    "ACCOUNT_NAME_ANNOTATION",
    "ACCOUNT_UID_ANNOTATION",
    "INVALID_SINCE_LABEL",
    "LAST_USED_LABEL",
    "TOKEN_SECRET_TYPE",
    "encoded",
    "is_token_of",
    "references",
]
