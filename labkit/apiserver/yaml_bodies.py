"""YAML as the API takes it: a way to write JSON. No dates, string keys, and no text that unfolds into a thousand times its size."""

from __future__ import annotations

import math
import re
from typing import Any, ClassVar

import yaml
import yaml.scanner

from labkit.kube.objects import Obj

# libyaml's messages are the ones that Go's reader has, which is a port of it.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
# Upstream refuses "excessive aliasing" by a ratio; a plain count serves the same end.
MAX_NODES = 1_000_000


class YamlError(ValueError):
    """A text that is no YAML, or none that JSON could say too."""


def _implicit(*rules: tuple[str, str, str]) -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """PyYAML's table of plain scalars: for each first character, the tags that it may mean."""
    found: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
    for tag, firsts, pattern in rules:
        for first in firsts or ("",):
            found.setdefault(first, []).append((f"tag:yaml.org,2002:{tag}", re.compile(f"^(?:{pattern})$")))
    found.setdefault("", []).append(("tag:yaml.org,2002:null", re.compile("^$")))
    return found


class _Loader(_Base):  # type: ignore[misc]  # the base is chosen at run time
    """PyYAML's safe loader with Go's idea of plain scalars: `y` is true, `1e3` a number, `22:22` and `2026-11-22` are texts."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = _implicit(
        ("bool", "yYnNtTfFoO", "y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF"),
        ("int", "-+0123456789", "[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|0o?[0-7_]+|0|[1-9][0-9_]*)"),
        ("float", "-+.0123456789", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"),
        ("null", "~nN", "~|null|Null|NULL"),
        ("merge", "<", "<<"),
    )
    bool_values: ClassVar[dict[str, bool]] = {
        "y": True,
        "yes": True,
        "true": True,
        "on": True,
        "n": False,
        "no": False,
        "false": False,
        "off": False,
    }

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[str, Any]:
        """A mapping with text keys: `1` and `true` stay two, as they would not in Python."""
        self.flatten_mapping(node)
        return {_key(self.construct_object(key, deep=True)): self.construct_object(value, deep=deep) for key, value in node.value}


def parse_yaml(body: bytes) -> Any:
    """The value of the first document.

    Raises:
        YamlError: there is none.
    """
    try:
        found = next(iter(yaml.load_all(body, Loader=_Loader)), None)
        return _Converter().convert(found)
    except yaml.MarkedYAMLError as error:
        raise YamlError(f"yaml: {_where(error)}{error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise YamlError(f"yaml: {error}") from None


def _where(error: yaml.MarkedYAMLError) -> str:
    """The line that Go's reader names: the context's where it has one, counted from one for scanner errors alone."""
    marks = (error.context_mark, error.problem_mark)
    line = next((mark.line for mark in marks if mark is not None and mark.line), 0)
    line += bool(line) and isinstance(error, yaml.scanner.ScannerError)
    return f"line {line}: " if line else ""


def dump_yaml(body: Obj) -> bytes:
    """The object as upstream writes YAML: keys in order, two blanks of indent, lists not indented."""
    text: str = yaml.dump(body, Dumper=_Dumper, sort_keys=True, default_flow_style=False, allow_unicode=True, width=2**30)
    return text.encode()


class _Converter:
    def __init__(self) -> None:
        self._nodes = 0

    def convert(self, value: Any) -> Any:
        """The value with JSON's types alone."""
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise YamlError("document contains excessive aliasing")
        if isinstance(value, dict):
            return {key: self.convert(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.convert(item) for item in value]
        if isinstance(value, float) and not math.isfinite(value):
            raise YamlError(f"json: unsupported value: {value}")
        if value is None or isinstance(value, (str, bool, int, float)):
            return value
        if isinstance(value, bytes):
            return value.decode(errors="replace")
        raise YamlError(f"a {type(value).__name__} has no place in JSON")


def _key(key: Any) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    if isinstance(key, (str, int, float)):
        return str(key)
    raise YamlError(f"a key of type {type(key).__name__} has no place in JSON")


__all__ = ["YamlError", "dump_yaml", "parse_yaml"]
