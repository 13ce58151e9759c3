"""Cluster role aggregation: a role with an aggregation rule holds the rules of all that it selects.

Upstream: pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from labkit.controllers.identity import CONTROLLER_MANAGER, GROUPS, account
from labkit.kube.calls import Note, Rule, Update, find, list_
from labkit.kube.controllers import Controller, Event, Source
from labkit.kube.objects import Obj, copy, dig, labels_of, name_of
from labkit.kube.scope import Scope
from labkit.kube.selectors import selector_from_object

CLUSTER_ROLES = "clusterroles.rbac.authorization.k8s.io"
EVERY_AGGREGATE = "*"


def controller() -> Controller:
    """The controller. A change of any role asks for a look at all that aggregate, which are few."""
    return Controller(
        name="clusterrole-aggregation-controller",
        user=account("clusterrole-aggregation-controller"),
        groups=GROUPS,
        watches_as=CONTROLLER_MANAGER,
        sources=(Source(CLUSTER_ROLES, _keys),),
        sync=sync,
    )


def _keys(_event: Event) -> Iterable[str]:
    yield EVERY_AGGREGATE


def sync(_key: str, _scope: Scope) -> Rule[float | None]:
    """Make every aggregating role right."""
    for role in (yield from list_(CLUSTER_ROLES)):
        if role.get("aggregationRule") is not None:
            yield from sync_role(name_of(role))
    return None


def sync_role(name: str) -> Rule[None]:
    """Give the role `name` the rules of the roles that it selects: selectors in their order, roles by name, no rule twice."""
    role = yield from find(CLUSTER_ROLES, name)
    if role is None or role.get("aggregationRule") is None:
        return
    rules: list[Obj] = []
    others = yield from list_(CLUSTER_ROLES)
    for selector in dig(role, "aggregationRule", "clusterRoleSelectors", default=()):
        selected = selector_from_object(selector)
        for other in others:
            if selected is None or name_of(other) == name or not selected.matches(labels_of(other)):
                continue
            rules += [rule for rule in other.get("rules") or () if rule not in rules]
    if rules == (role.get("rules") or []):
        return
    yield Update(CLUSTER_ROLES, {**copy(role), "rules": copy(rules)})
    yield Note("AGG", "rules aggregated", {"role": name, "rules": len(rules)})
