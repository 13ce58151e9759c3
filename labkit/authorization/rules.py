"""RBAC's policy rules: what one allows, what one covers, and what is missing (pkg/apis/rbac/v1/evaluation_helpers.go)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from labkit.kube.access import Attributes
from labkit.kube.objects import Obj

ALL = "*"


def allows(rule: Obj, attributes: Attributes) -> bool:
    """Whether the rule alone allows what is wanted."""
    if not _has(rule, "verbs", attributes.verb):
        return False
    if not attributes.is_resource:
        return any(_path_matches(pattern, attributes.path) for pattern in _part(rule, "nonResourceURLs"))
    names = _part(rule, "resourceNames")
    return (
        _has(rule, "apiGroups", attributes.group)
        and _resource_matches(_part(rule, "resources"), attributes.combined_resource)
        and (not names or attributes.name in names)
    )


def uncovered(held: Sequence[Obj], wanted: Iterable[Obj]) -> list[Obj]:
    """The part of `wanted` that `held` does not cover, broken down and put together again by verb, in no particular order."""
    missing = [part for rule in wanted for part in _parts(rule) if not any(_covers(owned, part) for owned in held)]
    compacted: dict[str, Obj] = {}
    for part in missing:
        key = json.dumps({name: value for name, value in part.items() if name != "verbs"}, sort_keys=True)
        if part.get("nonResourceURLs"):
            key += part["verbs"][0]
        if key in compacted:
            compacted[key] = {**compacted[key], "verbs": [*compacted[key]["verbs"], *part["verbs"]]}
        else:
            compacted[key] = part
    return list(compacted.values())


def described(rule: Obj) -> str:
    """`{APIGroups:[""], Resources:["pods"], Verbs:["get"]}`, as refusals show a rule."""
    names = (
        ("APIGroups", "apiGroups"),
        ("Resources", "resources"),
        ("NonResourceURLs", "nonResourceURLs"),
        ("ResourceNames", "resourceNames"),
        ("Verbs", "verbs"),
    )
    return "{" + ", ".join(f"{title}:{listed(_part(rule, key))}" for title, key in names if _part(rule, key)) + "}"


def listed(values: Iterable[str]) -> str:
    """`["a" "b"]`, as Go's %q prints strings."""
    return "[" + " ".join(json.dumps(value, ensure_ascii=False) for value in values) + "]"


def _part(rule: Obj, key: str) -> Sequence[str]:
    found: Any = rule.get(key)
    return found or ()


def _has(rule: Obj, key: str, value: str) -> bool:
    part = _part(rule, key)
    return ALL in part or value in part


def _path_matches(pattern: str, path: str) -> bool:
    return pattern in (ALL, path) or (pattern.endswith("*") and path.startswith(pattern.rstrip("*")))


def _resource_matches(resources: Sequence[str], combined: str) -> bool:
    if ALL in resources or combined in resources:
        return True
    _, slash, subresource = combined.partition("/")
    return bool(slash) and f"*/{subresource}" in resources


def _parts(rule: Obj) -> Iterator[Obj]:
    """The rule as rules of one group, resource, name and verb each, and of one path and verb."""
    for group in _part(rule, "apiGroups"):
        for resource in _part(rule, "resources"):
            for verb in _part(rule, "verbs"):
                for name in _part(rule, "resourceNames") or (None,):
                    part: Obj = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
                    yield part if name is None else {**part, "resourceNames": [name]}
    for path in _part(rule, "nonResourceURLs"):
        for verb in _part(rule, "verbs"):
            yield {"nonResourceURLs": [path], "verbs": [verb]}


def _covers(held: Obj, part: Obj) -> bool:
    if not _has(held, "verbs", part["verbs"][0]):
        return False
    if "nonResourceURLs" in part:
        return any(_path_matches(pattern, part["nonResourceURLs"][0]) for pattern in _part(held, "nonResourceURLs"))
    names = _part(held, "resourceNames")
    return (
        _has(held, "apiGroups", part["apiGroups"][0])
        and _resource_matches(_part(held, "resources"), part["resources"][0])
        and (not names or part.get("resourceNames", [None])[0] in names)
    )
