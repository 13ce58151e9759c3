"""Decoding as upstream's: a JSON object held against the schema of its kind.

A value of another type than its field's is an error. A field that the kind does not have, or one given twice, is dropped; `fieldValidation`
says whether that is an error, a warning, or nothing (apiserver/pkg/endpoints/handlers/create.go, sigs.k8s.io/json). The schemas are
those of the OpenAPI documents.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from labkit.apiserver.data import load
from labkit.kube.go import json_kind
from labkit.kube.objects import Obj
from labkit.kube.scope import Scope
from labkit.kube.status import BadRequest, field_unsupported, invalid
from labkit.resources.kinds import Kind

STRICT, WARN, IGNORE = "Strict", "Warn", "Ignore"
SUPPORTED = ("", IGNORE, STRICT, WARN)
_REF = "#/components/schemas/"
_JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "array": (list,),
    "object": (dict,),
}


class WrongType(Exception):
    """A value that its field cannot hold, in the words of Go's decoder."""


@dataclass
class _Walk:
    """One object's way through its schema. `unknown` collects the paths of fields that nobody knows."""

    schemas: Mapping[str, Any]
    unknown: list[str] = field(default_factory=list)

    def value(self, value: Any, schema: Obj, path: str, fields: str, struct: str) -> Any:
        """The value without what its schema does not know. `path` has indexes, `fields` has none; `struct` is the Go type around it."""
        name = _referred(schema)
        described = self.schemas.get(name, {}) if name else schema
        if "oneOf" in described or "x-kubernetes-preserve-unknown-fields" in described:
            return value
        kind = described.get("type", "")
        if kind in _JSON_TYPES and not _is(value, kind):
            raise WrongType(f"json: cannot unmarshal {json_kind(value)} into Go struct field {struct}.{fields} of type {_go_type(schema)}")
        if kind == "array":
            items = described.get("items", {})
            return [self.value(item, items, f"{path}[{at}]", fields, struct) for at, item in enumerate(value) if item is not None]
        if kind == "object" and "properties" in described:
            return self.object(value, described, path, fields, name.rpartition(".")[2])
        if kind == "object" and isinstance(described.get("additionalProperties"), dict):
            inner = described["additionalProperties"]
            return {key: self.value(item, inner, f"{path}.{key}", fields, struct) for key, item in value.items() if item is not None}
        return value

    def object(self, value: Obj, described: Obj, path: str, fields: str, struct: str) -> Obj:
        """An object without the fields that its schema does not know, and without nulls, which mean that a field is not set."""
        properties, kept = described["properties"], {}
        for key, item in value.items():
            here = f"{path}.{key}" if path else key
            if key not in properties:
                self.unknown.append(here)
            elif item is not None:
                kept[key] = self.value(item, properties[key], here, f"{fields}.{key}" if fields else key, struct)
        return kept


def conform(obj: Obj, kind: Kind, mode: str, scope: Scope, refuse: Callable[[str], Exception] | None = None) -> Obj:
    """The object as a server of Go types sees it.

    Args:
        mode: what `fieldValidation` says; empty means Warn.
        refuse: makes the error, given what is wrong; without it, it is the 400 of a body that cannot be decoded.

    Raises:
        BadRequest: a value of a wrong type, or, where Strict, an unknown field.
    """
    described = _schema_of(kind, obj)
    if described is None:
        return obj
    wrong = refuse or (lambda why: BadRequest(f'{kind.kind} in version "{kind.version}" cannot be handled as a {kind.kind}: {why}'))
    walk = _Walk(load("schemas.json"))
    try:
        kept = walk.object(obj, described, "", "", str(obj.get("kind", kind.kind)))
    except WrongType as error:
        raise wrong(str(error)) from None
    problems = [f'unknown field "{path}"' for path in walk.unknown]
    if problems and mode == STRICT:
        raise wrong(f"strict decoding error: {', '.join(problems)}")
    if mode in ("", WARN):
        for problem in problems:
            scope.warn(problem)
    return kept


def check_mode(mode: str, options: str) -> str:
    """What `fieldValidation` says. `options` names the request's options type, such as CreateOptions.

    Raises:
        Invalid: none of the three modes.
    """
    if mode not in SUPPORTED:
        raise invalid(options, "", [field_unsupported("fieldValidation", mode, SUPPORTED)], "meta.k8s.io")
    return mode


def _schema_of(kind: Kind, obj: Obj) -> Obj | None:
    group, _, version = str(obj.get("apiVersion", kind.api_version)).rpartition("/")
    return _by_kind().get((group, version, obj.get("kind", kind.kind)))


@cache
def _by_kind() -> Mapping[tuple[Any, ...], Obj]:
    found = load("schemas.json")
    return {
        (named["group"], named["version"], named["kind"]): schema
        for schema in found.values()
        for named in schema.get("x-kubernetes-group-version-kind", ())
        if "properties" in schema
    }


def _referred(schema: Obj) -> str:
    for part in (schema, *schema.get("allOf", ())):
        if "$ref" in part:
            return str(part["$ref"]).removeprefix(_REF)
    return ""


def _is(value: Any, kind: str) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if kind == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, _JSON_TYPES[kind])


def _go_type(schema: Obj) -> str:
    """The Go type of a field, as Go's decoder names it."""
    name = _referred(schema)
    if name:
        parts = name.split(".")
        return f"{parts[-2]}.{parts[-1]}"
    match schema.get("type"):
        case "array":
            return f"[]{_go_type(schema.get('items', {}))}"
        case "object":
            inner = schema.get("additionalProperties")
            return f"map[string]{_go_type(inner)}" if isinstance(inner, dict) else "map[string]interface {}"
        case "boolean":
            return "bool"
        case "integer":
            return str(schema.get("format", "int64"))
        case "number":
            return "float64"
    return "string"
