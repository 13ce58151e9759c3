"""What a request wants to do, as authorizers see it, and what they answer (apiserver/pkg/authorization/authorizer)."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from labkit.kube.calls import Rule
from labkit.kube.scope import Scope
from labkit.kube.status import Forbidden, forbidden
from labkit.kube.users import UserInfo

RBAC_GROUP = "rbac.authorization.k8s.io"


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


Authorize = Callable[[Attributes, Scope], Rule[Decision]]


def forbidden_message(attributes: Attributes, reason: str = "") -> Forbidden:
    """The 403 of a request that nobody allowed (apiserver responsewriters.ForbiddenStatusError)."""
    user = _quoted(attributes.user.name)
    if not attributes.is_resource:
        text = f"User {user} cannot {attributes.verb} path {_quoted(attributes.path)}"
    else:
        where = f"in the namespace {_quoted(attributes.namespace)}" if attributes.namespace else "at the cluster scope"
        what = f"resource {_quoted(attributes.combined_resource)} in API group {_quoted(attributes.group)}"
        text = f"User {user} cannot {attributes.verb} {what} {where}"
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):  # so that no browser takes the text for HTML
        text = text.replace(sign, escaped)
    if reason:
        text = f"{text}: {reason}"
    resource = f"{attributes.resource}.{attributes.group}" if attributes.group else attributes.resource
    return forbidden(resource, attributes.name, text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
