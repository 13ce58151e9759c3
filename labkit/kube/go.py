"""How Go prints JSON values: clients and people match on upstream's error texts, and these are part of them."""

from __future__ import annotations

from typing import Any


def json_kind(value: Any) -> str:
    """The JSON type of a value, as Go's decoder names it in `cannot unmarshal string into …`."""
    return {dict: "object", list: "array", str: "string", bool: "bool"}.get(type(value), "number")


def printed(value: Any) -> str:
    """A JSON value as Go's %v prints it: `map[a:1 b:[x y]]`."""
    if isinstance(value, dict):
        return f"map[{' '.join(f'{key}:{printed(item)}' for key, item in sorted(value.items()))}]"
    if isinstance(value, list):
        return f"[{' '.join(printed(item) for item in value)}]"
    if value is None:
        return "<nil>"
    return str(value).lower() if isinstance(value, bool) else str(value)
