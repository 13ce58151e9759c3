"""What the learner has tried and solved, kept in LABKIT_HOME."""

from __future__ import annotations

from dataclasses import dataclass

from labkit.clusters.home import labkit_home, lock, read_json, write_json


@dataclass(frozen=True, slots=True)
class Progress:
    """One exercise: how often it was tried without success before it was solved, and whether it is."""

    attempts: int = 0
    solved: bool = False


def progress(exercise: str) -> Progress:
    """How far the learner is with an exercise."""
    return _all().get(exercise, Progress())


def note_attempt(exercise: str, *, solved: bool) -> Progress:
    """Count one more attempt, or the success; returns how it stands now. What is solved stays solved."""
    home = labkit_home()
    with lock(home, "progress", "keeping your progress"):
        known = _all()
        before = known.get(exercise, Progress())
        now = Progress(before.attempts if solved or before.solved else before.attempts + 1, solved or before.solved)
        known[exercise] = now
        kept = {name: {"attempts": one.attempts, "solved": one.solved} for name, one in sorted(known.items())}
        write_json(home / "progress.json", {"exercises": kept})
    return now


def _all() -> dict[str, Progress]:
    """A file that is missing or damaged is an empty one: nobody's lesson stops for it."""
    kept = (read_json(labkit_home() / "progress.json") or {}).get("exercises")
    found = {}
    for name, one in (kept if isinstance(kept, dict) else {}).items():
        if isinstance(one, dict) and isinstance(one.get("attempts"), int):
            found[str(name)] = Progress(one["attempts"], one.get("solved") is True)
    return found
