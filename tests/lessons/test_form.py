"""What every lesson keeps to, so that strict comparison means something and learners find their way."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from labkit.lab.exercises import exercises
from labkit.lab.working_copy import lessons

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
PATHS = lessons(NOTEBOOKS)


def cells(path: Path, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == kind]


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def path(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_every_cell_has_run_in_order(path: Path) -> None:
    """nbval compares nothing where a count is missing."""
    assert [cell["execution_count"] for cell in cells(path, "code")] == list(range(1, len(cells(path, "code")) + 1))


def test_no_cell_is_empty_or_long(path: Path) -> None:
    for cell in cells(path, "code"):
        assert source(cell).strip()
        assert len(source(cell).splitlines()) <= 20


def test_nothing_is_left_out_of_the_comparison(path: Path) -> None:
    tags = {tag for cell in cells(path, "code") for tag in cell["metadata"].get("tags", ())}
    assert tags <= {"only-kind"}
    assert not any(re.search(r"#\s*NBVAL", source(cell)) for cell in cells(path, "code"))


def test_outputs_say_nothing_of_the_machine(path: Path) -> None:
    outputs = json.dumps([cell["outputs"] for cell in cells(path, "code")], ensure_ascii=False)
    assert "Traceback" not in outputs
    assert '"stderr"' not in outputs
    assert not re.search(r"(?<![\w.])/(home|root|tmp|work|Users)/", outputs)
    assert not re.search(r"eyJ[A-Za-z0-9_-]{20}", outputs), "a token"


def test_outputs_come_from_a_real_cluster(path: Path) -> None:
    assert json.loads(path.read_text())["metadata"]["labkit"] == {"cluster": "kind", "version": "1.37"}


def test_a_lesson_says_first_what_one_can_do_after_it(path: Path) -> None:
    first = source(cells(path, "markdown")[0])
    assert first.startswith(f"# {path.stem[:2]} · ")
    assert "you can" in first
    assert len(re.findall(r"^- \w+", first, flags=re.MULTILINE)) >= 3
    assert "What's next" in source(cells(path, "markdown")[-1])


def test_a_lesson_connects_to_its_own_namespace(path: Path) -> None:
    assert f'connect(lesson="{path.stem[:2]}")' in source(cells(path, "code")[0])


def test_every_exercise_has_its_cell_and_its_check(path: Path) -> None:
    named = [cell["metadata"]["labkit"]["exercise"] for cell in cells(path, "code") if "exercise" in cell["metadata"].get("labkit", {})]
    assert named == [exercise.name for exercise in exercises()[path.stem[:2]]]
    code = [source(cell) for cell in cells(path, "code")]
    for name in named:
        assert f'check("{name}")' in code


def test_links_to_manifests_work(path: Path) -> None:
    for cell in (*cells(path, "markdown"), *cells(path, "code")):
        for manifest in re.findall(r"manifests/[\w.-]+\.yaml", source(cell)):
            assert (NOTEBOOKS / manifest).is_file(), manifest
