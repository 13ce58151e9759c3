"""How strategic merge patch treats the fields of each kind: which lists merge, and by which key.

The data are facts of the API's OpenAPI documents (`x-kubernetes-patch-strategy` and `-merge-key`), taken out by `extract`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from labkit.kube.patches import FieldRule

_REF = "#/components/schemas/"
Schemas = Mapping[str, Mapping[str, Any]]
Rules = dict[str, dict[str, list[str]]]  # schema -> field -> [schema of the value or of its items, strategies, merge key]


@cache
def _rules() -> Rules:
    found: Rules = json.loads(files("labkit.resources").joinpath("data/merge-keys.json").read_text("utf-8"))
    return found


def schema_of(group: str, version: str, kind: str) -> str:
    """The name under which the rules know a kind: `v1.Pod`, `rbac.authorization.k8s.io/v1.Role`."""
    return f"{group}/{version}.{kind}" if group else f"{version}.{kind}"


def lookup(schema: str, field: str) -> FieldRule:
    """The rule of a field; an empty rule for a field where nothing special is known."""
    found = _rules().get(schema, {}).get(field)
    if found is None:
        return FieldRule()
    return FieldRule(found[0], tuple(found[1].split(",")) if found[1] else (), found[2])


def extract(schemas: Schemas) -> Rules:
    """The rules that the schemas of OpenAPI v3 documents hold: only fields with a strategy, and those on the way to one."""
    names = {schema: _short(schema, body) for schema, body in schemas.items()}
    rules: Rules = {}
    for schema, body in schemas.items():
        for field, described in (body.get("properties") or {}).items():
            of = names.get(_referred(described), "")
            strategies = described.get("x-kubernetes-patch-strategy", "")
            if of or strategies:
                rules.setdefault(names[schema], {})[field] = [of, strategies, described.get("x-kubernetes-patch-merge-key", "")]
    return _pruned(rules)


def _short(schema: str, body: Mapping[str, Any]) -> str:
    named = body.get("x-kubernetes-group-version-kind") or []
    if len(named) == 1:
        return schema_of(named[0]["group"], named[0]["version"], named[0]["kind"])
    return schema.removeprefix("io.k8s.").removeprefix("api.").removeprefix("apimachinery.pkg.apis.")


def _referred(described: Mapping[str, Any]) -> str:
    for part in (described, described.get("items") or {}, described.get("additionalProperties") or {}):
        if isinstance(part, Mapping):
            for reference in (part, *(part.get("allOf") or ())):
                if "$ref" in reference:
                    return str(reference["$ref"]).removeprefix(_REF)
    return ""


def _pruned(rules: Rules) -> Rules:
    """Only what leads to a strategy."""
    useful = {schema for schema, fields in rules.items() if any(rule[1] for rule in fields.values())}
    while True:
        more = {schema for schema, fields in rules.items() if schema not in useful and any(rule[0] in useful for rule in fields.values())}
        if not more:
            break
        useful |= more
    return {
        schema: {field: rule for field, rule in sorted(fields.items()) if rule[1] or rule[0] in useful}
        for schema, fields in sorted(rules.items())
        if schema in useful
    }
