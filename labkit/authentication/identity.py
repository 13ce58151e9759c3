"""What authentication finds, and how a service account is named in it (USR-1 to USR-4; apiserver/pkg/authentication/serviceaccount)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labkit.kube import names
from labkit.kube.objects import Obj, annotations_of, name_of, uid_of
from labkit.kube.users import SERVICE_ACCOUNT_PREFIX, UserInfo, service_account_groups, service_account_username
from labkit.resources.indexes import ACCOUNT_NAME_ANNOTATION, TOKEN_SECRET_TYPE

CREDENTIAL_ID = "authentication.kubernetes.io/credential-id"
POD_NAME, POD_UID = "authentication.kubernetes.io/pod-name", "authentication.kubernetes.io/pod-uid"
NODE_NAME, NODE_UID = "authentication.kubernetes.io/node-name", "authentication.kubernetes.io/node-uid"

ACCOUNT_UID_ANNOTATION = "kubernetes.io/service-account.uid"


class AuthenticationError(Exception):
    """Credentials that are not accepted. The text ends up in TokenReview's `status.error`; a client sees 401 and nothing more."""


@dataclass(frozen=True, slots=True)
class Authenticated:
    """Credentials that are accepted: the user, the audiences they are good for, and what the answer carries along."""

    user: UserInfo
    audiences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    audit: Mapping[str, str] = field(default_factory=dict)


def service_account_user(
    namespace: str,
    name: str,
    uid: str,
    *,
    pod: tuple[str, str] = ("", ""),
    node: tuple[str, str] = ("", ""),
    token_id: str = "",
) -> UserInfo:
    """The user of a service account (USR-1); `pod` and `node` are name and uid, shown where they are known (USR-2)."""
    extra: dict[str, tuple[str, ...]] = {}
    if all(pod):
        extra |= {POD_NAME: (pod[0],), POD_UID: (pod[1],)}
    if node[0]:
        extra[NODE_NAME] = (node[0],)
        if node[1]:
            extra[NODE_UID] = (node[1],)
    if token_id:
        extra[CREDENTIAL_ID] = (f"JTI={token_id}",)
    return UserInfo(service_account_username(namespace, name), service_account_groups(namespace), uid, extra)


def split_username(username: str) -> tuple[str, str]:
    """Namespace and name of `system:serviceaccount:<namespace>:<name>` (USR-3).

    Raises:
        ValueError: it is no such username.
    """
    parts = username.removeprefix(SERVICE_ACCOUNT_PREFIX).split(":") if username.startswith(SERVICE_ACCOUNT_PREFIX) else []
    if len(parts) != 2 or names.is_label(parts[0]) or names.is_subdomain(parts[1]):
        raise ValueError("Username must be in the form system:serviceaccount:namespace:name")
    return parts[0], parts[1]


def matches_username(namespace: str, name: str, username: str) -> bool:
    """Whether the username is that account's."""
    return username == service_account_username(namespace, name)


def is_service_account_token(secret: Obj, account: Obj) -> bool:
    """Whether a Secret is a token of the account; namespaces are the caller's business (USR-4)."""
    annotations = annotations_of(secret)
    if secret.get("type") != TOKEN_SECRET_TYPE or annotations.get(ACCOUNT_NAME_ANNOTATION) != name_of(account):
        return False
    return annotations.get(ACCOUNT_UID_ANNOTATION, "") in {"", uid_of(account)}


__all__ = [
    "CREDENTIAL_ID",
    "NODE_NAME",
    "NODE_UID",
    "POD_NAME",
    "POD_UID",
    "Authenticated",
    "AuthenticationError",
    "is_service_account_token",
    "matches_username",
    "service_account_user",
    "split_username",
]
