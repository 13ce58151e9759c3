"""What a failed notebook leaves behind: the notebook as it ran, and what it should have printed.

For `notebooks/02-x.ipynb` these are `build/02-x.executed.ipynb`, to open in JupyterLab, and `build/02-x.diff`, to read in a terminal.
The diff compares what the test compares: outputs after normalising, so that an age or a uid is no line of it.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Run", "clear"]

Normalise = Callable[[str], str]


@dataclass
class Run:
    """One notebook on its way through the test: the stored cells, and what the code cells printed this time."""

    name: str
    notebook: Any  # nbformat's NotebookNode, which has no types
    normalise: Normalise
    outputs: dict[int, list[Any]] = field(default_factory=dict)
    failed: bool = False

    @property
    def without_a_cluster(self) -> bool:
        """Whether the first cell, which connects, raised: whatever follows would fail for that reason alone."""
        return any(output["output_type"] == "error" for output in self.outputs.get(0, ()))

    def write(self, folder: Path) -> tuple[Path, Path]:
        """Write the executed copy and the diff; called again after every further cell, so that an interrupted run has them too."""
        import nbformat

        folder.mkdir(parents=True, exist_ok=True)
        executed, diff = folder / f"{self.name}.executed.ipynb", folder / f"{self.name}.diff"
        executed.write_text(str(nbformat.writes(self.executed())), encoding="utf-8")
        diff.write_text("".join(f"{line}\n" for line in self.diff()), encoding="utf-8")
        return executed, diff

    def executed(self) -> Any:
        """The notebook with this run's outputs; a cell that did not run has neither outputs nor a count."""
        notebook = copy.deepcopy(self.notebook)
        for number, cell in enumerate(_code_cells(notebook)):
            cell.outputs = copy.deepcopy(self.outputs.get(number, []))
            if number not in self.outputs:
                cell.execution_count = None
        return notebook

    def diff(self) -> Iterator[str]:
        """Unified, over the code cells that ran."""
        stored, ran = [], []
        for number, cell in enumerate(_code_cells(self.notebook)):
            if number in self.outputs:
                title = [f"# cell {number}", *cell.source.splitlines(), "# prints"]
                stored += [*title, *self._lines(cell.outputs), ""]
                ran += [*title, *self._lines(self.outputs[number]), ""]
        return difflib.unified_diff(stored, ran, f"{self.name} as stored", f"{self.name} as it ran", lineterm="")

    def _lines(self, outputs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        for output in outputs:
            match output["output_type"]:
                case "stream":
                    yield from self.normalise(output["text"]).splitlines()
                case "error":
                    yield self.normalise(f"{output['ename']}: {output['evalue']}")
                case _:
                    for kind, value in sorted(output["data"].items()):
                        if not kind.startswith("image/p"):  # PNG: nbval does not compare pictures either
                            yield f"[{kind}]"
                            yield from self.normalise(value if isinstance(value, str) else repr(value)).splitlines()


def clear(folder: Path) -> None:
    """Remove what an earlier run left, so that what is there is from this run."""
    for pattern in ("*.executed.ipynb", "*.diff"):
        for path in folder.glob(pattern):
            path.unlink()


def _code_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]
