"""The chain of authorizers that kubeadm sets up: system:masters may do everything, then Node, then RBAC."""

from __future__ import annotations

from labkit.authorization import node_authorizer, rbac
from labkit.authorization.attributes import Attributes, Decision
from labkit.kube.calls import Rule
from labkit.kube.scope import Scope
from labkit.kube.users import MASTERS_GROUP


def authorize(attributes: Attributes, scope: Scope) -> Rule[Decision]:
    """Ask one authorizer after the other; the first that allows decides. A refusal carries the reasons of all."""
    if MASTERS_GROUP in attributes.user.groups:
        return Decision(True)
    reasons = []
    for decided in (node_authorizer.authorize(attributes, scope), rbac.authorize(attributes)):
        decision = yield from decided
        if decision.allowed:
            return decision
        if decision.reason:
            reasons.append(decision.reason)
    return Decision(False, "\n".join(reasons))
