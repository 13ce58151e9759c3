"""What a rule may ask of its host.

A rule that looks something up or writes is a generator: it yields calls, is sent the replies, and returns its result or raises
`ApiError`. It does no I/O. The embedded server answers from its store, a controller's host over the API, a lesson one call at a
time, and a test from a table; the same rule serves them all. A call that fails comes back into the rule as an `ApiError`.

Resources are named as upstream prints them: `pods`, `roles.rbac.authorization.k8s.io`. Replies are read-only: copy before changing.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from labkit.kube.objects import Obj
from labkit.kube.status import ApiError, NotFound

T = TypeVar("T")


class Items(list[Obj]):
    """The reply to `List`: objects, and the resourceVersion of the whole list where the host knows one."""

    resource_version: str = ""


@dataclass(frozen=True, slots=True)
class Get:
    """Read one object: from the host's cache, or past it when `live`. The reply is the object; `NotFound` where there is none."""

    resource: str
    name: str
    namespace: str = ""
    live: bool = False


@dataclass(frozen=True, slots=True)
class List:
    """Read many objects, in order of namespace and name. The reply is `Items`.

    `index` names a declared index and the value looked for (see `labkit.resources.indexes`), so that no rule scans.
    """

    resource: str
    namespace: str = ""
    index: tuple[str, str] | None = None
    label_selector: str = ""
    field_selector: str = ""


@dataclass(frozen=True, slots=True)
class Create:
    """Create `body`; the reply is the object as stored. With a `subresource`, `name` is its parent: a token, a binding."""

    resource: str
    body: Obj
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    field_manager: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """Replace an object; a `resourceVersion` in `body` must be the stored one. The reply is the object as stored."""

    resource: str
    body: Obj
    namespace: str = ""
    subresource: str = ""
    field_manager: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Patch:
    """Change an object by a patch of media type `content_type`. The reply is the object as stored."""

    resource: str
    name: str
    body: Any
    namespace: str = ""
    subresource: str = ""
    content_type: str = "application/merge-patch+json"
    field_manager: str = ""
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """Delete an object, if `uid` and `resource_version` are its own where they are given. The reply is the object or a Status."""

    resource: str
    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    propagation: str = ""
    grace_period_seconds: int | None = None
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait `seconds` on the host's clock."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Sign:
    """Sign `payload`, the claims, with the cluster's key. The reply is the compact JWS."""

    payload: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CallWebhook:
    """Send an AdmissionReview to a webhook. The reply is its answer."""

    configuration: Mapping[str, Any]
    review: Mapping[str, Any]
    timeout_seconds: float = 10.0


@dataclass(frozen=True, slots=True)
class Note:
    """Tell whoever traces that `rule` (its id, such as ADM-13) decided something. There is no reply; without a tracer it costs nothing."""

    rule: str
    decision: str
    facts: Mapping[str, Any] = field(default_factory=dict)


Call: TypeAlias = Get | List | Create | Update | Patch | Delete | Sleep | Sign | CallWebhook | Note
Rule: TypeAlias = Generator[Call, Any, T]


def get(resource: str, name: str, namespace: str = "", *, live: bool = False) -> Rule[Obj]:
    """The object.

    Raises:
        NotFound: there is none.
    """
    found: Obj = yield Get(resource, name, namespace, live)
    return found


def find(resource: str, name: str, namespace: str = "", *, live: bool = False) -> Rule[Obj | None]:
    """The object, or None where there is none."""
    try:
        found: Obj = yield Get(resource, name, namespace, live)
    except NotFound:
        return None
    return found


def list_(
    resource: str, namespace: str = "", *, index: tuple[str, str] | None = None, label_selector: str = "", field_selector: str = ""
) -> Rule[Items]:
    """The objects that match, in order of namespace and name."""
    found: Items = yield List(resource, namespace, index, label_selector, field_selector)
    return found


def create(resource: str, body: Obj, namespace: str = "", *, name: str = "", subresource: str = "") -> Rule[Obj]:
    """Create `body`; the object as stored."""
    made: Obj = yield Create(resource, body, namespace, name, subresource)
    return made


def update(resource: str, body: Obj, namespace: str = "", *, subresource: str = "") -> Rule[Obj]:
    """Replace an object; the object as stored."""
    made: Obj = yield Update(resource, body, namespace, subresource)
    return made


def delete(resource: str, name: str, namespace: str = "", *, uid: str = "", resource_version: str = "") -> Rule[Obj]:
    """Delete an object; the object, or the Status that says so."""
    gone: Obj = yield Delete(resource, name, namespace, uid, resource_version)
    return gone


def sleep(seconds: float) -> Rule[None]:
    """Wait `seconds` on the host's clock."""
    yield Sleep(seconds)


__all__ = [
    "ApiError",
    "Call",
    "CallWebhook",
    "Create",
    "Delete",
    "Get",
    "Items",
    "List",
    "Note",
    "Patch",
    "Rule",
    "Sign",
    "Sleep",
    "Update",
    "create",
    "delete",
    "find",
    "get",
    "list_",
    "sleep",
    "update",
]
