"""The pure core of the API server: a request goes in, an answer comes out, and in between it only asks its host.

authentication → impersonation → authorization → what the path is about (apiserver/pkg/server/config.go, DefaultBuildHandlerChain).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from labkit.apiserver.impersonation import impersonated
from labkit.apiserver.request import Answer, Request, Response
from labkit.apiserver.request_info import RequestInfo, request_info
from labkit.apiserver.routing import Check, Route, attributes_of, dry_run, no_such_resource
from labkit.apiserver.writes import Target
from labkit.authentication.authenticator import AuthenticationError, Authenticator
from labkit.authorization.attributes import Attributes, forbidden_message
from labkit.authorization.authorizer import authorize
from labkit.kube.calls import Rule
from labkit.kube.randomness import Randomness
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, Unauthorized
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
            decision = yield from authorize(attributes, scope)
            if not decision.allowed:
                raise forbidden_message(attributes, decision.reason)

        values = {key: tuple(value.split("\n")) for key, value in request.headers.items() if key.startswith("impersonate-")}
        acting = yield from impersonated(request.headers, values, user, check)
        scope = replace(scope, user=acting)
        info = request_info(request)
        yield from check(attributes_of(scope, info))
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

    def _resource(self, request: Request, info: RequestInfo, scope: Scope, check: Check) -> Rule[Answer]:
        kind = self.kinds.get((info.group, info.version, info.resource))
        if kind is None:
            if any(group == info.group and version == info.version for group, version, _ in self.kinds):
                raise no_such_resource()
            return _page_not_found()
        namespace = info.namespace if kind.namespaced else ""
        target = Target(kind, namespace, info.name, self.plugins, info.subresource, dry_run(request))
        route = Route(request, info, kind, target, scope, self.authenticator, self.tokens, check)
        return (yield from route.answer())


def _page_not_found() -> Response:
    return Response(404, b"404 page not found\n", content_type="text/plain; charset=utf-8")
