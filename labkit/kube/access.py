"""What somebody wants to do, as authorizers see it, and what they answer (apiserver/pkg/authorization/authorizer)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from labkit.kube.calls import Rule
from labkit.kube.objects import Obj
from labkit.kube.scope import Scope
from labkit.kube.users import UserInfo


@dataclass(frozen=True, slots=True)
class Attributes:
    """Who wants to do what. A request for a `path` that is no resource (`/healthz`) has the lower-case HTTP method as its verb.

    `resource` is the plural without its group. `name` is also set where a list or watch asks for one `metadata.name`;
    `field_selector` is what a list, watch or deletecollection is narrowed to, as the query has it.
    """

    user: UserInfo
    verb: str
    group: str = ""
    version: str = "*"
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""
    field_selector: str = ""

    @property
    def is_resource(self) -> bool:
        """Whether it is about a resource, not about a path."""
        return not self.path

    @property
    def combined_resource(self) -> str:
        """`pods`, `pods/log`."""
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether it is allowed, and why. A refusal's reason may be empty: no authorizer had an opinion."""

    allowed: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ResolvedRules:
    """The policy rules that somebody holds in a namespace; `incomplete` where an authorizer cannot list what it would allow."""

    rules: tuple[Obj, ...]
    incomplete: bool = False
    error: str = ""


Authorize: TypeAlias = Callable[[Attributes, Scope], Rule[Decision]]
ResolveRules: TypeAlias = Callable[[UserInfo, str], Rule[ResolvedRules]]
