"""What a request is about, read from its method and path (apiserver/pkg/endpoints/request/requestinfo.go)."""

from __future__ import annotations

from dataclasses import dataclass

from labkit.apiserver.request import Request

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch", "DELETE": "delete", "GET": "get", "HEAD": "get"}
_NAMESPACE_SUBRESOURCES = ("status", "finalize")


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """A request's verb and what it is about. For other paths than resources, only `verb` (the method) and `path` are set."""

    path: str
    verb: str
    is_resource: bool = False
    group: str = ""
    version: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    field_selector: str = ""

    @property
    def qualified_resource(self) -> str:
        """The name that calls use, with the group."""
        return f"{self.resource}.{self.group}" if self.group else self.resource


def request_info(request: Request) -> RequestInfo:
    """Read method and path."""
    parts = [part for part in request.path.split("/") if part]
    other = RequestInfo(request.path, request.method.lower())
    if parts[:1] == ["api"] and len(parts) > 2:
        group, version, rest = "", parts[1], parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return other
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 1:
        namespace = rest[1]
        if len(rest) > 2 and rest[2] not in _NAMESPACE_SUBRESOURCES:
            rest = rest[2:]
    resource, name, subresource = (*rest, "", "")[0:3]
    verb = _VERBS.get(request.method, "")
    if not name:
        if verb == "get":
            verb = "watch" if request.flag("watch") else "list"
            name = _single_name(request.param("fieldSelector"))
        elif verb == "delete":
            verb = "deletecollection"
    elif verb == "get" and not subresource and request.flag("watch"):
        verb = "watch"
    fields = request.param("fieldSelector") if verb in ("list", "watch", "deletecollection") else ""
    return RequestInfo(request.path, verb, True, group, version, resource, subresource, namespace, name, fields)


def _single_name(field_selector: str) -> str:
    """The one object that a field selector names, so that rights on a single name allow to list and watch it."""
    for term in field_selector.split(","):
        key, equals, value = term.replace("==", "=").partition("=")
        if equals and key == "metadata.name":
            return value
    return ""
