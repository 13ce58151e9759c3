"""How the refusal of a Pod's update shows what is different: a unified diff of upstream's internal form (apimachinery/pkg/util/diff).

That form has other names than v1 and shows every field, set or not; `data/pod-types.json` knows it (of 1.37: other versions differ).
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from labkit.kube.objects import Obj

Struct = tuple[tuple[str, str, str], ...]  # of each field: its internal name, its name in v1, its Go type
_CONTEXT_LINES = 3
_ZEROS: Mapping[str, Any] = {"string": "", "bool": False, "int32": 0, "int64": 0, "intstr.IntOrString": 0, "resource.Quantity": "0"}


def diff_specs(before: Obj, after: Obj, struct: str = "PodSpec") -> str:
    """The difference of two values of an internal struct, or an empty text where nothing but empty fields differs."""
    if _without_empty(before) == _without_empty(after):
        return ""
    old, new = _lines(before, struct), _lines(after, struct)
    lines = difflib.unified_diff(old, new, n=_CONTEXT_LINES)
    return "".join(list(lines)[2:])  # upstream names no files


def internal(value: Obj, struct: str) -> Obj:
    """A v1 value in upstream's internal form: every field in order, null where it is unset."""
    return {name: _field(value.get(wire), kind) for name, wire, kind in _structs()[struct]}


@cache
def _structs() -> Mapping[str, Struct]:
    found: dict[str, list[str]] = json.loads(files("labkit.resources").joinpath("data/pod-types.json").read_text("utf-8"))
    return {struct: tuple(_row(field) for field in fields) for struct, fields in found.items()}


def _row(field: str) -> tuple[str, str, str]:
    name, wire, kind = field.split(" ")
    return name, wire, kind


def _field(value: Any, kind: str) -> Any:
    if value is None:
        if kind.startswith(("*", "[]", "map[")):
            return None
        return internal({}, kind) if kind in _structs() else _ZEROS[kind]
    base = kind.lstrip("*[]")
    if base not in _structs():
        return dict(sorted(value.items())) if isinstance(value, dict) else value
    if isinstance(value, list):
        return [internal(item, base) for item in value]
    return internal(value, base)


def _lines(value: Obj, struct: str) -> list[str]:
    text = json.dumps(internal(value, struct), indent=1, ensure_ascii=False)
    text = text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")  # as Go's encoder writes them
    return [f"{line}\n" for line in text.split("\n")]


def _without_empty(value: Any) -> Any:
    """The value without what Go cannot tell from being unset."""
    if isinstance(value, dict):
        kept = {key: _without_empty(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item not in ([], "")}
    if isinstance(value, list):
        return [_without_empty(item) for item in value]
    return value


__all__ = ["diff_specs", "internal"]
