"""Read the wire shape of Kubernetes' API types from their Go sources: the struct tags say it all.

A running server does not tell its protobuf field numbers, nor which fields are pointers (and so keep a false or a 0); the types do:

    AutomountServiceAccountToken *bool `json:"automountServiceAccountToken,omitempty" protobuf:"varint,4,opt,name=…"`

becomes `"automountServiceAccountToken": "4 ? bool"`: the number, the mode, the type. Modes: `?` a pointer, kept whenever it is sent;
`-` left out of JSON when it is zero; `!` always in JSON; `=` its fields belong to the object around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

Messages = dict[str, dict[str, str]]

_TYPE = re.compile(r"^type (\w+) (.+)$")
_FIELD = re.compile(r"^\t(?:(\w+)\s+)?(\S+)\s+`(.*)`")
_TAG = re.compile(r'(\w+):"([^"]*)"')
_SCALARS = {"string": "string", "bool": "bool", "int32": "int32", "int64": "int64", "int": "int64", "[]byte": "bytes", "byte": "byte"}
# Types whose JSON is no object of their fields; `labkit.apiserver.protobuf` knows each by name.
SPECIAL = {
    "meta.v1.Time": "time",
    "meta.v1.MicroTime": "microtime",
    "meta.v1.FieldsV1": "json",
    "runtime.RawExtension": "json",
    "resource.Quantity": "quantity",
    "intstr.IntOrString": "intorstring",
}
_IMPORTS = {"metav1": "meta.v1", "v1": "core.v1", "corev1": "core.v1", "apiv1": "core.v1", "authenticationv1": "authentication.v1"}


class Sources:
    """The types declared in `files`, by package: `core.v1`, `meta.v1`."""

    def __init__(self, files: Mapping[str, Iterable[Path]]) -> None:
        self._structs: dict[str, list[str]] = {}
        self._names: dict[str, str] = {}
        for package, paths in files.items():
            for path in paths:
                self._read(package, path.read_text(encoding="utf-8"))

    def messages(self, roots: Iterable[str]) -> Messages:
        """The fields of the types `roots` (`core.v1.Pod`) and of all that they are made of."""
        found: Messages = {}
        waiting = list(roots)
        while waiting:
            name = waiting.pop()
            if name in found:
                continue
            found[name] = self._fields(name)
            for entry in found[name].values():
                kind = entry.split(" ")[2].removeprefix("[]").removeprefix("{}").removeprefix("list:")
                if "." in kind:
                    waiting.append(kind)
        return dict(sorted(found.items()))

    def _read(self, package: str, text: str) -> None:
        body: list[str] | None = None
        for line in text.splitlines():
            if body is not None:
                if line == "}":
                    body = None
                else:
                    body.append(line)
            elif match := _TYPE.match(line):
                name, shape = f"{package}.{match[1]}", match[2]
                if shape == "struct {":
                    body = self._structs.setdefault(name, [])
                elif "{" not in shape and "(" not in shape:
                    self._names[name] = shape.split(" //")[0].strip()

    def _fields(self, name: str) -> dict[str, str]:
        package = name.rpartition(".")[0]
        found: dict[str, str] = {}
        for line in self._structs[name]:
            match = _FIELD.match(line)
            if not match:
                continue
            tags = dict(_TAG.findall(match[3]))
            if "protobuf" not in tags:
                continue
            number = tags["protobuf"].split(",")[1]
            json_name, *options = tags.get("json", "").split(",")
            inline = not json_name
            shape = match[2]
            kind = self._type(package, shape.removeprefix("*"))
            if inline:
                mode = "="
            elif shape.startswith("*"):
                mode = "?"
            elif "omitzero" in options or ("omitempty" in options and not _is_struct(kind)):
                mode = "-"
            else:
                mode = "!"
            found[match[1] or kind.rpartition(".")[2] if inline else json_name] = f"{number} {mode} {kind}"
        return found

    def _type(self, package: str, shape: str) -> str:
        if shape in _SCALARS:
            return _SCALARS[shape]
        if shape.startswith("[]"):
            return f"[]{self._type(package, shape[2:].removeprefix('*'))}"
        if shape.startswith("map["):
            return "{}" + self._type(package, shape.partition("]")[2])
        prefix, _, short = shape.rpartition(".")
        name = f"{_IMPORTS.get(prefix, prefix) if prefix else package}.{short}"
        if name in SPECIAL:
            return SPECIAL[name]
        if name in self._structs:
            return name
        if name in self._names:
            home = name.rpartition(".")[0]
            under = self._type(home, self._names[name])
            # A named list is a message of its own in protobuf, with the list as field 1: ExtraValue, Verbs.
            return f"list:{under[2:]}" if under.startswith("[]") else under
        raise KeyError(f"{name}, used in {package}, is not among the sources")


def _is_struct(kind: str) -> bool:
    return "." in kind and not kind.startswith(("[]", "{}", "list:"))
