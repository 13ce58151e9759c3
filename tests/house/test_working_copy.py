"""The learner's copy: made once, kept up to date, never written over."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit.clusters.errors import HomeError
from labkit.lab.working_copy import RECORD, What, WorkingCopyError, find_lesson, lessons, reset_lesson, update_working_copy

FIRST, SECOND = "00-start-here.ipynb", "02-the-default-account.ipynb"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """The lessons of a clone."""
    folder = tmp_path / "notebooks"
    for name in FIRST, SECOND, "manifests/pod.yaml", "exercises/02.py", ".ipynb_checkpoints/02.ipynb":
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{name}, first edition")
    return folder


@pytest.fixture
def work(tmp_path: Path, source: Path) -> Path:
    """A working copy, just made."""
    folder = tmp_path / "home" / "work"
    update_working_copy(source, folder)
    return folder


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {RECORD}


def test_the_first_time_everything_is_copied_but_the_solutions(work: Path) -> None:
    assert names(work) == {FIRST, SECOND, "manifests/pod.yaml"}
    assert (work / SECOND).read_text() == f"{SECOND}, first edition"


def test_the_second_time_nothing_happens(source: Path, work: Path) -> None:
    assert update_working_copy(source, work) == []


def test_a_newer_lesson_replaces_an_untouched_one(source: Path, work: Path) -> None:
    (source / SECOND).write_text("second edition")
    changes = update_working_copy(source, work)
    assert [(change.what, change.path.name) for change in changes] == [(What.UPDATED, SECOND)]
    assert (work / SECOND).read_text() == "second edition"


def test_a_newer_lesson_is_offered_once_beside_a_changed_one(source: Path, work: Path) -> None:
    (work / SECOND).write_text("mine")
    (source / SECOND).write_text("second edition")
    changes = update_working_copy(source, work)
    assert [(change.what, change.path.name) for change in changes] == [(What.OFFERED, "02-the-default-account.new.ipynb")]
    assert (work / SECOND).read_text() == "mine"
    changes[0].path.unlink()
    assert update_working_copy(source, work) == []


def test_two_offers_lie_side_by_side(source: Path, work: Path) -> None:
    (work / SECOND).write_text("mine")
    for edition in "second", "third":
        (source / SECOND).write_text(f"{edition} edition")
        update_working_copy(source, work)
    assert (work / "02-the-default-account.new.ipynb").read_text() == "second edition"
    assert (work / "02-the-default-account.new-2.ipynb").read_text() == "third edition"
    assert len(lessons(work)) == 2, "an offer is no lesson of its own"


def test_a_lesson_that_was_deleted_comes_back(source: Path, work: Path) -> None:
    (work / FIRST).unlink()
    assert [change.what for change in update_working_copy(source, work)] == [What.COPIED]


@pytest.mark.parametrize(
    "record", [pytest.param("", id="empty"), pytest.param("[1, 2]", id="something else"), pytest.param(None, id="gone")]
)
def test_without_its_record_a_file_counts_as_changed(source: Path, work: Path, record: str | None) -> None:
    (work / RECORD).unlink() if record is None else (work / RECORD).write_text(record)
    (source / SECOND).write_text("second edition")
    assert [change.what for change in update_working_copy(source, work)] == [What.OFFERED]
    assert (work / SECOND).read_text() == f"{SECOND}, first edition"


def test_reset_restores_and_keeps_what_the_learner_had(source: Path, work: Path) -> None:
    (work / SECOND).write_text("mine")
    kept = reset_lesson("2", source=source, work=work)
    assert (work / SECOND).read_text() == f"{SECOND}, first edition"
    assert kept is not None
    assert (kept.name, kept.read_text()) == ("02-the-default-account.old.ipynb", "mine")
    assert reset_lesson("02", source=source, work=work) is None, "nothing to keep the second time"


def test_after_a_reset_a_newer_lesson_replaces_it_again(source: Path, work: Path) -> None:
    (work / SECOND).write_text("mine")
    reset_lesson("02", source=source, work=work)
    (source / SECOND).write_text("second edition")
    assert [change.what for change in update_working_copy(source, work)] == [What.UPDATED]


@pytest.mark.parametrize(
    ("written", "found"), [("0", FIRST), ("2", SECOND), ("02", SECOND), ("02-the", SECOND), ("02-the-default-account", SECOND)]
)
def test_ways_to_name_a_lesson(source: Path, written: str, found: str) -> None:
    assert find_lesson(written, source).name == found


@pytest.mark.parametrize("written", ["3", "2x", "002", "/etc", "../02", "", "*"])
def test_what_is_no_lesson(source: Path, written: str) -> None:
    with pytest.raises(WorkingCopyError, match="there are: 00, 02"):
        find_lesson(written, source)


def test_a_home_that_cannot_be_written_is_named(source: Path, tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.touch()
    with pytest.raises(HomeError, match="LABKIT_HOME"):
        update_working_copy(source, in_the_way / "work")
