"""Where labkit's code cites a rule: read from docstrings, comments and `Note` calls, without importing anything.

A rule is cited where its id stands (`ADM-13`), and where it lies inside a range (`TKC-7 to TKC-10`). A range in a module's docstring only
says what the module is about; it is found, and marked, but it is no evidence that each of its rules is there.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from labkit.catalogue.loading import FAMILIES

PACKAGE = Path(__file__).resolve().parents[1]
# `T-ADM-4` is a test case of upstream's, no rule.
CITED = re.compile(rf"(?<![\w-])({'|'.join(FAMILIES)})-([0-9]+)(?:\s+to\s+(?:\1-)?([0-9]+)\b(?!-))?")
# They tell of rules, and implement none; `Note` has one as its example.
LEFT_OUT = ("catalogue/", "cli/", "kube/calls.py")
TEXT_TOKENS = {tokenize.COMMENT, tokenize.STRING} | {getattr(tokenize, name) for name in ("FSTRING_MIDDLE",) if hasattr(tokenize, name)}


@dataclass(frozen=True, slots=True)
class Citation:
    """A place that cites a rule. `where` is the class and function, empty for the module itself; `about`: by a module's range alone."""

    rule: str
    file: str
    line: int
    where: str = ""
    about: bool = False

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}"
        if self.about:
            return f"{place}, what the module is about"
        return f"{place}, {self.where}" if self.where else place


def citations(package: Path = PACKAGE, rule: str = "") -> list[Citation]:
    """The citations in the Python files of a package, in the files' order; of one rule, if it is named."""
    family = rule.partition("-")[0]
    found: list[Citation] = []
    for path in sorted(package.rglob("*.py")):
        name = path.relative_to(package).as_posix()
        if name.startswith(LEFT_OUT):
            continue
        source = path.read_text("utf-8")
        if f"{family}-" in source:
            found += scan(source, f"{package.name}/{name}")
    return [one for one in found if rule in ("", one.rule)]


def scan(source: str, file: str) -> Iterator[Citation]:
    """The citations in one file's text; a rule counts once for each function."""
    tree = ast.parse(source)
    spans = list(_spans(tree))
    docstring = tree.body[0].end_lineno or 0 if ast.get_docstring(tree) else 0
    seen: set[tuple[str, str, bool]] = set()
    for line, family, first, last in _mentions(source):
        where = next((name for start, end, name in spans if start <= line <= end), "")
        about = last is not None and line <= docstring
        for number in range(first, (first if last is None else last) + 1):
            rule = f"{family}-{number}"
            if (rule, where, about) not in seen:
                seen.add((rule, where, about))
                yield Citation(rule, file, line, where, about)


def _mentions(source: str) -> Iterator[tuple[int, str, int, int | None]]:
    """Line, letters, first number, and the last one of a range."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in TEXT_TOKENS:
            for match in CITED.finditer(token.string):
                line = token.start[0] + token.string.count("\n", 0, match.start())
                yield line, match[1], int(match[2]), int(match[3]) if match[3] else None


def _spans(tree: ast.Module) -> Iterator[tuple[int, int, str]]:
    """First line, last line and dotted name of each class and function; the innermost first."""

    def visit(node: ast.AST, prefix: str) -> Iterator[tuple[int, int, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                name = f"{prefix}{child.name}"
                yield from visit(child, f"{name}.")
                yield child.lineno, child.end_lineno or child.lineno, name
            else:
                yield from visit(child, prefix)

    return visit(tree, "")
