# ruff: noqa: INP001  # a script beside its data, not part of the package
"""Take pod-types.json again from upstream's sources of any version.

    python take_pod_types.py KUBERNETES API > pod-types.json

KUBERNETES and API are the folders of the Go modules k8s.io/kubernetes and k8s.io/api, of the same version.

The refusal of a Pod's update shows a difference of two specs in the form of upstream's internal types. So this takes, for each internal
struct that a PodSpec holds, its fields in order: the name that the difference shows, the name in v1, and the Go type. Structs embedded in
others are unfolded; types that only give a string or a number another name are replaced by that.
"""

import json
import re
import sys
from pathlib import Path

STRUCT = re.compile(r"^type (\w+) struct \{\n(.*?)^\}", re.MULTILINE | re.DOTALL)
FIELD = re.compile(r"^\t(?:(?P<name>\w+)\s+(?P<type>[^\s`/]+)|(?P<embedded>[\w.]+))(?:\s+`(?P<tag>[^`]*)`)?\s*(?://.*)?$", re.MULTILINE)
ALIAS = re.compile(r"^type (\w+) (string|int32|int64|bool|map\[\w+\][\w.]+)$", re.MULTILINE)
ROOTS = ("PodSpec", "EphemeralContainer")

Fields = list[tuple[str, str, str]]


def structs(source: str) -> dict[str, Fields]:
    """Each struct's fields: name (empty where embedded), type, tag."""
    return {
        name: [(found["name"] or "", found["type"] or found["embedded"], found["tag"] or "") for found in FIELD.finditer(body)]
        for name, body in STRUCT.findall(source)
    }


def wire_names(struct: str, v1: dict[str, Fields]) -> dict[str, str]:
    """The JSON names of a v1 struct's fields, by their Go names."""
    found: dict[str, str] = {}
    for name, kind, tag in v1.get(struct, ()):
        if not name:
            found |= wire_names(kind, v1)
        elif named := re.search(r'json:"([^",]+)', tag):
            found[name] = named[1]
    return found


def take(internal: dict[str, Fields], v1: dict[str, Fields], aliases: dict[str, str]) -> dict[str, Fields]:
    """The fields of every struct that the roots hold."""
    taken: dict[str, Fields] = {}

    def unfold(struct: str) -> Fields:
        names = wire_names(struct, v1)
        rows: Fields = []
        for name, kind, _ in internal[struct]:
            if not name:
                rows += unfold(kind) if kind in internal else []
                continue
            base = kind.lstrip("*[]")
            rows.append((name, names.get(name, name[0].lower() + name[1:]), kind.replace(base, aliases.get(base, base))))
        return rows

    def visit(struct: str) -> None:
        if struct not in taken and struct in internal:
            taken[struct] = unfold(struct)
            for _, _, kind in taken[struct]:
                visit(kind.lstrip("*[]"))

    for root in ROOTS:
        visit(root)
    return taken


if __name__ == "__main__":
    types = Path(sys.argv[1], "pkg/apis/core/types.go").read_text(encoding="utf-8")
    found = take(structs(types), structs(Path(sys.argv[2], "core/v1/types.go").read_text(encoding="utf-8")), dict(ALIAS.findall(types)))
    rows = {struct: [" ".join(field) for field in fields] for struct, fields in sorted(found.items())}
    sys.stdout.write(json.dumps(rows, indent=1) + "\n")
