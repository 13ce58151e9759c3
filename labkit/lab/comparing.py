"""What became of an object on its way into the cluster: every line that was added, and who added it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Mark = Literal[" ", "+", "-"]

# What every stored object has and no lesson is about.
HIDDEN = {
    ("metadata", "uid"),
    ("metadata", "creationTimestamp"),
    ("metadata", "resourceVersion"),
    ("metadata", "generation"),
    ("metadata", "managedFields"),
    ("status",),
}
# Who writes which field of a Pod. The first pattern that fits counts; what none fits is defaulting.
ACCOUNT = "ServiceAccount admission"
WRITERS = (
    (re.compile(r"metadata\.namespace"), "the path of the request"),
    (re.compile(r"spec\.serviceAccountName"), ACCOUNT),
    (re.compile(r"spec\.serviceAccount"), "the same, under its old name"),
    (re.compile(r"spec\.imagePullSecrets\b.*"), ACCOUNT),
    (re.compile(r"spec\.volumes(\.kube-api-access-\w+\b.*)?"), ACCOUNT),
    (re.compile(r"spec\.(init)?[cC]ontainers\.[^.]+\.volumeMounts(\.kube-api-access-\w+\b.*)?"), ACCOUNT),
    (re.compile(r"spec\.tolerations\b.*"), "DefaultTolerationSeconds admission"),
    (re.compile(r"spec\.(priority|preemptionPolicy)"), "Priority admission"),
)
DEFAULTING = "defaults"
# Words that YAML takes for something else than text.
NOT_PLAIN = {"true", "false", "null", "yes", "no", "on", "off"}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the comparison: as in a diff, and for an added one who wrote it. `starts` tells the first line of an addition."""

    mark: Mark
    text: str
    writer: str = ""
    starts: bool = False


def compare(before: Mapping[str, Any], after: Mapping[str, Any], *, defaults: bool = True) -> list[Line]:
    """The object `after` as YAML, with what is not in `before` marked. Without `defaults`, what defaulting wrote is left out."""
    lines = _mapping(before, after, (), "")
    return [line for line in lines if defaults or line.writer != DEFAULTING]


def _mapping(before: Mapping[str, Any], after: Mapping[str, Any], path: tuple[str, ...], indent: str) -> Iterator[Line]:
    for key in [*before, *sorted(set(after) - set(before))]:
        place = (*path, key)
        if place in HIDDEN:
            continue
        if key not in after:
            yield from _whole("-", indent, f"{key}:", before[key], "")
        elif key not in before:
            yield from _whole("+", indent, f"{key}:", after[key], _writer(place))
        else:
            yield from _value(before[key], after[key], place, indent, f"{key}:")


def _value(before: Any, after: Any, path: tuple[str, ...], indent: str, lead: str) -> Iterator[Line]:
    if before == after:
        yield from _whole(" ", indent, lead, after, "")
    elif isinstance(before, Mapping) and isinstance(after, Mapping):
        yield Line(" ", f"{indent}{lead}")
        yield from _mapping(before, after, path, f"{indent}  ")
    elif isinstance(before, list) and isinstance(after, list):
        yield Line(" ", f"{indent}{lead}")
        yield from _sequence(before, after, path, indent)
    else:
        yield from _whole("-", indent, lead, before, "")
        yield from _whole("+", indent, lead, after, _writer(path))


def _sequence(before: list[Any], after: list[Any], path: tuple[str, ...], indent: str) -> Iterator[Line]:
    """Items are the same item if they have the same name, else the same place."""
    old = {_name(item, number): item for number, item in enumerate(before)}
    new = {_name(item, number): item for number, item in enumerate(after)}
    for name, item in new.items():
        place = (*path, name)
        if name not in old:
            yield from _whole("+", indent, "-", item, _writer(place))
        elif isinstance(item, Mapping) and isinstance(old[name], Mapping):
            lines = list(_mapping(old[name], item, place, f"{indent}  "))
            first = next((number for number, line in enumerate(lines) if line.mark == " "), 0)
            dashed = lines[first]
            yield Line(dashed.mark, f"{indent}- {dashed.text[len(indent) + 2 :]}", dashed.writer, dashed.starts)
            yield from (line for number, line in enumerate(lines) if number != first)
        else:
            yield from _value(old[name], item, place, indent, "-")
    for name, item in old.items():
        if name not in new:
            yield from _whole("-", indent, "-", item, "")


def _whole(mark: Mark, indent: str, lead: str, value: Any, writer: str) -> Iterator[Line]:
    """A value with all that is in it, under one mark."""
    texts = list(_yaml(indent, lead, value))
    for number, text in enumerate(texts):
        yield Line(mark, text, writer, starts=number == 0 and mark == "+")


def _yaml(indent: str, lead: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        items = sorted(value.items(), key=lambda item: (item[0] != "name", item[0]))
        if lead == "-":  # the first key stands beside the dash
            yield from _yaml(indent, f"- {items[0][0]}:", items[0][1]) if not _nested(items[0][1]) else _yaml_nested_first(indent, items[0])
            items = items[1:]
        else:
            yield f"{indent}{lead}"
        for key, item in items:
            yield from _yaml(f"{indent}  ", f"{key}:", item)
    elif isinstance(value, list) and value:
        yield f"{indent}{lead}"
        for item in value:
            yield from _yaml(indent if not lead.startswith("- ") else f"{indent}  ", "-", item)
    else:
        yield f"{indent}{lead} {_scalar(value)}"


def _yaml_nested_first(indent: str, item: tuple[str, Any]) -> Iterator[str]:
    """`- configMap:` and what is below it, two columns further in."""
    lines = list(_yaml(f"{indent}  ", f"{item[0]}:", item[1]))
    yield f"{indent}- {lines[0][len(indent) + 2 :]}"
    yield from lines[1:]


def _nested(value: Any) -> bool:
    return bool(value) and isinstance(value, (Mapping, list))


def _scalar(value: Any) -> str:
    if isinstance(value, str):
        plain = re.fullmatch(r"[A-Za-z/][\w./:@-]*", value) and value.lower() not in NOT_PLAIN
        return value if plain else json.dumps(value, ensure_ascii=False)
    return json.dumps(value)


def _name(item: Any, number: int) -> str:
    return str(item["name"]) if isinstance(item, Mapping) and "name" in item else str(number)


def _writer(path: tuple[str, ...]) -> str:
    place = ".".join(path)
    return next((writer for pattern, writer in WRITERS if pattern.fullmatch(place)), DEFAULTING)
