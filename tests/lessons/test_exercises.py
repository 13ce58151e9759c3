"""Right answers and wrong ones are put into the exercise's cell: `check` has to tell them apart, by the state of the cluster alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from labkit import check
from labkit.clusters import open_cluster
from labkit.lab.exercises import Exercise, exercises

SOLVED = "✓"


@dataclass(frozen=True)
class Answer:
    """A cell that a learner may write, and what `check` says to it."""

    lesson: str
    exercise: Exercise
    cell: str
    says: str


def answers() -> Iterator[Any]:
    for lesson, of_lesson in exercises().items():
        for exercise in of_lesson:
            right = [exercise.solution, *exercise.also_right]
            for number, cell in enumerate(right):
                yield pytest.param(Answer(lesson, exercise, cell, SOLVED), id=f"{exercise.name}-right-{number}")
            for number, wrong in enumerate(exercise.wrong):
                yield pytest.param(Answer(lesson, exercise, wrong.cell, wrong.says), id=f"{exercise.name}-wrong-{number}")


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """What runs cells in a notebook, in this process; on the cluster of this run, else on an embedded one of its own."""
    from IPython.core.interactiveshell import InteractiveShell

    notebooks = Path(__file__).parents[2] / "notebooks"
    with pytest.MonkeyPatch.context() as patch:
        if "LABKIT_HOME" not in os.environ:
            patch.setenv("LABKIT_HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("LABKIT_SESSION", "exercises")
        patch.setenv("IPYTHONDIR", str(tmp_path_factory.mktemp("ipython")))
        patch.chdir(notebooks)
        with open_cluster(os.environ.get("LABKIT_CLUSTER") or "embedded") as running:
            patch.setenv("LABKIT_CLUSTER", os.environ.get("LABKIT_CLUSTER") or running.cluster)
            found: Any = InteractiveShell.instance()
            found.history_manager.enabled = False
            yield found
            InteractiveShell.clear_instance()


@contextmanager
def printed() -> Iterator[StringIO]:
    from contextlib import redirect_stdout

    with redirect_stdout(StringIO()) as text:
        yield text


@pytest.mark.slow
@pytest.mark.parametrize("answer", list(answers()))
def test_check_tells_right_from_wrong(answer: Answer, shell: Any) -> None:
    with printed() as output:
        for cell in (f'from labkit import connect\nlab = connect(lesson="{answer.lesson}")', answer.cell):
            assert shell.run_cell(cell).success, output.getvalue()
    with printed() as said:
        check(answer.exercise.name)
    assert answer.says in said.getvalue(), output.getvalue()
    if answer.says != SOLVED:
        assert SOLVED not in said.getvalue()


@pytest.mark.parametrize("exercise", [one for of_lesson in exercises().values() for one in of_lesson], ids=lambda one: one.name)
def test_an_exercise_is_complete(exercise: Exercise) -> None:
    assert len(exercise.hints) >= 2
    assert any(wrong.cell == "" for wrong in exercise.wrong), "an empty cell is an answer too"
    assert len(exercise.wrong) >= 3
    assert exercise.also_right, "there is more than one way"
