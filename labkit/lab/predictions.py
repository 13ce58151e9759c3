"""Predict, run, explain: a question before the answer. The learner edits `answer`; who does not is not held up."""

from __future__ import annotations

from collections.abc import Sequence

from labkit.lab.errors import LabError

__all__ = ["predict", "reveal"]


class _Last:
    """The question that was asked last, and what was answered; `reveal()` comments on it."""

    asked = False
    answer: object = None


def predict(question: str, options: Sequence[object], answer: object = None) -> None:
    """Ask a question. With `answer=None` it prints the question and goes on; any option in its place is kept until `reveal()`.

    Raises:
        LabError: the answer is none of the options.
    """
    if answer is not None and answer not in options:
        raise LabError(f"{answer!r} is none of the options. Choose from: {', '.join(map(repr, options))}.")
    _Last.asked, _Last.answer = True, answer
    print(question)
    for option in options:
        print(f"  {'●' if answer is not None and option == answer else '○'} {option}")
    print("Put your answer in place of None, and run the cell again." if answer is None else "We shall see.")


def reveal(truth: object, because: str = "") -> None:
    """Say what is true, and how the last prediction compares with it.

    Raises:
        LabError: nothing was asked.
    """
    if not _Last.asked:
        raise LabError("There is nothing to reveal yet: run the cell with predict(…) first.")
    if _Last.answer is None:
        verdict = f"{truth}."
    elif _Last.answer == truth:
        verdict = f"{truth}, as you said."
    else:
        verdict = f"{truth}, and not: {_Last.answer}."
    _Last.asked, _Last.answer = False, None
    print(f"→ {verdict}{' ' if because else ''}{because}")
