"""What every stored notebook has to be, beyond passing: nbval alone would let most of this through.

A gate looks at one notebook and yields a sentence for each thing that is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["GATES", "Gate"]

Gate = Callable[[Any], Iterator[str]]  # nbformat's NotebookNode has no types

MAX_LINES = 25
COURSE_VERSION = "1.37"  # any patch of it
TOKEN = re.compile(r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}")
# Paths of a machine. Those inside a Pod (/var/run/secrets/…) and of the API (/api/v1) are part of the lessons.
MACHINE_PATH = re.compile(r"(?<![\w.~-])(?:/(?:home|root|Users|tmp|private|mnt|opt|work|workspace|builds)/[\w.-]|[A-Z]:\\\\?[\w.-])")
# Each switches part of nbval's comparison off.
SWITCHES = {"nbval-ignore-output", "nbval-skip", "nbval-check-output", "nbval-raises-exception", "only-kind"}


def counted(notebook: Any) -> Iterator[str]:
    """Counts run 1..n: nbval executes a cell without a count, compares nothing, and calls that a pass."""
    counts = [cell.execution_count for cell in _code(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"execution counts are {counts}: run it from top to bottom in a new kernel (make refresh)"


def no_empty_cells(notebook: Any) -> Iterator[str]:
    """An empty cell is a leftover."""
    yield from (f"cell {number} is empty" for number, cell in enumerate(notebook.cells) if not cell.source.strip())


def short_cells(notebook: Any) -> Iterator[str]:
    """One idea a cell; what is longer belongs into the package."""
    for cell in _code(notebook):
        if (lines := len(cell.source.splitlines())) > MAX_LINES:
            yield f"{_name(cell)} has {lines} lines, more than {MAX_LINES}"


def refusals_are_shown(notebook: Any) -> Iterator[str]:
    """A refusal is shown with `refused(403)`, never as an exception."""
    for cell in _code(notebook):
        if "raises-exception" in cell.metadata.get("tags", ()):
            yield f"{_name(cell)} is tagged raises-exception: use `with refused(…)`"
        for output in cell.outputs:
            if output.output_type == "error":
                yield f"{_name(cell)} stores an error: {output.ename}: {output.evalue}"
            if output.output_type == "stream" and output.name == "stderr":
                yield f"{_name(cell)} stores what went to stderr: {output.text[:80]!r}"


def switches_have_reasons(notebook: Any) -> Iterator[str]:
    """What is not compared, or not run everywhere, says why in its metadata; and learners read no test plumbing."""
    for cell in _code(notebook):
        if SWITCHES & set(cell.metadata.get("tags", ())) and not cell.metadata.get("labkit", {}).get("reason", "").strip():
            yield f'{_name(cell)} has a tag of {", ".join(sorted(SWITCHES))} and no reason in its metadata: "labkit": {{"reason": "…"}}'
        if "NBVAL_" in cell.source:
            yield f"{_name(cell)} has an NBVAL_ comment: use a tag"


def nothing_secret(notebook: Any) -> Iterator[str]:
    """No whole token, wherever it is: a reader may take it for one that works, and a scanner will."""
    for where, text in _texts(notebook):
        if found := TOKEN.search(text):
            yield f"{where} holds a whole token: {found.group()[:12]}…"


def nothing_of_this_machine(notebook: Any) -> Iterator[str]:
    """No path of the machine that stored the outputs, and no traceback."""
    for where, text in _texts(notebook):
        if found := MACHINE_PATH.search(text):
            yield f"{where} holds a path of a machine: {text[found.start() : found.start() + 40]!r}"
        if "Traceback (most recent call last)" in text:
            yield f"{where} holds a traceback"


def stamped(notebook: Any) -> Iterator[str]:
    """Outputs are stored from the real cluster of the course's version; the embedded one has to reproduce them."""
    stamp = notebook.metadata.get("labkit", {})
    if stamp.get("cluster") != "kind" or not re.fullmatch(rf"v?{re.escape(COURSE_VERSION)}(\.\d+)?", str(stamp.get("version"))):
        yield f"the notebook's metadata say labkit: {dict(stamp)}; outputs come from kind, {COURSE_VERSION} (make refresh)"


def any_kernel_does(notebook: Any) -> Iterator[str]:
    """The kernel is the environment's own, named as everywhere."""
    kernel = notebook.metadata.get("kernelspec", {}).get("name")
    if kernel != "python3":
        yield f"the notebook names the kernel {kernel!r}; it is python3"


GATES: tuple[Gate, ...] = (
    counted,
    no_empty_cells,
    short_cells,
    refusals_are_shown,
    switches_have_reasons,
    nothing_secret,
    nothing_of_this_machine,
    stamped,
    any_kernel_does,
)


def _code(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _name(cell: Any) -> str:
    return f"cell [{cell.execution_count}] {cell.source.partition(chr(10))[0][:50]!r}"


def _texts(notebook: Any) -> Iterator[tuple[str, str]]:
    """Every text of the notebook: what is written and what is printed."""
    for number, cell in enumerate(notebook.cells):
        yield f"cell {number}", cell.source
        for output in cell.get("outputs", ()):
            for value in [output.get("text", ""), output.get("evalue", ""), *output.get("data", {}).values()]:
                yield f"the output of cell {number}", value if isinstance(value, str) else repr(value)
