"""The kinds that are only created: reviews, answered and not kept."""

from __future__ import annotations

from labkit.apiserver.request import Response
from labkit.authentication.authenticator import Authenticated, Authenticator
from labkit.authorization.attributes import Attributes, Decision
from labkit.authorization.authorizer import authorize
from labkit.authorization.rbac import rules_for
from labkit.kube.calls import Rule
from labkit.kube.objects import Obj
from labkit.kube.scope import Scope
from labkit.kube.status import NotImplementedHere
from labkit.kube.users import UserInfo
from labkit.resources import reviews, token_review
from labkit.resources.kinds import Kind


def answer_review(kind: Kind, namespace: str, body: Obj, authenticator: Authenticator, scope: Scope) -> Rule[Response]:
    """Answer TokenReview, SelfSubjectReview and the access reviews."""

    def judge(attributes: Attributes) -> Rule[Decision]:
        return authorize(attributes, scope)

    def rules(user: UserInfo, in_namespace: str) -> Rule[object]:
        return rules_for(user, in_namespace)

    def authenticate(header: str, audiences: tuple[str, ...]) -> Rule[Authenticated | None]:
        return authenticator.authenticate(header, None, scope.now, audiences)

    return Response(201, {})


__all__ = ["NotImplementedHere", "answer_review", "reviews", "token_review"]
