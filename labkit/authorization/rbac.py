"""The RBAC authorizer (plugin/pkg/auth/authorizer/rbac, pkg/registry/rbac/validation/rule.go; RBC-1 to RBC-6).

Bindings are found through the index `subject`, one look-up for the user and one for each of its groups. Nothing is scanned.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labkit.authorization.attributes import RBAC_GROUP
from labkit.authorization.rules import allows
from labkit.kube.access import Attributes, Decision
from labkit.kube.calls import Note, Rule, find, list_
from labkit.kube.objects import Obj, name_of, namespace_of
from labkit.kube.status import ApiError, not_found
from labkit.kube.users import UserInfo, service_account_username

CLUSTER_ROLE_BINDINGS = f"clusterrolebindings.{RBAC_GROUP}"
ROLE_BINDINGS = f"rolebindings.{RBAC_GROUP}"
CLUSTER_ROLES = f"clusterroles.{RBAC_GROUP}"
ROLES = f"roles.{RBAC_GROUP}"


@dataclass(frozen=True, slots=True)
class HeldRule:
    """A policy rule that a user holds, and the binding that gives it, in upstream's words."""

    rule: Obj
    source: str


@dataclass(frozen=True, slots=True)
class Held:
    """All that a user holds in a namespace, and what went wrong in finding out: bindings to roles that are not there."""

    rules: tuple[HeldRule, ...]
    errors: tuple[str, ...] = ()

    @property
    def policy_rules(self) -> list[Obj]:
        """The bare policy rules."""
        return [held.rule for held in self.rules]


def authorize(attributes: Attributes) -> Rule[Decision]:
    """Allow what any rule of any binding of the user allows: cluster-wide bindings first, then those of the namespace.

    A refusal names the roles that bindings of the user refer to and that do not exist.
    """
    errors: list[str] = []
    for namespace in dict.fromkeys(("", attributes.namespace)):
        found = yield from _bound(attributes.user, namespace)
        for held in found.rules:
            if allows(held.rule, attributes):
                yield Note("RBC-6", "allowed", {"source": held.source})
                return Decision(True, f"RBAC: allowed by {held.source}")
        errors += found.errors
    return Decision(False, f"RBAC: {aggregated(errors)}" if errors else "")


def rules_for(user: UserInfo, namespace: str, missing_as: str = "") -> Rule[Held]:
    """Every policy rule that the user holds in `namespace`; with an empty one, only those that hold everywhere.

    `missing_as` is the resource that errors name instead of the missing role's own.
    """
    everywhere = yield from _bound(user, "", missing_as)
    if not namespace:
        return everywhere
    here = yield from _bound(user, namespace, missing_as)
    return Held(everywhere.rules + here.rules, everywhere.errors + here.errors)


def rules_of_role(reference: Obj, namespace: str, missing_as: str = "") -> Rule[Sequence[Obj]]:
    """The rules of the role that a `roleRef` names; `missing_as` as for `rules_for`.

    Raises:
        NotFound: there is no such role.
        ApiError: 500 without a reason, the reference is to something else than a role.
    """
    kind, name = reference.get("kind"), reference.get("name", "")
    if kind not in ("ClusterRole", "Role"):
        raise ApiError(f"unsupported role reference kind: {json.dumps(kind or '')}", reason="")
    cluster_wide = kind == "ClusterRole"
    found = yield from find(CLUSTER_ROLES if cluster_wide else ROLES, name, "" if cluster_wide else namespace)
    if found is None:
        raise not_found(missing_as or f"{'clusterrole' if cluster_wide else 'role'}.{RBAC_GROUP}", name)
    return found.get("rules") or ()


def aggregated(errors: Sequence[str]) -> str:
    """Several errors as upstream's aggregate prints them: one as it is, more in brackets, none twice."""
    once = list(dict.fromkeys(errors))
    return once[0] if len(once) == 1 else f"[{', '.join(once)}]"


def _bound(user: UserInfo, namespace: str, missing_as: str = "") -> Rule[Held]:
    """What the bindings of one namespace, or the cluster-wide ones, give the user."""
    resource = ROLE_BINDINGS if namespace else CLUSTER_ROLE_BINDINGS
    bindings: dict[str, Obj] = {}
    for subject in dict.fromkeys((f"User:{user.name}", *(f"Group:{group}" for group in user.groups))):
        for binding in (yield from list_(resource, namespace, index=("subject", subject))):
            bindings[name_of(binding)] = binding
    rules: list[HeldRule] = []
    errors: list[str] = []
    for _, binding in sorted(bindings.items()):
        subject_of_binding = next(_subjects_that_apply(binding, user), None)
        if subject_of_binding is None:
            continue
        reference = binding.get("roleRef") or {}
        try:
            granted = yield from rules_of_role(reference, namespace, missing_as)
        except ApiError as error:
            errors.append(error.message)
            continue
        source = _source(binding, reference, subject_of_binding)
        rules += [HeldRule(rule, source) for rule in granted]
    return Held(tuple(rules), tuple(errors))


def _subjects_that_apply(binding: Obj, user: UserInfo) -> Iterator[Obj]:
    for subject in binding.get("subjects") or ():
        match subject.get("kind"):
            case "User":
                applies = subject.get("name") == user.name
            case "Group":
                applies = subject.get("name") in user.groups
            case "ServiceAccount":
                namespace = subject.get("namespace") or namespace_of(binding)
                applies = bool(namespace) and service_account_username(namespace, subject.get("name", "")) == user.name
            case _:
                applies = False
        if applies:
            yield subject


def _source(binding: Obj, reference: Obj, subject: Obj) -> str:
    namespace = namespace_of(binding)
    name = f"{name_of(binding)}/{namespace}" if namespace else name_of(binding)
    kind = "RoleBinding" if namespace else "ClusterRoleBinding"
    who = subject.get("name", "")
    if subject.get("kind") == "ServiceAccount":
        who = f"{who}/{subject.get('namespace') or namespace}"
    role = f"{reference.get('kind')} {json.dumps(reference.get('name', ''))}"
    return f"{kind} {json.dumps(name)} of {role} to {subject.get('kind')} {json.dumps(who, ensure_ascii=False)}"
