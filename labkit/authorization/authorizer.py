"""The chain of authorizers that kubeadm sets up: system:masters may do everything, then Node, then RBAC."""

from __future__ import annotations

from labkit.authorization import node_authorizer, rbac
from labkit.kube.access import Attributes, Decision, ResolvedRules
from labkit.kube.calls import Rule
from labkit.kube.scope import Scope
from labkit.kube.users import MASTERS_GROUP, UserInfo

NAMED_SINCE = "1.37"  # since then a refusal's reasons say whose they are


def authorize(attributes: Attributes, scope: Scope) -> Rule[Decision]:
    """Ask one authorizer after the other; the first that allows decides. A refusal carries the reasons of all."""
    if MASTERS_GROUP in attributes.user.groups:
        return Decision(True)
    reasons = []
    for name, decided in (("node", node_authorizer.authorize(attributes, scope)), ("rbac", rbac.authorize(attributes))):
        decision = yield from decided
        if decision.allowed:
            return decision
        if decision.reason:
            reasons.append(f"{name}: {decision.reason}" if scope.era.since(NAMED_SINCE) else decision.reason)
    return Decision(False, "\n".join(reasons))


def resolve_rules(user: UserInfo, namespace: str) -> Rule[ResolvedRules]:
    """The rules that the user holds in the namespace, as far as they can be listed: the Node authorizer's cannot."""
    held = yield from rbac.rules_for(user, namespace)
    errors = ["node authorizer does not support user rule resolution"] if user.is_node else []
    if held.errors:
        errors.append(rbac.aggregated(held.errors))
    return ResolvedRules(tuple(held.policy_rules), user.is_node, rbac.aggregated(errors) if errors else "")
