"""Reads the lessons without running them: which cell claims which behaviour, and whether the claim asserts anything."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard


@dataclass(frozen=True, slots=True)
class Claim:
    """A `with documented(…)` block. `cell` counts code cells from 1, as `In [5]` does in a run from the top."""

    id: str
    notebook: str
    cell: int
    asserts: bool

    @property
    def place(self) -> str:
        """`02-the-default-account.ipynb:5`."""
        return f"{self.notebook}:{self.cell}"


def scan_notebook(path: Path) -> Iterator[Claim]:
    """The claims of one notebook, in order."""
    notebook: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    number = 0
    for cell in notebook["cells"]:
        if cell["cell_type"] != "code":
            continue
        number += 1
        source = cell["source"]
        for id, asserts in scan_source(source if isinstance(source, str) else "".join(source)):  # noqa: A001  # its name in the catalogue
            yield Claim(id, path.name, number, asserts)


def scan_notebooks(folder: Path) -> list[Claim]:
    """The claims of all numbered notebooks of a folder."""
    return [claim for path in sorted(folder.glob("[0-9][0-9]*.ipynb")) for claim in scan_notebook(path)]


def scan_source(source: str) -> Iterator[tuple[str, bool]]:
    """The ids that a cell claims, each with whether its block asserts something. Magics are no Python and are left out."""
    for node in ast.walk(ast.parse(without_magics(source))):
        if isinstance(node, (ast.With, ast.AsyncWith)):
            for item in node.items:
                if is_call_of(item.context_expr, "documented"):
                    asserts = any(is_assertion(inner) for statement in node.body for inner in ast.walk(statement))
                    # `with documented("…"), refused(403):` asserts in its own line.
                    asserts = asserts or any(is_call_of(other.context_expr, "refused") for other in node.items)
                    for id in literal_ids(item.context_expr.args):  # noqa: A001
                        yield id, asserts


def without_magics(source: str) -> str:
    """The Python of a cell: a cell magic leaves nothing, a line magic or a shell line leaves `pass`."""
    if source.lstrip().startswith("%%"):
        return ""
    return "\n".join(
        f"{line[: len(line) - len(line.lstrip())]}pass" if line.lstrip().startswith(("%", "!")) else line for line in source.split("\n")
    )


def is_assertion(node: ast.AST) -> bool:
    """Whether a statement proves something: `assert`, or a block that expects a refusal."""
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return any(is_call_of(item.context_expr, "refused") for item in node.items)
    # `assert True` proves nothing.
    return isinstance(node, ast.Assert) and not isinstance(node.test, ast.Constant)


def is_call_of(node: ast.AST, name: str) -> TypeGuard[ast.Call]:
    """Whether this is `name(…)` or `something.name(…)`."""
    if not isinstance(node, ast.Call):
        return False
    return (isinstance(node.func, ast.Name) and node.func.id == name) or (isinstance(node.func, ast.Attribute) and node.func.attr == name)


def literal_ids(arguments: Sequence[ast.expr]) -> Iterator[str]:
    """The ids of a call, which have to be written out: what is computed cannot be found by reading.

    Raises:
        ValueError: an id is computed.
    """
    for argument in arguments:
        if not (isinstance(argument, ast.Constant) and isinstance(argument.value, str)):
            raise ValueError(f"documented({ast.unparse(argument)}): write the ids out, so that the report can find them")
        yield argument.value
