"""The kinds that are only created: reviews, answered and not kept."""

from __future__ import annotations

from labkit.apiserver.request import Response
from labkit.authentication.authenticator import Authenticator
from labkit.authentication.identity import Authenticated, AuthenticationError
from labkit.authorization.authorizer import authorize, resolve_rules
from labkit.kube.calls import Rule
from labkit.kube.objects import Obj
from labkit.kube.scope import Scope
from labkit.kube.status import NotImplementedHere
from labkit.resources import reviews, token_review
from labkit.resources.kinds import Kind


def answer_review(kind: Kind, namespace: str, body: Obj, authenticator: Authenticator, scope: Scope) -> Rule[Response]:
    """Answer TokenReview, SelfSubjectReview and the access reviews with the server's own authenticator and authorizer."""

    def authenticate(header: str, audiences: tuple[str, ...]) -> Rule[Authenticated | None]:
        return authenticator.authenticate(header, None, scope.now, audiences)

    match kind.kind:
        case "TokenReview":
            answer = yield from token_review.review(body, authenticate, authenticator.audiences, AuthenticationError)
        case "SelfSubjectReview":
            answer = token_review.self_subject_review(scope.user, scope.now)
        case "SelfSubjectAccessReview":
            answer = yield from reviews.self_subject_access_review(body, scope, authorize)
        case "SubjectAccessReview":
            answer = yield from reviews.subject_access_review(body, scope, authorize)
        case "LocalSubjectAccessReview":
            answer = yield from reviews.local_subject_access_review(body, namespace, scope, authorize)
        case "SelfSubjectRulesReview":
            answer = yield from reviews.self_subject_rules_review(body, scope, resolve_rules)
        case _:
            raise NotImplementedHere(f"the embedded cluster does not answer {kind.kind}")
    return Response(201, {"kind": kind.kind, "apiVersion": kind.api_version} | answer)
