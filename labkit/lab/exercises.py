"""Exercises: `check("…")` looks at the state of the cluster, never at what was typed; `solution("…")` shows a way.

They are defined beside the lessons, in `notebooks/exercises/<lesson>.py`, which has a tuple called `EXERCISES`. Right answers and wrong
ones stand there too, so that the tests can put them into the cell and see that `check` tells them apart.
"""

from __future__ import annotations

import difflib
import functools
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from labkit.lab.connecting import current_lab
from labkit.lab.errors import LabError
from labkit.lab.lab import Lab
from labkit.lab.progress import note_attempt, progress
from labkit.lab.working_copy import notebooks_folder

__all__ = ["EMPTY", "Exercise", "Wrong", "check", "exercise_named", "exercises", "load_exercises", "solution"]

# What a check returns when nobody has tried yet.
EMPTY = ""


@dataclass(frozen=True, slots=True)
class Wrong:
    """An answer that must not pass, and a part of what `check` says to it."""

    cell: str
    says: str


@dataclass(frozen=True, slots=True)
class Exercise:
    """One exercise.

    `check` returns None when the cluster is as asked for, EMPTY when nothing was tried, else a sentence that says what is not right yet.
    `hints` go from a nudge to nearly everything. `solution` and `also_right` are cells, as a learner would write them.
    """

    name: str
    check: Callable[[Lab], str | None]
    hints: tuple[str, ...]
    solution: str
    praise: str
    also_right: tuple[str, ...] = ()
    wrong: tuple[Wrong, ...] = ()


def check(name: str) -> None:
    """Look whether the exercise is solved. An empty answer gets the first hint, each further attempt the next one.

    Raises:
        LabError: there is no exercise of that name.
    """
    exercise = exercise_named(name)
    missing = exercise.check(current_lab("check(…)"))
    if missing is None:
        note_attempt(name, solved=True)
        print(f"✓ {exercise.praise}")
    elif missing == EMPTY:
        again = "It was solved once; start it anew. " if progress(name).solved else ""
        print(f"○ Nothing to check yet. {again}{_hint(exercise, 1)}")
    else:
        attempts = note_attempt(name, solved=False).attempts
        print(f"○ Not yet: {missing}\n  {_hint(exercise, attempts)}")


def solution(name: str) -> None:
    """Print a cell that solves the exercise, to be read, copied and run.

    Raises:
        LabError: there is no exercise of that name.
    """
    print(exercise_named(name).solution)


def exercise_named(name: str) -> Exercise:
    """The exercise of that name.

    Raises:
        LabError: there is none; the message names close ones.
    """
    known = {exercise.name: exercise for lesson in exercises().values() for exercise in lesson}
    if name not in known:
        close = difflib.get_close_matches(name, known, n=2)
        meant = f" Did you mean {' or '.join(map(repr, close))}?" if close else ""
        raise LabError(f"There is no exercise {name!r}.{meant}")
    return known[name]


@functools.cache
def exercises() -> Mapping[str, tuple[Exercise, ...]]:
    """The exercises of every lesson, by its number."""
    return {path.stem: load_exercises(path) for path in sorted((notebooks_folder() / "exercises").glob("[0-9][0-9].py"))}


def load_exercises(path: Path) -> tuple[Exercise, ...]:
    """The exercises of one file.

    Raises:
        LabError: it defines none.
    """
    found = importlib.util.spec_from_file_location(f"labkit_exercises_{path.stem}", path)
    if found is None or found.loader is None:
        raise LabError(f"{path} cannot be read as Python.")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    defined = getattr(module, "EXERCISES", ())
    if not defined or not all(isinstance(one, Exercise) for one in defined):
        raise LabError(f"{path} defines no exercises: it needs a tuple EXERCISES.")
    return tuple(defined)


def _hint(exercise: Exercise, number: int) -> str:
    number = min(max(number, 1), len(exercise.hints))
    return f"Hint {number} of {len(exercise.hints)}: {exercise.hints[number - 1]}"
