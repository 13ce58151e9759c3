"""Predictions, exercises, and what is kept of them."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from labkit import check, predict, reveal, solution
from labkit.lab import exercises
from labkit.lab.errors import LabError
from labkit.lab.lab import Lab
from labkit.lab.progress import Progress, progress
from tests.unit.lab.cluster_of_dicts import DictApi

EXERCISES = """
from labkit.lab.exercises import EMPTY, Exercise, Wrong

def robot(lab):
    names = lab.names("serviceaccounts")
    return None if "robot" in names else "no robot among them." if names else EMPTY

EXERCISES = (Exercise("robot", robot, ("first", "second", "third"), "%kubectl create serviceaccount robot", "Well done."),)
"""


def account(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name}}


@pytest.fixture
def lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Exercises of their own in place of the course's."""
    path = tmp_path / "02.py"
    path.write_text(EXERCISES)
    monkeypatch.setattr(exercises, "exercises", functools.cache(lambda: {"02": exercises.load_exercises(path)}))
    return path


def test_hints_go_on_with_the_attempts(lab: Lab, lesson: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def said() -> str:
        check("robot")
        return capsys.readouterr().out

    assert said() == "○ Nothing to check yet. Hint 1 of 3: first\n"
    assert said() == "○ Nothing to check yet. Hint 1 of 3: first\n", "looking costs nothing"
    lab.create(account("toaster"))
    assert [said().splitlines()[1].strip() for _ in range(4)] == [
        "Hint 1 of 3: first",
        "Hint 2 of 3: second",
        "Hint 3 of 3: third",
        "Hint 3 of 3: third",
    ]
    assert progress("robot") == Progress(4, solved=False)
    lab.create(account("robot"))
    assert said() == "✓ Well done.\n"
    assert progress("robot") == Progress(4, solved=True)


def test_what_was_solved_once_stays_so(lab: Lab, lesson: Path, api: DictApi, capsys: pytest.CaptureFixture[str]) -> None:
    lab.create(account("robot"))
    check("robot")
    api.objects.clear()
    check("robot")
    assert "It was solved once" in capsys.readouterr().out
    assert progress("robot").solved


def test_a_damaged_record_is_an_empty_one(lab: Lab, lesson: Path, home: Path) -> None:
    home.mkdir()
    (home / "progress.json").write_text("{")
    check("robot")
    assert progress("robot") == Progress()


def test_a_solution_is_shown_and_not_run(lab: Lab, lesson: Path, api: DictApi, capsys: pytest.CaptureFixture[str]) -> None:
    solution("robot")
    assert capsys.readouterr().out == "%kubectl create serviceaccount robot\n"
    assert api.asked == []


def test_an_unknown_exercise(lab: Lab, lesson: Path) -> None:
    with pytest.raises(LabError, match="Did you mean 'robot'"):
        check("robots")


def test_a_file_without_exercises(tmp_path: Path) -> None:
    (tmp_path / "03.py").write_text("EXERCISES = ()")
    with pytest.raises(LabError, match="defines no exercises"):
        exercises.load_exercises(tmp_path / "03.py")


@pytest.mark.parametrize(
    ("answer", "printed", "revealed"),
    [
        pytest.param(None, "Put your answer in place of None, and run the cell again.", "→ 1. So it is.", id="no answer"),
        pytest.param(1, "We shall see.", "→ 1, as you said. So it is.", id="right"),
        pytest.param(0, "We shall see.", "→ 1, and not: 0. So it is.", id="wrong"),
    ],
)
def test_predict_and_reveal(answer: int | None, printed: str, revealed: str, capsys: pytest.CaptureFixture[str]) -> None:
    predict("How many?", [0, 1], answer=answer)
    lines = capsys.readouterr().out.splitlines()
    assert (lines[0], lines[-1]) == ("How many?", printed)
    assert [line.strip() for line in lines[1:3]] == [f"{'●' if answer == option else '○'} {option}" for option in (0, 1)]
    reveal(1, "So it is.")
    assert capsys.readouterr().out == f"{revealed}\n"


def test_an_answer_that_is_no_option() -> None:
    with pytest.raises(LabError, match="Choose from: 'yes', 'no'"):
        predict("Well?", ["yes", "no"], answer="maybe")


def test_nothing_to_reveal() -> None:
    predict("Well?", ["yes", "no"])
    reveal("yes")
    with pytest.raises(LabError, match="predict"):
        reveal("yes")
