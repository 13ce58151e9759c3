"""Nobody grants rights that they do not hold (pkg/registry/rbac/*/policybased).

A role may be written by who holds all of its rules, or may `escalate` it; a binding by who holds all rules of its role, or may `bind` it.
The pipeline asks before it stores a Role, ClusterRole, RoleBinding or ClusterRoleBinding, after admission.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from labkit.authorization.attributes import RBAC_GROUP
from labkit.authorization.rbac import aggregated, rules_for, rules_of_role
from labkit.authorization.rules import described, listed, uncovered
from labkit.kube.access import Attributes, Authorize
from labkit.kube.calls import Rule
from labkit.kube.objects import Obj, dig, meta, name_of, namespace_of
from labkit.kube.scope import Scope
from labkit.kube.status import forbidden
from labkit.kube.users import MASTERS_GROUP

_ROLES = ("roles", "clusterroles")
_BINDINGS = ("rolebindings", "clusterrolebindings")
_GC_FIELDS = ("ownerReferences", "finalizers", "managedFields", "selfLink")
_EVERYTHING: Sequence[Obj] = (
    {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]},
    {"verbs": ["*"], "nonResourceURLs": ["*"]},
)


def check_escalation(resource: str, obj: Obj, old: Obj | None, scope: Scope, authorize: Authorize) -> Rule[None]:
    """Let `obj`, with its namespace set, be written by the scope's user, or refuse.

    `old` is what it replaces; None on create. Other resources pass.

    Raises:
        Forbidden: the user does not hold every right that is granted; the message lists the missing ones.
        ApiError: 404, a binding names a role that does not exist.
    """
    plural = resource.removesuffix(f".{RBAC_GROUP}")
    if plural == resource or plural not in _ROLES + _BINDINGS or MASTERS_GROUP in scope.user.groups:
        return
    if old is not None and _without_gc_fields(obj) == _without_gc_fields(old):
        return
    if plural in _ROLES:
        yield from _check_role(resource, obj, old, scope, authorize)
    else:
        yield from _check_binding(resource, obj, scope, authorize)


def _check_role(resource: str, obj: Obj, old: Obj | None, scope: Scope, authorize: Authorize) -> Rule[None]:
    # A create over HTTP names no object in its path, so upstream asks about `escalate` without a name there.
    name, namespace, plural = name_of(obj) if old is not None else "", namespace_of(obj), resource.partition(".")[0]
    if (yield from authorize(Attributes(scope.user, "escalate", RBAC_GROUP, "*", plural, namespace=namespace, name=name), scope)).allowed:
        return
    if missing := (yield from _missing(obj.get("rules") or (), resource, namespace, scope)):
        raise forbidden(resource, name_of(obj), missing)
    aggregates = any(dig(role, "aggregationRule", "clusterRoleSelectors") for role in (obj, old or {}))
    if aggregates and (yield from _missing(_EVERYTHING, resource, namespace, scope)):
        raise forbidden(resource, name_of(obj), "must have cluster-admin privileges to use the aggregationRule")


def _check_binding(resource: str, obj: Obj, scope: Scope, authorize: Authorize) -> Rule[None]:
    namespace = namespace_of(obj)
    reference = obj.get("roleRef") or {}
    roles = {"ClusterRole": "clusterroles", "Role": "roles"}.get(reference.get("kind", ""))
    if roles:
        bind = Attributes(
            scope.user, "bind", reference.get("apiGroup", ""), "*", roles, namespace=namespace, name=reference.get("name", "")
        )
        if (yield from authorize(bind, scope)).allowed:
            return
    granted = yield from rules_of_role(reference, namespace, resource)
    if missing := (yield from _missing(granted, resource, namespace, scope)):
        raise forbidden(resource, name_of(obj), missing)


def _missing(wanted: Sequence[Obj], resource: str, namespace: str, scope: Scope) -> Rule[str]:
    """What the user lacks, as the refusal says it; empty where nothing is missing."""
    held = yield from rules_for(scope.user, namespace, resource)
    missing = uncovered(held.policy_rules, wanted)
    if not missing:
        return ""
    texts = "\n".join(sorted({described(rule) for rule in missing}))
    who = f"user {json.dumps(scope.user.name)} (groups={listed(scope.user.groups)})"
    errors = f"; resolution errors: [{aggregated(held.errors)}]" if held.errors else ""
    return f"{who} is attempting to grant RBAC permissions not currently held:\n{texts}{errors}"


def _without_gc_fields(obj: Obj) -> Obj:
    return {**obj, "metadata": {key: value for key, value in meta(obj).items() if key not in _GC_FIELDS}}
