"""The pure core of the API server: a request goes in, an answer comes out, and in between it only asks its host.

authentication → impersonation → authorization → what the path is about (apiserver/pkg/server/config.go, DefaultBuildHandlerChain).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from labkit.apiserver.bodies import patched_object, read_body, read_delete_options
from labkit.apiserver.impersonation import impersonated
from labkit.apiserver.negotiation import wants_metadata, wants_table
from labkit.apiserver.reads import metadata_only, read_list, read_one, read_watch, with_kind
from labkit.apiserver.request import Answer, Request, Response, WatchStream
from labkit.apiserver.request_info import RequestInfo, request_info
from labkit.apiserver.reviews import answer_review
from labkit.apiserver.subresources import connect_exec, connect_log, create_binding, create_token, finalize_namespace
from labkit.apiserver.tables import table
from labkit.apiserver.writes import Target, create, delete, patch, update
from labkit.authentication.authenticator import AuthenticationError, Authenticator
from labkit.authorization.attributes import Attributes, Decision, forbidden_message
from labkit.authorization.authorizer import authorize
from labkit.kube.calls import Rule, get
from labkit.kube.objects import meta, name_of
from labkit.kube.randomness import Randomness
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, MethodNotSupported, Unauthorized, resource_details
from labkit.kube.users import ANONYMOUS, AUTHENTICATED_GROUP, UNAUTHENTICATED_GROUP, UserInfo
from labkit.kube.versions import Era
from labkit.resources.kinds import Kind
from labkit.resources.table import served
from labkit.resources.token_request import TokenConfig

NonResource = Callable[[Request, RequestInfo], Response | None]


@dataclass(frozen=True)
class ApiServer:
    """The server's settings and its one entry point, `handle`.

    Args:
        era: which Kubernetes this is.
        authenticator: who is asking.
        tokens: how TokenRequests are answered.
        plugins: the admission plugins that are on, by upstream's names.
        other_paths: answers whatever is no resource: discovery, health, OpenAPI, the issuer's documents; None where it knows no answer.
        random: for uids, generated names and token ids.
    """

    era: Era
    authenticator: Authenticator
    tokens: TokenConfig
    plugins: frozenset[str]
    other_paths: NonResource
    random: Randomness
    kinds: Mapping[tuple[str, str, str], Kind] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.kinds:
            found = {(kind.group, kind.version, kind.plural): kind for kind in served(self.era)}
            object.__setattr__(self, "kinds", found)  # derived once; the record stays frozen for everybody else

    def handle(self, request: Request, now: datetime) -> Rule[Answer]:
        """Answer a request. An `ApiError` becomes its Status; nothing is raised for what a client did wrong."""
        scope = Scope(now, self.era, self.random, UserInfo(ANONYMOUS, (UNAUTHENTICATED_GROUP,)))
        try:
            answer = yield from self._handle(request, scope)
        except ApiError as error:
            answer = Response(error.status_code, error.status(), headers=error.headers)
        if isinstance(answer, Response) and (scope.warnings or scope.audit):
            return replace(answer, warnings=(*scope.warnings, *answer.warnings), audit={**scope.audit, **answer.audit})
        return answer

    def _handle(self, request: Request, scope: Scope) -> Rule[Answer]:
        user = yield from self._authenticate(request, scope)
        scope = replace(scope, user=user)

        def check(attributes: Attributes) -> Rule[None]:
            decision: Decision = yield from authorize(attributes, scope)
            if not decision.allowed:
                raise forbidden_message(attributes, decision.reason)

        values = {key: tuple(value.split("\n")) for key, value in request.headers.items() if key.startswith("impersonate-")}
        acting = yield from impersonated(request.headers, values, user, check)
        scope = replace(scope, user=acting)
        info = request_info(request)
        yield from check(_attributes(acting, info))
        if not info.is_resource:
            found = self.other_paths(request, info)
            return found if found is not None else _page_not_found()
        return (yield from self._resource(request, info, scope, check))

    def _authenticate(self, request: Request, scope: Scope) -> Rule[UserInfo]:
        if request.user is not None:
            return request.user
        peer = (request.peer.common_name, request.peer.organizations) if request.peer else None
        try:
            found = yield from self.authenticator.authenticate(
                request.headers.get("authorization"), peer, scope.now, fingerprint=request.peer.fingerprint if request.peer else ""
            )
        except AuthenticationError:
            raise Unauthorized from None
        if found is None:
            return scope.user
        for text in found.warnings:
            scope.warn(text)
        scope.audit.update(found.audit)
        user = found.user
        if AUTHENTICATED_GROUP not in user.groups and UNAUTHENTICATED_GROUP not in user.groups:
            user = replace(user, groups=(*user.groups, AUTHENTICATED_GROUP))
        return user

    def _resource(self, request: Request, info: RequestInfo, scope: Scope, check: Callable[[Attributes], Rule[None]]) -> Rule[Answer]:
        kind = self.kinds.get((info.group, info.version, info.resource))
        if kind is None:
            if any(group == info.group and version == info.version for group, version, _ in self.kinds):
                raise ApiError("the server could not find the requested resource", code=404, reason="NotFound")
            return _page_not_found()
        namespace = info.namespace if kind.namespaced else ""
        target = Target(kind, namespace, info.name, self.plugins, info.subresource, _dry_run(request))
        if info.subresource:
            return (yield from self._subresource(request, info, target, scope, check))
        if info.verb not in kind.verbs or not _addressed(info, kind):
            raise _not_supported(info)
        match info.verb:
            case "get":
                return self._shaped(request, kind, (yield from read_one(kind, namespace, info.name)), scope)
            case "list":
                return self._shaped(request, kind, (yield from read_list(kind, namespace, request)), scope)
            case "watch":
                stream: WatchStream = yield from read_watch(kind, namespace, info.name, request)
                return replace(stream, table=wants_table(request.headers.get("accept", "")), include_object=request.param("includeObject", "Metadata"))
            case "create" if "get" not in kind.verbs:
                body = read_body(request, kind, scope)
                if kind.kind == "Binding":
                    return (yield from create_binding(target, body, scope))
                return (yield from answer_review(kind, namespace, body, self.authenticator, scope))
            case "create":
                answer = yield from create(target, read_body(request, kind, scope), scope)
            case "update":
                answer = yield from update(target, read_body(request, kind, scope), scope)
            case "patch":
                answer = yield from self._patch(request, target, scope)
            case "delete":
                answer = yield from delete(target, read_delete_options(request), scope)
            case "deletecollection":
                answer = yield from self._delete_collection(request, target, scope)
            case _:
                raise _not_supported(info)
        return self._shaped(request, kind, answer, scope)

    def _subresource(
        self, request: Request, info: RequestInfo, target: Target, scope: Scope, check: Callable[[Attributes], Rule[None]]
    ) -> Rule[Answer]:
        kind = target.kind
        sub = kind.subresource(info.subresource)
        if sub is None:
            raise ApiError("the server could not find the requested resource", code=404, reason="NotFound")
        if info.verb not in sub.verbs:
            raise _not_supported(info)
        match info.subresource:
            case "token":
                return (yield from create_token(target, read_body(request, kind, scope, sub), self.tokens, scope))
            case "binding":
                return (yield from create_binding(target, read_body(request, kind, scope, sub), scope))
            case "finalize":
                return (yield from finalize_namespace(target, read_body(request, kind, scope), scope))
            case "exec":
                # A WebSocket opens with GET; since 1.35 that asks for the right that a POST needs.
                yield from check(replace(_attributes(scope.user, info), verb="create"))
                return (yield from connect_exec(target, request, scope))
            case "log":
                return (yield from connect_log(target, request))
        match info.verb:
            case "get":
                answer: Response = yield from read_one(kind, target.namespace, target.name)
            case "update":
                answer = yield from update(target, read_body(request, kind, scope), scope)
            case _:
                answer = yield from self._patch(request, target, scope)
        return self._shaped(request, kind, answer, scope)

    def _patch(self, request: Request, target: Target, scope: Scope) -> Rule[Response]:
        old = yield from get(target.kind.resource, target.name, target.namespace)
        patched = patched_object(request, target.kind, with_kind(target.kind, old), scope)
        return (yield from patch(target, patched, old, scope))

    def _delete_collection(self, request: Request, target: Target, scope: Scope) -> Rule[Response]:
        listed = yield from read_list(target.kind, target.namespace, request)
        options = read_delete_options(request)
        body = listed.body
        assert isinstance(body, dict)  # read_list answers with a list object
        for item in body["items"]:
            one = replace(target, namespace=str(meta(item).get("namespace", "")), name=name_of(item))
            try:
                yield from delete(one, options, scope)
            except ApiError as error:
                if error.status_code != 404:  # somebody else was quicker
                    raise
        return listed

    def _shaped(self, request: Request, kind: Kind, answer: Response, scope: Scope) -> Response:
        """The answer in the form that the client prefers: as a table, as metadata only, or as it is."""
        accept, body = request.headers.get("accept", ""), answer.body
        if "as=" not in accept or not isinstance(body, dict) or body.get("kind") == "Status":
            return answer
        items = body["items"] if body.get("kind") == kind.list_kind else [body]
        if wants_table(accept):
            shaped = table(kind, items, scope.now, self.era, include_object=request.param("includeObject", "Metadata"))
            shaped["metadata"] = meta(body) if body.get("kind") == kind.list_kind else {"resourceVersion": meta(body).get("resourceVersion", "")}
            return replace(answer, body=shaped)
        if wants_metadata(accept):
            if body.get("kind") == kind.list_kind:
                shaped = {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": meta(body)}
                return replace(answer, body={**shaped, "items": [metadata_only(item) for item in items]})
            return replace(answer, body=metadata_only(body))
        return answer


def _addressed(info: RequestInfo, kind: Kind) -> bool:
    """Whether the path is one that takes this verb: a collection, or an object with its namespace."""
    match info.verb:
        case "create":
            return not info.name and (bool(info.namespace) or not kind.namespaced)
        case "update" | "patch" | "delete" | "get":
            return bool(info.name) and (bool(info.namespace) or not kind.namespaced)
    return True


def _attributes(user: UserInfo, info: RequestInfo) -> Attributes:
    if not info.is_resource:
        return Attributes(user, info.verb, path=info.path)
    return Attributes(
        user, info.verb, info.group, info.version, info.resource, info.subresource, info.namespace, info.name, field_selector=info.field_selector
    )


def _dry_run(request: Request) -> bool:
    values = request.query.get("dryRun", ())
    for value in values:
        if value != "All":
            raise ApiError(f'Invalid value: "{value}": dryRun: Unsupported value: "{value}": supported values: "All"', code=400, reason="BadRequest")
    return bool(values)


def _not_supported(info: RequestInfo) -> MethodNotSupported:
    return MethodNotSupported(
        "the server does not allow this method on the requested resource", details=resource_details(info.qualified_resource)
    )


def _page_not_found() -> Response:
    return Response(404, b"404 page not found\n", content_type="text/plain; charset=utf-8")


__all__ = ["ApiServer"]
