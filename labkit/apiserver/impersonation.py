"""Acting as somebody else: the Impersonate headers (apiserver/pkg/endpoints/filters/impersonation)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import unquote

from labkit.authentication.identity import split_username
from labkit.authorization.attributes import Attributes
from labkit.kube.calls import Rule
from labkit.kube.status import BadRequest
from labkit.kube.users import (
    ANONYMOUS,
    AUTHENTICATED_GROUP,
    UNAUTHENTICATED_GROUP,
    UserInfo,
    service_account_groups,
)

Check = Callable[[Attributes], Rule[None]]
_EXTRA = "impersonate-extra-"


def impersonated(headers: Mapping[str, str], values: Mapping[str, tuple[str, ...]], user: UserInfo, check: Check) -> Rule[UserInfo]:
    """The user that the request acts as: `user`, or the one in the Impersonate headers if `user` may.

    Args:
        values: all values of the headers that may come several times.
        check: raises Forbidden where `user` may not.

    Raises:
        BadRequest: groups, a uid or extra without a user.
        Forbidden: `user` may not act as that user, group, uid or extra.
    """
    name = headers.get("impersonate-user", "")
    groups = list(values.get("impersonate-group", ()))
    uid = headers.get("impersonate-uid", "")
    extra = {unquote(key.removeprefix(_EXTRA)): found for key, found in values.items() if key.startswith(_EXTRA)}
    if not name:
        if groups or uid or extra:
            raise BadRequest("requested impersonation of groups, uid or extra without impersonating a user")
        return user
    if (account := _account(name)) is not None:
        namespace, short = account
        yield from check(Attributes(user, "impersonate", "", "v1", "serviceaccounts", "", namespace, short))
        found_groups = groups or list(service_account_groups(namespace))
    else:
        yield from check(Attributes(user, "impersonate", "", "v1", "users", "", "", name))
        found_groups = groups
    for group in groups:
        yield from check(Attributes(user, "impersonate", "", "v1", "groups", "", "", group))
    for key, found in extra.items():
        for value in found:
            yield from check(Attributes(user, "impersonate", "authentication.k8s.io", "v1", "userextras", key, "", value))
    if uid:
        yield from check(Attributes(user, "impersonate", "authentication.k8s.io", "v1", "uids", "", "", uid))
    if name == ANONYMOUS:
        if UNAUTHENTICATED_GROUP not in found_groups:
            found_groups.append(UNAUTHENTICATED_GROUP)
    elif AUTHENTICATED_GROUP not in found_groups and UNAUTHENTICATED_GROUP not in found_groups:
        found_groups.append(AUTHENTICATED_GROUP)
    return UserInfo(name, tuple(found_groups), uid, extra)


def _account(username: str) -> tuple[str, str] | None:
    try:
        return split_username(username)
    except ValueError:
        return None
