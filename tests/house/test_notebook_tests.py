"""`labkit test`: what pytest is told, and what its answer becomes."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit.lab import notebook_tests
from labkit.lab.notebook_tests import arguments, run_tests
from labkit.lab.working_copy import WorkingCopyError


@pytest.mark.parametrize(
    ("cluster", "chosen"),
    [
        pytest.param("embedded", "not cluster", id="embedded: all but what needs a real cluster"),
        pytest.param("kind", "cluster or notebook", id="kind: only what a real cluster can answer"),
        pytest.param("context:mine", "cluster or notebook", id="an existing one: as kind"),
    ],
)
def test_which_tests_run_where(cluster: str, chosen: str) -> None:
    told = arguments(None, cluster)
    assert told[told.index("-m") + 1] == chosen
    assert {"tests", "notebooks", f"--labkit-cluster={cluster}", "--nbval", "--dist=loadscope"} <= set(told)


def test_one_lesson_is_run_alone_and_in_one_process() -> None:
    told = arguments(Path("notebooks/02-x.ipynb"), "embedded")
    assert told[0] == "notebooks/02-x.ipynb"
    assert not {"tests", "notebooks", "-m"} & set(told)


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        pytest.param(pytest.ExitCode.OK, 0, id="all passed"),
        pytest.param(pytest.ExitCode.TESTS_FAILED, 1, id="a test failed"),
        pytest.param(pytest.ExitCode.INTERRUPTED, 130, id="Ctrl-C"),
        pytest.param(3, 3, id="no cluster"),
        pytest.param(pytest.ExitCode.USAGE_ERROR, 2, id="an option that pytest does not know"),
        pytest.param(pytest.ExitCode.NO_TESTS_COLLECTED, 2, id="nothing matched"),
    ],
)
def test_exit_codes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: int, code: int) -> None:
    (tmp_path / "notebooks").mkdir()
    monkeypatch.setattr(notebook_tests, "notebooks_folder", lambda: tmp_path / "notebooks")
    monkeypatch.setattr(pytest, "main", lambda arguments: answer)
    monkeypatch.chdir(tmp_path)
    assert run_tests(extra=["-k", "x"]) == code


def test_a_lesson_that_there_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(notebook_tests, "notebooks_folder", lambda: tmp_path)
    with pytest.raises(WorkingCopyError, match="There is no lesson '99'; there are: none"):
        run_tests(lesson="99")
