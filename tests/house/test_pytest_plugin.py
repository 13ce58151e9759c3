"""labkit's pytest plugin, on notebooks and a cluster made up here; each test is one run of pytest as a process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.timeout(240)  # kernels and pytest start a dozen times here, on machines that may be busy

# Takes the place of the real cluster: says in a file what happened to it.
CONFTEST = """
import contextlib, os, pathlib, types
import labkit.clusters, labkit.clusters.errors

@contextlib.contextmanager
def open_cluster(cluster, *, say):
    if cluster == "kind":
        raise labkit.clusters.errors.StartFailed("Docker does not answer. Start it and try again.")
    log = pathlib.Path("log")
    log.write_text("up\\n")
    yield types.SimpleNamespace(cluster=cluster, version="1.37.2", kubeconfig="the-kubeconfig")
    log.write_text(log.read_text() + "down\\n")

labkit.clusters.open_cluster = open_cluster
"""


# Plugins that take a second to load and have no part in it.
LIGHT = ("-p", "no:pytest-kind-ng", "-p", "no:hypothesispytest", "-p", "no:anyio")


def cell(source: str, *printed: str, **metadata: Any) -> Any:
    outputs = [new_output("stream", name="stdout", text=text) for text in printed]
    return new_code_cell(source, outputs=outputs, execution_count=1, metadata=metadata)


def write_notebook(path: Path, *cells: Any) -> None:
    path.write_text(nbformat.writes(new_notebook(cells=list(cells))))


def run(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    pytester.makeconftest(CONFTEST)
    return pytester.runpytest_subprocess(*("--nbval", "--nbval-current-env", "-Werror", *LIGHT, *arguments))


def test_cells_alone_get_the_cluster_and_a_home_that_is_gone_afterwards(pytester: pytest.Pytester) -> None:
    names = "LABKIT_CLUSTER", "LABKIT_HOME", "LABKIT_RESULTS", "LABKIT_SESSION", "KUBECONFIG"
    write_notebook(
        pytester.path / "01.ipynb",
        cell(f"import json, os; _ = open('seen', 'w').write(json.dumps({{n: os.environ[n] for n in {names!r}}}))"),
    )
    shown = [{"cluster": "embedded", "lesson": "01"}, {"cluster": "embedded", "lesson": "02"}, {"cluster": "kind", "lesson": "01"}]
    results = pytester.path / "build" / "results.jsonl"
    results.parent.mkdir()
    results.write_text("".join(json.dumps(one) + "\n" for one in shown) + '{"cut sho')
    pytester.makepyfile(f"""
        import os

        def test_beside_the_notebooks():
            assert not set(os.environ) & set({names!r})
    """)
    result = run(pytester, "--numprocesses=1")
    result.assert_outcomes(passed=2)
    assert [json.loads(line) for line in results.read_text().splitlines()] == shown[1:], "only what is shown again is forgotten"
    seen = json.loads((pytester.path / "seen").read_text())
    assert (seen["LABKIT_CLUSTER"], seen["KUBECONFIG"]) == ("embedded", "the-kubeconfig")
    assert Path(seen["LABKIT_RESULTS"]) == results
    assert Path(seen["LABKIT_HOME"]).parent == pytester.path / "build"
    assert not Path(seen["LABKIT_HOME"]).exists()
    assert (pytester.path / "log").read_text() == "up\ndown\n"


def test_a_failed_notebook_leaves_its_executed_copy_and_its_diff(pytester: pytest.Pytester) -> None:
    (pytester.path / "build").mkdir()
    (pytester.path / "build" / "01-earlier.diff").touch()
    only_kind = cell("1 / 0", tags=["only-kind"], labkit={"reason": "it reads the container's own clock"})
    write_notebook(
        pytester.path / "02-x.ipynb",
        cell("print('namespace/lesson-02-x7k2p')", "namespace/lesson-02-bcdfg\n"),
        only_kind,
        cell("print('new')", "old\n"),
        cell("1 / 0"),
        cell("print('after')", "after\n"),
    )
    result = run(pytester, "-rs", "--numprocesses=1")
    result.assert_outcomes(passed=2, failed=2, skipped=1)
    result.stdout.fnmatch_lines(["as it ran: build/02-x.executed.ipynb", "what differs: build/02-x.diff"])
    result.stdout.fnmatch_lines(["*only on kind: it reads the container's own clock*"])
    executed = nbformat.read(pytester.path / "build" / "02-x.executed.ipynb", as_version=4)
    assert [[o.get("text", o.get("ename")) for o in c.outputs] for c in executed.cells] == [
        ["namespace/lesson-02-x7k2p\n"],
        [],
        ["new\n"],
        ["ZeroDivisionError"],
        ["after\n"],
    ]
    diff = (pytester.path / "build" / "02-x.diff").read_text().splitlines()
    changed = [line for line in diff if line[0] in "+-" and not line.startswith(("+++", "---"))]
    assert changed == ["-old", "+new", "+ZeroDivisionError: division by zero"]
    assert not (pytester.path / "build" / "01-earlier.diff").exists()


def test_after_a_time_out_a_dead_kernel_or_no_cluster_nothing_counts_as_passed(pytester: pytest.Pytester) -> None:
    write_notebook(pytester.path / "04.ipynb", cell("import time; time.sleep(30)"), cell("print(1)", "1\n"), cell("1 / 0"))
    write_notebook(pytester.path / "05.ipynb", cell("import os; os._exit(1)"), cell("print(1)", "1\n"))
    write_notebook(pytester.path / "06.ipynb", cell("raise ConnectionError"), cell("print(1)", "1\n"))
    run(pytester, "--nbval-cell-timeout=1").assert_outcomes(failed=3, skipped=4)


def test_a_cluster_that_does_not_start_ends_the_run_with_a_sentence(pytester: pytest.Pytester) -> None:
    write_notebook(pytester.path / "06.ipynb", cell("1 / 0"))
    result = run(pytester, "--labkit-cluster=kind")
    assert result.ret == 3
    result.stdout.fnmatch_lines(["*Docker does not answer. Start it and try again.*"])
    assert "Traceback" not in result.stdout.str() + result.stderr.str()
    assert list((pytester.path / "build").glob("home-*")) == []


@pytest.mark.parametrize("arguments", [pytest.param([], id="no notebooks"), pytest.param(["--nbval", "--collect-only"], id="only looking")])
def test_it_stays_out_of_the_way(pytester: pytest.Pytester, arguments: list[str]) -> None:
    pytester.makepyfile("def test_one(): pass")
    pytester.runpytest_inprocess(*LIGHT, *arguments).assert_outcomes(passed=0 if arguments else 1)
    assert not (pytester.path / "build").exists()
