"""Who is asking: the identity that authentication finds and authorization judges (apiserver/pkg/authentication/user)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labkit.kube.objects import Obj

ANONYMOUS = "system:anonymous"
AUTHENTICATED_GROUP = "system:authenticated"
UNAUTHENTICATED_GROUP = "system:unauthenticated"
MASTERS_GROUP = "system:masters"
NODES_GROUP = "system:nodes"
NODE_USER_PREFIX = "system:node:"
SERVICE_ACCOUNT_PREFIX = "system:serviceaccount:"
SERVICE_ACCOUNTS_GROUP = "system:serviceaccounts"


@dataclass(frozen=True, slots=True)
class UserInfo:
    """A user: name, uid, groups and extra, as in TokenReview's `status.user`."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def to_wire(self) -> Obj:
        """The `UserInfo` object of authentication.k8s.io."""
        body: Obj = {"username": self.name}
        if self.uid:
            body["uid"] = self.uid
        if self.groups:
            body["groups"] = list(self.groups)
        if self.extra:
            body["extra"] = {key: list(values) for key, values in sorted(self.extra.items())}
        return body

    @property
    def is_node(self) -> bool:
        """Whether this is a node's own identity, as the Node authorizer and NodeRestriction see it."""
        return NODES_GROUP in self.groups and self.name.startswith(NODE_USER_PREFIX)

    @property
    def node_name(self) -> str:
        """The node's name, or an empty string for anybody else."""
        return self.name.removeprefix(NODE_USER_PREFIX) if self.is_node else ""


def service_account_username(namespace: str, name: str) -> str:
    """`system:serviceaccount:<namespace>:<name>` (USR-1)."""
    return f"{SERVICE_ACCOUNT_PREFIX}{namespace}:{name}"


def service_account_groups(namespace: str) -> tuple[str, ...]:
    """The two groups of every account of a namespace (USR-1)."""
    return (SERVICE_ACCOUNTS_GROUP, f"{SERVICE_ACCOUNTS_GROUP}:{namespace}")
