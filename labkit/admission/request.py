"""What admission judges: the request as it is after decoding, and what plugins have to say about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from labkit.kube.access import Authorize
from labkit.kube.calls import Rule
from labkit.kube.objects import Obj
from labkit.kube.scope import Scope
from labkit.kube.status import Forbidden, forbidden

Operation = Literal["CREATE", "UPDATE", "DELETE", "CONNECT"]


@dataclass(frozen=True, slots=True)
class AdmissionRequest:
    """A request on its way into the store (apiserver/pkg/admission: Attributes).

    `resource` is named as calls name it. `obj` is None on DELETE and CONNECT, `old` on CREATE. `name` is the URL's; a create has it
    from the object, or none where the name is to be generated. `namespace` is the URL's. `authorize` asks the authorizer; without it
    nobody may do more. Nothing in it may be changed.
    """

    operation: Operation
    resource: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    obj: Obj | None = None
    old: Obj | None = None
    dry_run: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    authorize: Authorize | None = None

    @property
    def is_namespace(self) -> bool:
        """Whether it is about a Namespace object itself."""
        return self.resource == "namespaces"

    def refuse(self, why: str) -> Forbidden:
        """The 403 of a plugin: `pods "x" is forbidden: why`. An object that is yet to be named is shown by its generateName."""
        metadata = (self.obj or {}).get("metadata") or {}
        return forbidden(self.resource, self.name or metadata.get("name") or metadata.get("generateName") or "Unknown", why)


class Plugin:
    """An admission plugin. `admit` may return a changed copy of the object; `validate` only lets pass or raises.

    Both are rules. The base lets everything pass.
    """

    name = ""

    def admit(self, request: AdmissionRequest, obj: Obj, scope: Scope) -> Rule[Obj]:
        """The mutating pass, for requests that carry an object: the object as it shall be, which may be `obj` itself."""
        yield from ()
        return obj

    def validate(self, request: AdmissionRequest, scope: Scope) -> Rule[None]:
        """The validating pass, over what all plugins made of the object."""
        yield from ()
