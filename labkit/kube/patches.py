"""The three ways to change an object by a patch: JSON Patch, JSON merge patch and strategic merge patch.

Upstream: apiserver/pkg/endpoints/handlers/patch.go, apimachinery/pkg/util/strategicpatch/patch.go, RFC 6902 and RFC 7386.
Nothing given is changed; what comes back shares parts with what was given.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labkit.kube.go import json_kind
from labkit.kube.objects import Obj, copy
from labkit.kube.status import ApiError, BadRequest, Invalid

MAX_OPERATIONS = 10_000
_MISSING = object()
_REJECTED = "the server rejected our request due to an error in our request"


@dataclass(frozen=True, slots=True)
class FieldRule:
    """How a field of a schema is patched: its strategies (`merge`, `replace`, `retainKeys`), its merge key, and its items' schema."""

    schema: str = ""
    strategies: tuple[str, ...] = ()
    merge_key: str = ""


Lookup = Callable[[str, str], FieldRule]  # (schema, field) -> its rule; a rule without a schema for a field that nobody knows


# --- JSON Patch ---------------------------------------------------------------------------------------------------------------------


def json_patch(original: Obj, patch: Any) -> Obj:
    """`original` after the operations of a JSON Patch, in order; one that fails undoes all.

    Where upstream's library is laxer than RFC 6902, so is this: `replace` of a missing key sets it, `test` of a missing one against null
    passes, indexes may count from the end, and what stands before a path's first slash is ignored.

    Raises:
        BadRequest: the patch is no list of operations.
        Invalid: an operation cannot be carried out; upstream does not say which.
    """
    if not isinstance(patch, list) or not all(isinstance(step, dict) for step in patch):
        found = json_kind(patch if not isinstance(patch, list) else next(step for step in patch if not isinstance(step, dict)))
        wanted = "handlers.jsonPatchOp" if isinstance(patch, list) else "[]handlers.jsonPatchOp"
        raise BadRequest(f"error decoding patch: json: cannot unmarshal {found} into Go value of type {wanted}")
    if len(patch) > MAX_OPERATIONS:
        raise ApiError(
            f"Request entity too large: The allowed maximum operations in a JSON patch is {MAX_OPERATIONS}, got {len(patch)}",
            code=413,
            reason="RequestEntityTooLarge",
        )
    document: Obj = copy(original)
    for step in patch:
        try:
            _operate(document, step)
        except (KeyError, IndexError, TypeError, ValueError) as wrong:
            raise Invalid(_REJECTED) from wrong
    return document


def _operate(document: Obj, step: Mapping[str, Any]) -> None:
    container, key = _locate(document, step["path"])
    match step["op"]:
        case "add":
            _add(container, key, copy(step["value"]) if "value" in step else None)
        case "remove":
            _remove(container, key)
        case "replace":
            if isinstance(container, list):
                container[_index(container, key)] = copy(step.get("value"))
            else:
                container[key] = copy(step.get("value"))
        case "test":
            found = _read(container, key, None)
            if found != step.get("value") or isinstance(found, bool) is not isinstance(step.get("value"), bool):
                raise ValueError("test failed")
        case "move":
            source, name = _locate(document, step["from"])
            value = _remove(source, name)
            container, key = _locate(document, step["path"])
            _add(container, key, value)
        case "copy":
            _add(container, key, copy(_read(*_locate(document, step["from"]))))
        case unknown:
            raise ValueError(f"unknown operation {unknown}")


def _locate(document: Obj, path: str) -> tuple[Any, str]:
    """The container that a JSON pointer's last step is in, and that step."""
    steps = [step.replace("~1", "/").replace("~0", "~") for step in path.split("/")]
    if len(steps) < 2:
        raise KeyError(path)  # the whole document cannot be replaced
    container: Any = document
    for step in steps[1:-1]:
        container = _read(container, step)
    if not isinstance(container, dict | list):
        raise TypeError(f"{path} leads into a value")
    return container, steps[-1]


def _index(container: Sequence[Any], text: str) -> int:
    if not re.fullmatch(r"-?[0-9]+", text):
        raise ValueError(f"{text} is no index")
    index = int(text)
    if not -len(container) <= index < len(container):
        raise IndexError(text)
    return index


def _read(container: Any, key: str, default: Any = _MISSING) -> Any:
    if isinstance(container, list):
        return container[_index(container, key)]
    if default is not _MISSING:
        return container.get(key, default)
    return container[key]


def _add(container: Any, key: str, value: Any) -> None:
    if not isinstance(container, list):
        container[key] = value
    elif key == "-" or key == str(len(container)):
        container.append(value)
    else:
        index = _index(container, key)
        container.insert(index if index >= 0 else len(container) + index + 1, value)


def _remove(container: Any, key: str) -> Any:
    return container.pop(_index(container, key)) if isinstance(container, list) else container.pop(key)


# --- JSON merge patch ---------------------------------------------------------------------------------------------------------------


def merge_patch(original: Obj, patch: Any) -> Obj:
    """`original` after a JSON merge patch: objects merge, null removes, anything else replaces.

    Raises:
        BadRequest: the patch is no object.
    """
    if not isinstance(patch, dict):
        raise BadRequest(f"error decoding patch: json: cannot unmarshal {json_kind(patch)} into Go value of type map[string]interface {{}}")
    return _merged(original, patch)


def _merged(original: Obj, patch: Obj) -> Obj:
    found = dict(original)
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        elif isinstance(value, dict):
            before = found.get(key)
            found[key] = _merged(before if isinstance(before, dict) else {}, value)
        else:
            found[key] = copy(value)
    return found


# --- strategic merge patch ----------------------------------------------------------------------------------------------------------


def strategic_merge_patch(original: Obj, patch: Any, schema: str, lookup: Lookup) -> Obj:
    """`original` after a strategic merge patch: like a merge patch, but lists that have a merge key merge by it.

    `schema` names the object's schema, and `lookup` knows its fields (`labkit.resources.merge_keys.lookup`). The directives `$patch`,
    `$retainKeys`, `$deleteFromPrimitiveList/…` and `$setElementOrder/…` count. A null that meets nothing is dropped.

    Raises:
        BadRequest: the patch is no object, or a directive has the wrong form.
        ApiError: 500 without a reason, as upstream answers a list item without its merge key or an unknown directive.
    """
    if not isinstance(patch, dict):
        raise BadRequest(f"json: cannot unmarshal {json_kind(patch)} into Go value of type map[string]interface {{}}")
    return _merge_map(original, patch, schema, lookup)


def _merge_map(original: Obj, patch: Obj, schema: str, lookup: Lookup) -> Obj:
    if "$patch" in patch:
        return _directed(patch)
    found, patch = _retain_keys(dict(original), patch)
    orders, deletions, plain = _sorted_out(patch)
    for key in {**plain, **deletions, **orders}:
        rule = lookup(schema, key)
        before = found.get(key)
        if key in deletions and isinstance(before, list):
            found[key] = before = [item for item in before if item not in deletions[key]]
        if key in plain and plain[key] is None:
            found.pop(key, None)
            continue
        if key in plain:
            kept, value = _combined(before, plain[key], rule, lookup)
            if kept:
                found[key] = value
            else:
                found.pop(key, None)
        if key in orders and isinstance(found.get(key), list):
            found[key] = _ordered(found[key], orders[key], before if isinstance(before, list) else [], rule.merge_key)
    return found


def _sorted_out(patch: Obj) -> tuple[dict[str, list[Any]], dict[str, list[Any]], Obj]:
    """The patch's element orders, its deletions from lists of values, and the rest, each by field."""
    orders: dict[str, list[Any]] = {}
    deletions: dict[str, list[Any]] = {}
    plain: Obj = {}
    for key, value in patch.items():
        for prefix, into, what in (
            ("$setElementOrder", orders, "setElementOrder list"),
            ("$deleteFromPrimitiveList", deletions, "primitive list"),
        ):
            if key.startswith(prefix):
                if "/" not in key or not isinstance(value, list):
                    raise BadRequest(f"invalid patch format of {what}")
                into[key.split("/", 1)[1]] = value
                break
        else:
            plain[key] = value
    return orders, deletions, plain


def _combined(before: Any, value: Any, rule: FieldRule, lookup: Lookup) -> tuple[bool, Any]:
    """Whether the field stays, and its new value."""
    if isinstance(before, dict) and isinstance(value, dict):
        return True, copy(value) if "replace" in rule.strategies else _merge_map(before, value, rule.schema, lookup)
    if isinstance(before, list) and isinstance(value, list):
        return True, _merge_list(before, value, rule, lookup) if "merge" in rule.strategies else copy(value)
    return _without_directives(_without_nulls(value))


def _directed(patch: Obj) -> Obj:
    """What a map with a `$patch` directive leaves."""
    if patch["$patch"] == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if patch["$patch"] == "delete":
        return {}
    raise _unknown_directive(patch)


def _unknown_directive(patch: Obj) -> ApiError:
    shown = " ".join(f"{key}:{value}" for key, value in sorted(patch.items()))
    return ApiError(f"unknown patch type: {patch['$patch']} in map: map[{shown}]", reason="")


def _retain_keys(original: Obj, patch: Obj) -> tuple[Obj, Obj]:
    if "$retainKeys" not in patch:
        return original, patch
    keys = patch["$retainKeys"]
    rest = {key: value for key, value in patch.items() if key != "$retainKeys"}
    if not isinstance(keys, list):
        raise BadRequest("invalid patch format of retainKeys")
    if any(value is not None and not key.startswith("$") and key not in keys for key, value in rest.items()):
        raise BadRequest("invalid patch format of retainKeys")
    return {key: value for key, value in original.items() if key in keys}, rest


def _merge_list(before: list[Any], patch: list[Any], rule: FieldRule, lookup: Lookup) -> list[Any]:
    if not any(isinstance(item, dict) for item in (*before, *patch)):
        return _ordered(list(dict.fromkeys([*before, *patch])), patch, before, "")
    key = rule.merge_key
    if not key:
        raise ApiError(f"cannot merge lists without merge key for {rule.schema}", reason="")
    plain = []
    replace = False
    for item in patch:
        if not isinstance(item, dict):
            raise ApiError(f"list element types are not identical: {[before, patch]}", reason="")
        match item.get("$patch"):
            case None:
                plain.append(item)
            case "delete":
                gone = _key_of(item, key)
                before = [kept for kept in before if _key_of(kept, key) != gone]
            case "replace":
                replace = True
            case "merge":
                raise ApiError("merging lists cannot yet be specified in the patch", reason="")
            case _:
                raise _unknown_directive(item)
    if replace:
        before, plain, merged = plain, [], plain
    else:
        merged = list(before)
    for item in plain:
        wanted = _key_of(item, key)
        at = next((position for position, present in enumerate(merged) if _key_of(present, key) == wanted), None)
        if at is None:
            merged.append(copy(item))
        else:
            merged[at] = _merge_map(merged[at], item, rule.schema, lookup)
    return _ordered(merged, plain, before, key)


def _key_of(item: Any, merge_key: str) -> Any:
    if not merge_key:
        return item
    if not isinstance(item, dict) or merge_key not in item:
        shown = " ".join(f"{name}:{value}" for name, value in sorted(item.items())) if isinstance(item, dict) else item
        raise ApiError(f"map: map[{shown}] does not contain declared merge key: {merge_key}", reason="")
    return item[merge_key]


def _ordered(merged: list[Any], wanted: Sequence[Any], before: Sequence[Any], merge_key: str) -> list[Any]:
    """`merged` with the patch's items in the order of `wanted`, and the others put between them where they were in `before`."""
    wanted_keys = [_key_of(item, merge_key) for item in wanted if not (isinstance(item, dict) and item.get("$patch"))]
    before_keys = [_key_of(item, merge_key) for item in before]

    def at(item: Any) -> int:
        key = _key_of(item, merge_key)
        return before_keys.index(key) if key in before_keys else -1

    named = [item for item in merged if _key_of(item, merge_key) in wanted_keys]
    named.sort(key=lambda item: wanted_keys.index(_key_of(item, merge_key)))
    others = sorted((item for item in merged if _key_of(item, merge_key) not in wanted_keys), key=at)
    return list(_interleaved(others, named, at))


def _interleaved(others: list[Any], named: list[Any], at: Callable[[Any], int]) -> Iterator[Any]:
    others, named = list(others), list(named)
    while others and named:
        if 0 <= at(others[0]) < at(named[0]):
            yield others.pop(0)
        else:
            yield named.pop(0)
    yield from others or named


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _without_directives(value: Any) -> tuple[bool, Any]:
    """Whether a new value is to be kept, and what of it: a map with a `$patch` directive that met nothing is not."""
    if isinstance(value, dict):
        if "$patch" in value:
            return False, None
        kept = {key: _without_directives(item) for key, item in value.items()}
        return True, {key: item for key, (keep, item) in kept.items() if keep}
    if isinstance(value, list):
        return True, [item for keep, item in map(_without_directives, value) if keep]
    return True, value
