"""What the server knows of a kind: its names, its verbs, its subresources and its strategy. One table drives everything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from labkit.kube.objects import Obj
from labkit.kube.scope import Scope
from labkit.kube.status import FieldError

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class Strategy:
    """How objects of a kind are made ready and judged: upstream's `rest.RESTCreateStrategy` and its siblings.

    The base does nothing. `default` and the two `prepare` methods change the object in place; it is the caller's own copy.
    """

    def default(self, obj: Obj) -> None:
        """v1 defaulting: fill in what the API promises to fill in. Idempotent."""

    def prepare_for_create(self, obj: Obj, scope: Scope) -> None:
        """Drop or set what a creator may not decide."""

    def prepare_for_update(self, obj: Obj, old: Obj, scope: Scope, subresource: str = "") -> None:
        """Carry over what this update may not change (status, or all but status for the status subresource)."""

    def validate(self, obj: Obj) -> list[FieldError]:
        """The rules that a new object breaks. Metadata is judged by the generic part."""
        return []

    def validate_update(self, obj: Obj, old: Obj, subresource: str = "") -> list[FieldError]:
        """The rules that a change breaks."""
        return []

    def warnings(self, obj: Obj, old: Obj | None, scope: Scope) -> Sequence[str]:
        """What the server says about an object that it accepts. `old` is None on create."""
        return ()

    def selectable_fields(self, obj: Obj) -> dict[str, str]:
        """Fields beyond metadata.name and metadata.namespace that a field selector may name, with this object's values."""
        return {}


@dataclass(frozen=True, slots=True)
class Subresource:
    """A part of an object with an endpoint of its own. `group`, `version` and `kind` are the body's, where they differ."""

    name: str
    verbs: tuple[str, ...]
    kind: str = ""
    group: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One row of the table. A kind with only the verb `create` is not stored: a review, answered by a handler."""

    kind: str
    plural: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    subresources: tuple[Subresource, ...] = ()
    strategy: Strategy = field(default_factory=Strategy)
    name_rule: str = "subdomain"  # subdomain, label, or path (RBAC's names): see kube.names
    since: str = "1.0"
    until: str | None = None

    @property
    def resource(self) -> str:
        """The name that calls use: `pods`, `roles.rbac.authorization.k8s.io`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    @property
    def singular(self) -> str:
        """`serviceaccount`."""
        return self.kind.lower()

    @property
    def api_version(self) -> str:
        """`v1`, `rbac.authorization.k8s.io/v1`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def list_kind(self) -> str:
        """`PodList`."""
        return f"{self.kind}List"

    def subresource(self, name: str) -> Subresource | None:
        """The subresource of that name, if there is one."""
        return next((sub for sub in self.subresources if sub.name == name), None)
