"""The access reviews: may somebody do something, and what may I do (pkg/registry/authorization, pkg/apis/authorization/validation).

They are rules that are given the authorizer as a function. What they return is the whole answer; nothing is stored.
"""

from __future__ import annotations

from dataclasses import replace

from labkit.kube.access import Attributes, Authorize, ResolveRules
from labkit.kube.calls import Rule
from labkit.kube.objects import Obj, copy, meta
from labkit.kube.scope import Scope
from labkit.kube.selectors import parse_field_selector, parse_label_selector
from labkit.kube.status import BadRequest, FieldError, field_invalid, field_required, invalid
from labkit.kube.users import UserInfo
from labkit.resources.selector_validation import expression_errors, field_expression_errors

GROUP = "authorization.k8s.io"
_ATTRIBUTES = "spec.resourceAttributes"


def self_subject_access_review(body: Obj, scope: Scope, authorize: Authorize) -> Rule[Obj]:
    """Whether the scope's user may do what the spec says.

    Raises:
        Invalid: the spec says nothing, or too much.
    """
    review = _prepared(body)
    _refuse(_spec_errors(review["spec"], someone=False) + _metadata_errors(review))
    return (yield from _answered(review, scope.user, scope, authorize))


def subject_access_review(body: Obj, scope: Scope, authorize: Authorize) -> Rule[Obj]:
    """Whether the user and the groups that the spec names may do what it says.

    Raises:
        Invalid: the spec names nobody, says nothing, or too much.
    """
    review = _prepared(body)
    _refuse(_spec_errors(review["spec"], someone=True) + _metadata_errors(review))
    return (yield from _answered(review, _named(review["spec"]), scope, authorize))


def local_subject_access_review(body: Obj, namespace: str, scope: Scope, authorize: Authorize) -> Rule[Obj]:
    """A SubjectAccessReview about one namespace, which the URL names and the spec repeats.

    Raises:
        Invalid: as there; or the spec is about another namespace or about a path.
    """
    review = _prepared(body)
    review["metadata"] = {**meta(review), "namespace": namespace}
    spec = review["spec"]
    errors = _spec_errors(spec, someone=True) + _metadata_errors(review, allowed=("namespace",))
    wanted = spec.get("resourceAttributes")
    if wanted is not None and (wanted.get("namespace") or "") != namespace:
        errors.append(field_invalid(f"{_ATTRIBUTES}.namespace", wanted.get("namespace") or "", "must match metadata.namespace"))
    if (path := spec.get("nonResourceAttributes")) is not None:
        errors.append(field_invalid("spec.nonResourceAttributes", _path_shown(path), "disallowed on this kind of request"))
    _refuse(errors)
    return (yield from _answered(review, _named(spec), scope, authorize))


def self_subject_rules_review(body: Obj, scope: Scope, resolve: ResolveRules) -> Rule[Obj]:
    """All that the scope's user may do in a namespace, as far as it can be listed. The answer holds the status alone.

    Raises:
        BadRequest: the spec names no namespace.
    """
    namespace = (body.get("spec") or {}).get("namespace") or ""
    if not namespace:
        raise BadRequest("no namespace on request")
    resolved = yield from resolve(scope.user, namespace)
    on_resources, on_paths = [], []
    for rule in resolved.rules:
        if rule.get("resources"):
            on_resources.append({key: rule[key] for key in ("verbs", "apiGroups", "resources", "resourceNames") if rule.get(key)})
        if rule.get("nonResourceURLs"):
            on_paths.append({"verbs": rule["verbs"], "nonResourceURLs": rule["nonResourceURLs"]})
    status: Obj = {"resourceRules": on_resources, "nonResourceRules": on_paths, "incomplete": resolved.incomplete}
    if resolved.error:
        status["evaluationError"] = resolved.error
    return {"kind": "SelfSubjectRulesReview", "apiVersion": f"{GROUP}/v1", "metadata": {}, "spec": {}, "status": status}


def _prepared(body: Obj) -> Obj:
    review = copy(body)
    review["metadata"] = {key: value for key, value in meta(review).items() if value is not None}
    review["spec"] = dict(review.get("spec") or {})
    return dict(review)


def _answered(review: Obj, user: UserInfo, scope: Scope, authorize: Authorize) -> Rule[Obj]:
    attributes, errors = _attributes(review["spec"], user)
    decision = yield from authorize(attributes, scope)
    status: Obj = {"allowed": decision.allowed}
    if decision.reason:
        status["reason"] = decision.reason
    if errors:
        status["evaluationError"] = "; ".join(errors)
    return {**{key: value for key, value in review.items() if key != "status"}, "status": status}


def _named(spec: Obj) -> UserInfo:
    extra = {key: tuple(values) for key, values in (spec.get("extra") or {}).items()}
    return UserInfo(spec.get("user") or "", tuple(spec.get("groups") or ()), spec.get("uid") or "", extra)


def _attributes(spec: Obj, user: UserInfo) -> tuple[Attributes, list[str]]:
    """What is to be judged, and which selectors were left out since they cannot be read: that asks for more, never for less."""
    path, wanted = spec.get("nonResourceAttributes"), spec.get("resourceAttributes")
    if path is not None:
        return Attributes(user, path.get("verb") or "", path=path.get("path") or "/"), []
    names = ("verb", "group", "version", "resource", "subresource", "namespace", "name")
    parts = {name: (wanted or {}).get(name) or "" for name in names}
    attributes = Attributes(user, **{**parts, "version": parts["version"] or "*"})
    return _narrowed(attributes, wanted or {})


def _narrowed(attributes: Attributes, wanted: Obj) -> tuple[Attributes, list[str]]:
    errors: list[str] = []
    fields = wanted.get("fieldSelector") or {}
    terms, dropped = [fields.get("rawSelector") or ""], 0
    try:
        parse_field_selector(terms[0])
    except BadRequest:
        terms, dropped = [], 1
    for requirement in fields.get("requirements") or ():
        sign = {"In": "=", "NotIn": "!="}.get(requirement.get("operator", ""))
        values = requirement.get("values") or []
        if sign and len(values) == 1:
            terms.append(f"{requirement.get('key')}{sign}{_escaped(values[0])}")
        else:
            dropped += 1
    terms = [term for term in terms if term]
    if dropped:
        partly = "partially " if terms else ""
        errors.append(f"{_ATTRIBUTES}.fieldSelector {partly}ignored due to parse error")
    try:
        parse_label_selector((wanted.get("labelSelector") or {}).get("rawSelector") or "")
    except BadRequest:
        errors.append(f"{_ATTRIBUTES}.labelSelector ignored due to parse error")
    return replace(attributes, field_selector=",".join(terms)), errors


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(",", "\\,").replace("=", "\\=")


def _spec_errors(spec: Obj, *, someone: bool) -> list[FieldError]:
    wanted, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    found = []
    if (wanted is None) == (path is None):
        shown = None if path is None else _path_shown(path)
        found.append(field_invalid("spec", shown, "exactly one of nonResourceAttributes or resourceAttributes must be specified"))
    if someone and not spec.get("user") and not spec.get("groups"):
        found.append(field_invalid("spec.user", "", "at least one of user or group must be specified"))
    for name in ("fieldSelector", "labelSelector"):
        if (selector := (wanted or {}).get(name)) is not None:
            found += _selector_errors(selector, f"{_ATTRIBUTES}.{name}", labels=name == "labelSelector")
    return found


def _selector_errors(selector: Obj, path: str, *, labels: bool) -> list[FieldError]:
    raw, requirements = selector.get("rawSelector") or "", selector.get("requirements") or ()
    found = []
    if raw and requirements:
        found.append(field_invalid(f"{path}.rawSelector", raw, "may not specified at the same time as requirements"))
    if not raw and not requirements:
        found.append(field_required(f"{path}.requirements", f"when {path} is specified, requirements or rawSelector is required"))
    for number, requirement in enumerate(requirements):
        where = f"{path}.requirements[{number}]"
        found += expression_errors(requirement, where, unknown_operators=True) if labels else field_expression_errors(requirement, where)
    return found


def _metadata_errors(review: Obj, allowed: tuple[str, ...] = ()) -> list[FieldError]:
    found = {key: value for key, value in meta(review).items() if value not in ("", None, {}, []) and key not in allowed}
    if not found or set(found) <= {"managedFields", "namespace"}:  # the generic handler has already judged the namespace
        return []
    return [field_invalid("metadata", found, f"must be empty{' except for namespace' if allowed else ''}")]


def _path_shown(path: Obj) -> Obj:
    """nonResourceAttributes as the internal type is printed."""
    return {"Path": path.get("path") or "", "Verb": path.get("verb") or ""}


def _refuse(errors: list[FieldError]) -> None:
    if errors:
        raise invalid("", "", errors, GROUP)
