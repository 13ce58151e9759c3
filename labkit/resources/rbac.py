"""Roles and bindings: defaulting and validation (pkg/apis/rbac/v1/defaults.go, pkg/apis/rbac/validation/validation.go)."""

from __future__ import annotations

from collections.abc import Sequence

from labkit.kube.names import is_path_segment, is_subdomain
from labkit.kube.objects import Obj, dig
from labkit.kube.status import FieldError, field_invalid, field_required, field_unsupported
from labkit.resources.kinds import Strategy
from labkit.resources.selector_validation import selector_errors

GROUP = "rbac.authorization.k8s.io"


class RoleStrategy(Strategy):
    """Role and ClusterRole. Rules of a Role cannot name paths; a ClusterRole may gather the rules of others."""

    def __init__(self, *, namespaced: bool) -> None:
        self.namespaced = namespaced

    def default(self, obj: Obj) -> None:
        """`rules` is always shown: null where there are none."""
        obj.setdefault("rules", None)

    def validate(self, obj: Obj) -> list[FieldError]:
        """Every rule has verbs, and either paths or groups and resources."""
        found = []
        for position, rule in enumerate(obj.get("rules") or ()):
            found += _rule_errors(rule, f"rules[{position}]", namespaced=self.namespaced)
        if not self.namespaced and obj.get("aggregationRule") is not None:
            found += _aggregation_errors(dig(obj, "aggregationRule", "clusterRoleSelectors", default=()))
        # Since 1.37 the checks that are declared with the types come after the written ones, and say less.
        missing = [position for position, rule in enumerate(obj.get("rules") or ()) if not rule.get("verbs")]
        return found + [field_required(f"rules[{position}].verbs") for position in missing]

    def validate_update(self, obj: Obj, old: Obj, subresource: str = "") -> list[FieldError]:
        """As on create: rules may change freely."""
        return self.validate(obj)


class BindingStrategy(Strategy):
    """RoleBinding and ClusterRoleBinding. The role that is bound can never be changed."""

    def __init__(self, *, namespaced: bool) -> None:
        self.namespaced = namespaced

    def default(self, obj: Obj) -> None:
        """The API group of the role and of users and groups."""
        reference = obj.setdefault("roleRef", {})
        if isinstance(reference, dict) and not reference.get("apiGroup"):
            reference["apiGroup"] = GROUP
        for subject in obj.get("subjects") or ():
            if subject.get("kind") in ("User", "Group") and not subject.get("apiGroup"):
                subject["apiGroup"] = GROUP

    def validate(self, obj: Obj) -> list[FieldError]:
        """The role is named by group, kind and name; each subject is an account, a user or a group."""
        reference = obj.get("roleRef") or {}
        found = []
        if reference.get("apiGroup") != GROUP:
            found.append(field_unsupported("roleRef.apiGroup", reference.get("apiGroup", ""), [GROUP]))
        kinds = ["Role", "ClusterRole"] if self.namespaced else ["ClusterRole"]
        if reference.get("kind") not in kinds:
            found.append(field_unsupported("roleRef.kind", reference.get("kind", ""), kinds))
        name = reference.get("name") or ""
        found += [field_invalid("roleRef.name", name, why) for why in is_path_segment(name)]
        subjects = obj.get("subjects") or ()
        for position, subject in enumerate(subjects):
            found += _subject_errors(subject, f"subjects[{position}]", namespaced=self.namespaced)
        # Since 1.37 the checks that are declared with the types come after the written ones.
        found += [field_required("roleRef.name")] if not name else []
        nameless = [position for position, subject in enumerate(subjects) if not subject.get("name")]
        return found + [field_required(f"subjects[{position}].name") for position in nameless]

    def validate_update(self, obj: Obj, old: Obj, subresource: str = "") -> list[FieldError]:
        """As on create, and the role stays the same."""
        found = self.validate(obj)
        if obj.get("roleRef") != old.get("roleRef"):
            reference = obj.get("roleRef") or {}
            shown = {title: reference.get(key, "") for title, key in (("APIGroup", "apiGroup"), ("Kind", "kind"), ("Name", "name"))}
            found.append(field_invalid("roleRef", shown, "field is immutable"))
        return found


def _rule_errors(rule: Obj, path: str, *, namespaced: bool) -> list[FieldError]:
    found = []
    if paths := rule.get("nonResourceURLs"):
        where = f"{path}.nonResourceURLs"
        if namespaced:
            found.append(field_invalid(where, paths, "namespaced rules cannot apply to non-resource URLs"))
        if rule.get("apiGroups") or rule.get("resources") or rule.get("resourceNames"):
            found.append(field_invalid(where, paths, "rules cannot apply to both regular resources and non-resource URLs"))
        return found
    if not rule.get("apiGroups"):
        found.append(field_required(f"{path}.apiGroups", "resource rules must supply at least one api group"))
    if not rule.get("resources"):
        found.append(field_required(f"{path}.resources", "resource rules must supply at least one resource"))
    return found


def _subject_errors(subject: Obj, path: str, *, namespaced: bool) -> list[FieldError]:
    kind, name, group = subject.get("kind", ""), subject.get("name") or "", subject.get("apiGroup") or ""
    found = []
    if kind == "ServiceAccount":
        if name:
            found += [field_invalid(f"{path}.name", name, why) for why in is_subdomain(name)]
        if group:
            found.append(field_unsupported(f"{path}.apiGroup", group, [""]))
        if not namespaced and not subject.get("namespace"):
            found.append(field_required(f"{path}.namespace"))
    elif kind in ("User", "Group"):
        if group != GROUP:
            found.append(field_unsupported(f"{path}.apiGroup", group, [GROUP]))
    else:
        found.append(field_unsupported(f"{path}.kind", kind, ["ServiceAccount", "User", "Group"]))
    return found


def _aggregation_errors(selectors: Sequence[Obj]) -> list[FieldError]:
    path = "aggregationRule.clusterRoleSelectors"
    if not selectors:
        return [field_required(path, "at least one clusterRoleSelector required if aggregationRule is non-nil")]
    found = []
    for position, selector in enumerate(selectors):
        where = f"{path}[{position}]"
        wrong = selector_errors(selector, where)
        if any(error.field.startswith(f"{where}.matchExpressions") for error in wrong):
            wrong.append(field_invalid(where, None, "invalid label selector."))
        found += wrong
    return found


ROLES = RoleStrategy(namespaced=True)
CLUSTER_ROLES = RoleStrategy(namespaced=False)
ROLE_BINDINGS = BindingStrategy(namespaced=True)
CLUSTER_ROLE_BINDINGS = BindingStrategy(namespaced=False)
