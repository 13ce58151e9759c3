"""YAML as the API takes it: a way to write JSON. No dates, string keys, and no text that unfolds into a thousand times its size."""

from __future__ import annotations

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


class _Loader(_Base):  # type: ignore[misc]  # the base is chosen at run time
    """PyYAML's safe loader without its timestamps: JSON has none, and `2026-11-22` is a text."""

    yaml_implicit_resolvers: ClassVar[dict[str, Any]] = {
        first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


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
            return {_key(key): self.convert(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.convert(item) for item in value]
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
