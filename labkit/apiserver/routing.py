"""From a request about a resource to the function that answers it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from labkit.apiserver.bodies import patched_object, read_body, read_delete_options
from labkit.apiserver.negotiation import check_accept, wants_table
from labkit.apiserver.reads import read_list, read_one, read_watch, with_kind
from labkit.apiserver.request import Answer, Request, Response, WatchStream
from labkit.apiserver.request_info import RequestInfo
from labkit.apiserver.reviews import answer_review
from labkit.apiserver.shapes import shaped
from labkit.apiserver.subresources import connect_exec, connect_log, create_binding, create_token, finalize_namespace
from labkit.apiserver.writes import Target, create, delete, patch, update
from labkit.authentication.authenticator import Authenticator
from labkit.authorization.attributes import Attributes
from labkit.kube.calls import Rule, get
from labkit.kube.objects import meta, name_of
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, MethodNotSupported, NotFound, resource_details
from labkit.resources.kinds import Kind
from labkit.resources.token_request import TokenConfig

Check = Callable[[Attributes], Rule[None]]


@dataclass(frozen=True, slots=True)
class Route:
    """One request on its way to the function that answers it. `check` asks for a further right."""

    request: Request
    info: RequestInfo
    kind: Kind
    target: Target
    scope: Scope
    authenticator: Authenticator
    tokens: TokenConfig
    check: Check

    def answer(self) -> Rule[Answer]:
        """Answer the request.

        Raises:
            ApiError: the resource has no such verb or subresource, or the answer is a refusal.
        """
        check_accept(self.request.headers.get("accept", ""))
        if self.request.method == "HEAD":
            raise _not_supported(self.info)
        if self.info.subresource:
            return (yield from self._subresource())
        if self.info.verb not in self.kind.verbs or not _addressed(self.info, self.kind):
            raise _not_supported(self.info)
        if self.info.verb == "watch":
            return (yield from self._watch())
        if self.info.verb == "create" and "get" not in self.kind.verbs:
            return (yield from self._review())
        answer = yield from _VERBS[self.info.verb](self)
        return shaped(self.request, self.kind, answer, self.scope)

    def _subresource(self) -> Rule[Answer]:
        sub = self.kind.subresource(self.info.subresource)
        if sub is None:
            raise no_such_resource()
        if self.info.verb not in sub.verbs:
            raise _not_supported(self.info)
        match sub.name:
            case "token":
                body = read_body(self.request, self.kind, self.scope, sub)
                return (yield from create_token(self.target, body, self.tokens, self.scope))
            case "binding":
                return (yield from create_binding(self.target, read_body(self.request, self.kind, self.scope, sub), self.scope))
            case "finalize":
                return (yield from finalize_namespace(self.target, read_body(self.request, self.kind, self.scope)))
            case "exec":
                # A WebSocket opens with GET; since 1.35 that asks for the right that a POST needs.
                yield from self.check(replace(attributes_of(self.scope, self.info), verb="create"))
                return (yield from connect_exec(self.target, self.request, self.scope))
            case "log":
                return (yield from connect_log(self.target, self.request))
        answer = yield from _VERBS[self.info.verb](self)
        return shaped(self.request, self.kind, answer, self.scope)

    def _get(self) -> Rule[Response]:
        return (yield from read_one(self.kind, self.target.namespace, self.info.name))

    def _list(self) -> Rule[Response]:
        return (yield from read_list(self.kind, self.target.namespace, self.request))

    def _watch(self) -> Rule[WatchStream]:
        stream = yield from read_watch(self.kind, self.target.namespace, self.info.name, self.request)
        as_table = wants_table(self.request.headers.get("accept", ""))
        return replace(stream, table=as_table, include_object=self.request.param("includeObject", "Metadata"))

    def _create(self) -> Rule[Response]:
        return (yield from create(self.target, read_body(self.request, self.kind, self.scope), self.scope))

    def _review(self) -> Rule[Response]:
        body = read_body(self.request, self.kind, self.scope)
        if self.kind.kind == "Binding":
            return (yield from create_binding(self.target, body, self.scope))
        return (yield from answer_review(self.kind, self.target.namespace, body, self.authenticator, self.scope))

    def _update(self) -> Rule[Response]:
        return (yield from update(self.target, read_body(self.request, self.kind, self.scope), self.scope))

    def _patch(self) -> Rule[Response]:
        old = yield from get(self.kind.resource, self.target.name, self.target.namespace)
        patched = patched_object(self.request, self.kind, with_kind(self.kind, old), self.scope)
        return (yield from patch(self.target, patched, old, self.scope))

    def _delete(self) -> Rule[Response]:
        return (yield from delete(self.target, read_delete_options(self.request), self.scope))

    def _delete_collection(self) -> Rule[Response]:
        listed = yield from read_list(self.kind, self.target.namespace, self.request)
        options = read_delete_options(self.request)
        assert isinstance(listed.body, dict)  # read_list answers with a list object
        for item in listed.body["items"]:
            one = replace(self.target, namespace=str(meta(item).get("namespace", "")), name=name_of(item))
            try:
                yield from delete(one, options, self.scope)
            except NotFound:  # somebody else was quicker
                continue
        return listed


_VERBS: dict[str, Callable[[Route], Rule[Response]]] = {
    "get": Route._get,  # noqa: SLF001  # the table belongs to the class above it
    "list": Route._list,  # noqa: SLF001
    "create": Route._create,  # noqa: SLF001
    "update": Route._update,  # noqa: SLF001
    "patch": Route._patch,  # noqa: SLF001
    "delete": Route._delete,  # noqa: SLF001
    "deletecollection": Route._delete_collection,  # noqa: SLF001
}


def attributes_of(scope: Scope, info: RequestInfo) -> Attributes:
    """What authorization judges of a request."""
    if not info.is_resource:
        return Attributes(scope.user, info.verb, path=info.path)
    return Attributes(
        user=scope.user,
        verb=info.verb,
        group=info.group,
        version=info.version,
        resource=info.resource,
        subresource=info.subresource,
        namespace=info.namespace,
        name=info.name,
        field_selector=info.field_selector,
    )


def no_such_resource() -> NotFound:
    """The 404 inside a group and version that the server has."""
    return NotFound("the server could not find the requested resource")


def dry_run(request: Request) -> bool:
    """Whether nothing is to be kept.

    Raises:
        ApiError: a value other than All.
    """
    for value in request.query.get("dryRun", ()):
        if value != "All":
            text = f'Invalid value: "{value}": dryRun: Unsupported value: "{value}": supported values: "All"'
            raise ApiError(text, code=400, reason="BadRequest")
    return "dryRun" in request.query


def _addressed(info: RequestInfo, kind: Kind) -> bool:
    """Whether the path is one that takes this verb: a collection, or an object with its namespace."""
    placed = bool(info.namespace) or not kind.namespaced
    if info.verb == "create":
        return placed and not info.name
    return info.verb in ("list", "watch", "deletecollection") or (placed and bool(info.name))


def _not_supported(info: RequestInfo) -> MethodNotSupported:
    text = "the server does not allow this method on the requested resource"
    return MethodNotSupported(text, details=resource_details(info.qualified_resource))
