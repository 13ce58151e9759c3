"""Storing outputs: only from a real cluster, and only what changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from labkit.clusters.info import ClusterInfo
from labkit.lab import refresh
from labkit.lab.refresh import LessonFailed, NotForReaders


def info(cluster: Any = "kind") -> ClusterInfo:
    return ClusterInfo("lab", cluster, "1.37.2", "https://127.0.0.1:1", Path("/nowhere"))


def printed(*texts: str, source: str = "x") -> Any:
    return new_code_cell(source, outputs=[new_output("stream", name="stdout", text=text) for text in texts])


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        pytest.param(printed("default   1s\n"), printed("default   9s\n"), True, id="another age"),
        pytest.param(printed("default   1s\n"), printed("robot     1s\n"), False, id="another name"),
        pytest.param(printed("a\nb\n"), printed("a\n", "b\n"), True, id="cut otherwise"),
        pytest.param(printed("a\n"), printed(), False, id="nothing any more"),
        pytest.param(printed(), printed("a\n"), False, id="something now"),
        pytest.param(printed("a\n", source="x"), printed("a\n", source="y"), False, id="another cell"),
    ],
)
def test_what_is_kept(old: Any, new: Any, kept: bool) -> None:
    before = old.outputs
    stored, fresh = new_notebook(cells=[old]), new_notebook(cells=[new])
    assert refresh.merge(stored, fresh) == ([] if kept else [1])
    assert (fresh.cells[0].outputs is before) == kept
    assert fresh.cells[0].execution_count == 1


@pytest.mark.parametrize("cluster", ["embedded", "context"])
def test_outputs_that_readers_see_come_from_kind(cluster: str) -> None:
    with pytest.raises(NotForReaders, match="--allow-embedded"):
        refresh.refresh([], info(cluster))
    assert refresh.refresh([], info(cluster), allow_embedded=True) == []


def write(path: Path, *sources: str) -> Path:
    cells = [new_code_cell(source, id=f"cell-{number}") for number, source in enumerate(sources)]
    path.write_text(nbformat.writes(new_notebook(cells=cells)))
    return path


@pytest.mark.slow
def test_a_second_refresh_changes_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "02-x.ipynb", "import uuid\nprint('uid:', uuid.uuid4())", "1 + 1")
    [first] = refresh.refresh([path], info())
    assert (first.changed, first.written) == ((1, 2), True)
    stored = nbformat.read(path, as_version=4)
    assert stored.metadata["labkit"] == {"cluster": "kind", "version": "1.37"}
    text = path.read_text()
    [second] = refresh.refresh([path], info())
    assert (second.changed, second.written) == ((), False)
    assert path.read_text() == text


@pytest.mark.slow
def test_a_lesson_that_fails_is_not_stored(tmp_path: Path) -> None:
    path = write(tmp_path / "02-x.ipynb", "print(1)", "1 / 0")
    before = path.read_text()
    with pytest.raises(LessonFailed, match="ZeroDivisionError"):
        refresh.refresh([path], info())
    assert path.read_text() == before
