"""`labkit refresh`: run the lessons and store what they print.

Stored outputs are the lessons' claims, so they come from a real cluster. Where the new output says the same as the stored one after
normalising, the stored one stays: a refresh that changes nothing changes no file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.clusters.errors import UserError, WrongUse
from labkit.clusters.info import ClusterInfo
from labkit.lab.normalise import normalise

CELL_TIMEOUT = 60  # seconds, as in the tests
STAMP = "labkit"
# What JupyterLab writes into a notebook and nobody needs: it would change with every machine.
KEPT_METADATA = ("kernelspec", "language_info", STAMP)


class LessonFailed(UserError):
    """A cell raised: nothing of this lesson was stored."""


class NotForReaders(WrongUse):
    """These outputs come from no real cluster."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What became of one notebook: the cells (as in `In [5]`) whose output is new."""

    path: Path
    changed: tuple[int, ...]
    written: bool

    def __str__(self) -> str:
        if not self.written:
            return f"{self.path.name}: as it was"
        cells = f", new in cells {', '.join(map(str, self.changed))}" if self.changed else ""
        return f"{self.path.name}: stored{cells}"


def refresh(notebooks: Sequence[Path], info: ClusterInfo, *, allow_embedded: bool = False) -> list[Refreshed]:
    """Run these notebooks on the cluster and store their outputs.

    Raises:
        NotForReaders: the cluster is no kind cluster, and `allow_embedded` does not say that this is meant.
        LessonFailed: a cell raised; the notebooks before it are stored, this one is as it was.
    """
    if info.cluster != "kind" and not allow_embedded:
        raise NotForReaders(
            f"Stored outputs come from a kind cluster, and {info.name!r} is {info.cluster}. Use CLUSTER=kind make refresh, "
            "or say --allow-embedded while you write a lesson."
        )
    return [refresh_notebook(path, info) for path in notebooks]


def refresh_notebook(path: Path, info: ClusterInfo) -> Refreshed:
    """Run one notebook and store what changed."""
    import nbformat

    stored = nbformat.read(path, as_version=4)
    fresh = nbformat.read(path, as_version=4)
    execute(fresh, path.parent)
    changed = merge(stored, fresh)
    stamp(fresh, info, changed=bool(changed) or STAMP not in stored.metadata, before=stored.metadata.get(STAMP))
    text = nbformat.writes(fresh) + "\n"
    written = text != path.read_text(encoding="utf-8")
    if written:
        path.write_text(text, encoding="utf-8")
    return Refreshed(path, tuple(changed), written)


def execute(notebook: Any, folder: Path) -> None:
    """Run all cells in the lesson's folder, with this process's environment: LABKIT_HOME and LABKIT_CLUSTER are the caller's to set.

    Raises:
        LessonFailed: a cell raised or took too long.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError

    client = NotebookClient(notebook, timeout=CELL_TIMEOUT, resources={"metadata": {"path": str(folder)}})
    try:
        client.execute()
    except CellExecutionError as error:
        raise LessonFailed(f"A cell raised {error.ename}: {error.evalue}\n{error.traceback}") from None
    except CellTimeoutError:
        raise LessonFailed(f"A cell took more than {CELL_TIMEOUT} seconds.") from None


def merge(stored: Any, fresh: Any) -> list[int]:
    """Put the stored outputs back into `fresh` wherever they say the same; returns the numbers of the cells that say something new."""
    changed = []
    before = [cell for cell in stored.cells if cell.cell_type == "code"]
    now = [cell for cell in fresh.cells if cell.cell_type == "code"]
    for number, cell in enumerate(now, 1):
        cell.execution_count = number
        cell.metadata.pop("execution", None)  # nbclient's times
        old = next((other for other in before[number - 1 : number] if other.source == cell.source), None)
        if old is not None and comparable(old.outputs) == comparable(cell.outputs) and (old.outputs or not cell.outputs):
            cell.outputs = old.outputs
        else:
            changed.append(number)
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
    return changed if len(before) == len(now) else list(range(1, len(now) + 1))


def comparable(outputs: Sequence[Mapping[str, Any]]) -> list[Any]:
    """Outputs as nbval compares them: streams joined, text normalised, pictures left out."""
    found: list[Any] = []
    streams: dict[str, int] = {}
    for output in outputs:
        match output["output_type"]:
            case "stream":
                name = output["name"]
                if name in streams:
                    found[streams[name]] = (name, found[streams[name]][1] + output["text"])
                else:
                    streams[name] = len(found)
                    found.append((name, output["text"]))
            case "error":
                found.append(("error", output["ename"], normalise(output["evalue"])))
            case _:
                data = {kind: value for kind, value in output["data"].items() if not kind.startswith("image/p")}
                found.append({kind: normalise(value) if isinstance(value, str) else value for kind, value in data.items()})
    return [(item[0], normalise(item[1])) if isinstance(item, tuple) and len(item) == 2 else item for item in found]


def stamp(notebook: Any, info: ClusterInfo, *, changed: bool, before: Mapping[str, Any] | None = None) -> None:
    """Say in the metadata which cluster the outputs come from, and drop what differs between machines."""
    version = ".".join(info.version.removeprefix("v").split(".")[:2])
    marked = {"cluster": info.cluster, "version": version} if changed or before is None else dict(before)
    for key in [key for key in notebook.metadata if key not in KEPT_METADATA]:
        del notebook.metadata[key]
    notebook.metadata[STAMP] = {**(before or {}), **marked}
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
