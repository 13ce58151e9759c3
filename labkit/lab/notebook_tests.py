"""`labkit test`: the tests and the notebooks, as `make test` runs them.

pytest does the work, with labkit's plugin; this module only says with which arguments. They are the same everywhere, so that there is one
way to run everything. To run part of it by hand: `pytest tests/kube` needs nothing more, `pytest --nbval notebooks/02*` a few seconds.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from labkit.lab.working_copy import find_lesson, notebooks_folder

__all__ = ["arguments", "run_tests"]

FINE, FAILED, WRONG_USE, INTERRUPTED = 0, 1, 2, 130


def run_tests(*, lesson: str | None = None, cluster: str = "embedded", extra: Sequence[str] = ()) -> int:
    """Run everything, or one lesson, on `cluster`; `extra` is handed to pytest. Returns labkit's exit code."""
    import pytest

    notebooks = notebooks_folder()
    notebook = find_lesson(lesson, notebooks) if lesson else None
    os.chdir(notebooks.parent)  # pytest takes its settings, and writes build/, where it is started
    code = pytest.main([*arguments(notebook, cluster), *extra])
    return _exit_code(int(code))


def arguments(notebook: Path | None, cluster: str) -> list[str]:
    """What pytest is told."""
    common = ["--nbval", f"--labkit-cluster={cluster}", "--junit-xml=build/junit.xml"]
    # pytest runs in this process, so that a signal reaches it and its cleaning up; labkit's own asserts need no rewriting.
    common += ["-W", "ignore:Module already imported so cannot be rewritten; labkit:pytest.PytestAssertRewriteWarning"]
    if not sys.stdout.isatty():
        common.append("--color=no")  # nbval colours its reports even in a file
    if notebook:
        return [str(notebook), *common]
    # A notebook is one kernel, hence one worker: loadscope never splits a file. A pair of workers also keeps two cores busy while
    # the cells wait for the cluster; more than four would time each other out on it.
    workers = max(2, min(4, os.cpu_count() or 2))
    # The tests that need no real cluster have run on embedded; on kind they would only run again.
    chosen = "not cluster" if cluster == "embedded" else "cluster or notebook"
    return ["tests", "notebooks", *common, "-m", chosen, f"--numprocesses={workers}", "--dist=loadscope"]


def _exit_code(code: int) -> int:
    """Pytest's exit codes in labkit's words: 3 is the plugin's own, for a cluster that did not start; no tests at all is wrong use."""
    return {0: FINE, 1: FAILED, 2: INTERRUPTED, 3: 3}.get(code, WRONG_USE)
