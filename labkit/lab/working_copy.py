"""The learner's working copy of the lessons: made once, never overwritten.

`make lab` opens a copy of `notebooks/` under LABKIT_HOME, so that a learner can write into the lessons and the clone stays clean.
When the clone has a newer lesson, a copy that nobody touched is replaced; beside one that was changed the newer lesson appears as
`….new.ipynb`. What was handed out is remembered by its hash in `.labkit.json`, which is how "touched" is told from "older".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from labkit.clusters.errors import WrongUse
from labkit.clusters.home import private_folder, read_json, unwritable, write_json

__all__ = ["Change", "What", "WorkingCopyError", "find_lesson", "lessons", "notebooks_folder", "reset_lesson", "update_working_copy"]

RECORD = ".labkit.json"
# Solutions stay in the clone: `solution("…")` shows one when it is asked for, and a file browser should not.
LEFT_OUT = frozenset({"exercises", ".ipynb_checkpoints", "__pycache__", "build"})


class WorkingCopyError(WrongUse):
    """The working copy cannot be made or changed, or has no such lesson."""


class What(Enum):
    """What happened to a file of the working copy."""

    COPIED = "copied"
    UPDATED = "updated"
    OFFERED = "offered"


@dataclass(frozen=True)
class Change:
    """One file that was written. `path` is the file, which for an offered lesson is the new one beside the learner's."""

    what: What
    path: Path


def notebooks_folder() -> Path:
    """The lessons of the clone that this labkit runs from."""
    folder = Path(__file__).resolve().parents[2] / "notebooks"
    if not folder.is_dir():
        raise WorkingCopyError("The lessons are not here: labkit runs from a clone of its repository, where `make lab` installs it.")
    return folder


def lessons(folder: Path) -> list[Path]:
    """The numbered notebooks of a folder, in order; what labkit put beside them does not count."""
    return sorted(path for path in folder.glob("[0-9][0-9]*.ipynb") if path.name.count(".") == 1)


def find_lesson(lesson: str, folder: Path) -> Path:
    """The notebook of the lesson that a person wrote as `2`, `02` or by the beginning of its file name."""
    number = lesson.zfill(2) if lesson.isdecimal() else lesson
    known = lessons(folder)
    for path in known:
        if path.stem == number or re.match(re.escape(number) + r"(?![0-9])", path.stem):
            return path
    have = ", ".join(path.stem[:2] for path in known) or "none"
    raise WorkingCopyError(f"There is no lesson {lesson!r}; there are: {have}.")


def update_working_copy(source: Path, work: Path) -> list[Change]:
    """Bring `work` up to date with `source` without touching what the learner changed.

    1. A file that is missing is copied.
    2. A file that is still as it was handed out is replaced by the newer one.
    3. Beside a file that was changed, a newer one is offered once; a learner who deletes the offer is not asked again.

    Raises:
        HomeError: the folder cannot be written.
    """
    private_folder(work)
    try:
        handed_out = _handed_out(work)
        changes = [change for path in _files(source) if (change := _update_file(source, path, work, handed_out))]
    except OSError as error:
        raise unwritable(work, error) from error
    write_json(work / RECORD, handed_out)
    return changes


def reset_lesson(lesson: str, *, source: Path, work: Path) -> Path | None:
    """Put the lesson back as the course has it. The learner's version is kept beside it; its path is returned if there was one.

    Raises:
        WorkingCopyError: there is no such lesson.
        HomeError: the folder cannot be written.
    """
    original = find_lesson(lesson, source)
    target = private_folder(work) / original.name
    new = original.read_bytes()
    kept = None
    try:
        if target.exists() and target.read_bytes() != new:
            kept = target.rename(_free_name(target, "old"))
        _write(target, new)
    except OSError as error:
        raise unwritable(target, error) from error
    write_json(work / RECORD, _handed_out(work) | {original.name: _hash(new)})
    return kept


def _update_file(source: Path, relative: Path, work: Path, handed_out: dict[str, str]) -> Change | None:
    new = (source / relative).read_bytes()
    target, key = work / relative, relative.as_posix()
    before, handed_out[key] = handed_out.get(key), _hash(new)
    if not target.exists():
        _write(target, new)
        return Change(What.COPIED, target)
    current = _hash(target.read_bytes())
    if _hash(new) in {current, before}:
        return None
    if current == before:
        _write(target, new)
        return Change(What.UPDATED, target)
    offer = _free_name(target, "new")
    _write(offer, new)
    return Change(What.OFFERED, offer)


def _files(source: Path) -> Iterator[Path]:
    for path in sorted(source.rglob("*")):
        relative = path.relative_to(source)
        if path.is_file() and not any(part in LEFT_OUT or part.startswith(".") for part in relative.parts):
            yield relative


def _free_name(path: Path, word: str) -> Path:
    """`02-x.new.ipynb`, or `02-x.new-2.ipynb` where that one is taken."""
    number = 1
    while (free := path.with_name(f"{path.stem}.{word}{'' if number == 1 else f'-{number}'}{path.suffix}")).exists():
        number += 1
    return free


def _handed_out(work: Path) -> dict[str, str]:
    """The hash of what was handed out. A record that is missing or damaged makes every file look changed, which is the safe side."""
    return {name: str(value) for name, value in (read_json(work / RECORD) or {}).items()}


def _write(path: Path, content: bytes) -> None:
    """Whole or not at all: an interrupted `make lab` leaves no half lesson."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.part")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
