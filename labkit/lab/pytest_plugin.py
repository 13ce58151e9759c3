"""labkit's pytest plugin: notebooks as tests, on a cluster.

It is loaded with pytest and does nothing until notebooks are tested (`--nbval`) or a cluster is named (`--labkit-cluster`). Then

- the process that collects nothing itself but starts the others (with xdist: the controller) brings the cluster up before the first
  kernel, in a fresh LABKIT_HOME under `build/`, and stops it at the end if it started it;
- nbval compares outputs after `labkit.lab.normalise`;
- cells tagged `only-kind` are skipped elsewhere, for the reason that their metadata give;
- nothing is tried in a notebook after a cell that ran out of time or lost the kernel (nbval would count the rest as expected failures),
  nor after a first cell that could not connect: one failure says it;
- a failed notebook leaves its executed copy and its diff in `build/`.
"""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Generator, Sequence
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from labkit.lab import failed_notebooks

if TYPE_CHECKING:
    from _pytest.capture import CaptureManager  # pytest has no public name for it

# A kernel that will not start and a cell that will not end have limits of nbval's own, with better messages; this one is behind them.
NOTEBOOK_TIMEOUT = 180
RUN_VARIABLES = ("KUBECONFIG", "LABKIT_CLUSTER", "LABKIT_HOME", "LABKIT_RESULTS", "LABKIT_SESSION")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("labkit", "labkit: notebooks on a cluster")
    group.addoption(
        "--labkit-cluster",
        metavar="CLUSTER",
        help="the cluster to test on: embedded, kind or context:NAME (default: $LABKIT_CLUSTER, else embedded)",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "notebook: a cell of a lesson (set by labkit)")
    option = config.option
    tests_notebooks = bool(getattr(option, "nbval", False) or getattr(option, "nbval_lax", False))
    if option.collectonly or not (tests_notebooks or option.labkit_cluster):
        return
    build = config.rootpath / "build"
    cluster = option.labkit_cluster or os.environ.get("LABKIT_CLUSTER") or "embedded"
    sanitize = build / "sanitize.cfg"
    if not hasattr(config, "workerinput"):  # xdist's workers find all this made
        build.mkdir(parents=True, exist_ok=True)
        failed_notebooks.clear(build)
        _write_sanitize_file(sanitize)
        config.pluginmanager.register(RunCluster(cluster, build, config), "labkit-cluster")
    if tests_notebooks and not option.nbval_sanitize_with:
        option.nbval_sanitize_with = str(sanitize)
    config.pluginmanager.register(Environment(), "labkit-environment")
    if tests_notebooks:
        config.pluginmanager.register(Cells(cluster, build), "labkit-cells")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("cluster") and os.environ.get("LABKIT_CLUSTER", "embedded") == "embedded":
        pytest.skip("needs a real cluster: CLUSTER=kind make test")


class RunCluster:
    """The cluster of this run: up before the first kernel, gone with the run if the run made it."""

    def __init__(self, cluster: str, build: Path, config: pytest.Config) -> None:
        self.cluster, self.build, self.arguments = cluster, build, config.args
        self.capture: CaptureManager | None = config.pluginmanager.getplugin("capturemanager")
        self.made = ExitStack()
        self.header = ""

    @pytest.hookimpl(tryfirst=True)  # xdist starts its workers in the same hook, and they inherit the environment
    def pytest_sessionstart(self) -> None:
        from labkit.clusters.errors import UserError
        from labkit.lab.runs import cluster_for_run

        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.default_int_handler)  # as Ctrl-C: what was made is undone
        results = self.build / "results.jsonl"
        os.environ["LABKIT_RESULTS"] = str(results)
        try:
            # A kind cluster takes half a minute: its progress is for the person who waits, not for pytest's capture.
            with self.capture.global_and_fixture_disabled() if self.capture else nullcontext():
                running = self.made.enter_context(cluster_for_run(self.cluster, self.build, print))
        except UserError as error:
            pytest.exit(str(error), returncode=error.exit_code)
        _forget(results, running.cluster, _lessons(self.arguments))
        self.header = f"labkit: on {self.cluster}, Kubernetes {running.version}"

    def pytest_report_header(self) -> str:
        return self.header

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self) -> None:
        self.made.close()


class Environment:
    """Shows the run's cluster and home to notebooks and `cluster` tests, and to no other test.

    So a test passes or fails alike with notebooks beside it and without, and none solves an exercise before the notebook gets there.
    """

    def __init__(self) -> None:
        self.hidden: dict[str, str] = {}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        if _is_cell(item) or item.get_closest_marker("cluster"):
            os.environ |= self.hidden
            self.hidden = {}
        elif not self.hidden:  # once, and not before each test: a module's fixture may have set one of them for its tests
            self.hidden = {name: os.environ.pop(name) for name in RUN_VARIABLES if name in os.environ}
        return (yield)


class Cells:
    """What labkit adds to nbval's items, one of which is one code cell."""

    def __init__(self, cluster: str, build: Path) -> None:
        self.cluster, self.build = cluster, build
        self.runs: dict[str, failed_notebooks.Run] = {}

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        if _is_cell(item):
            item.add_marker("notebook")
            item.add_marker(pytest.mark.timeout(NOTEBOOK_TIMEOUT))

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if not _is_cell(item):
            return
        cell: Any = item
        metadata = cell.cell.metadata
        if "only-kind" in metadata.get("tags", ()) and self.cluster != "kind":
            pytest.skip(f"only on kind: {metadata.get('labkit', {}).get('reason', 'no reason given')}")
        kernel = cell.parent.kernel  # None before the first cell
        if cell.parent.timed_out or (kernel is not None and not kernel.is_alive()):
            pytest.skip("an earlier cell of this notebook ran out of time, or ended the kernel")
        if cell.parent.nodeid in self.runs and self.runs[cell.parent.nodeid].without_a_cluster:
            pytest.skip("this notebook's first cell, which connects it, failed")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if _is_cell(item) and call.when == "call" and not report.skipped:
            run = self._run(item)
            cell: Any = item
            run.outputs[cell.cell_num] = cell.test_outputs or []
            run.failed = run.failed or report.failed
            if run.failed:
                executed, diff = run.write(self.build)
                if report.failed:
                    report.sections.append(("labkit", f"as it ran: build/{executed.name}\nwhat differs: build/{diff.name}"))
        return report

    def _run(self, cell: Any) -> failed_notebooks.Run:
        file = cell.parent
        if file.nodeid not in self.runs:
            self.runs[file.nodeid] = failed_notebooks.Run(Path(file.path).stem, file.nb, cell.sanitize)
        return self.runs[file.nodeid]


def _write_sanitize_file(path: Path) -> None:
    """The one table of what is not compared, in nbval's form."""
    from labkit.lab.normalise import sanitize_file

    path.write_text(sanitize_file(), encoding="utf-8")


def _lessons(arguments: Sequence[str]) -> set[str]:
    """The numbers of the lessons among what pytest was asked to run."""
    paths = [Path(argument.partition("::")[0]) for argument in arguments]
    return {notebook.name[:2] for path in paths for notebook in ([path] if path.suffix == ".ipynb" else path.rglob("*.ipynb"))}


def _forget(results: Path, cluster: str, lessons: set[str]) -> None:
    """Drop what earlier runs of these lessons showed on this kind of cluster; what other lessons and clusters showed stays."""
    if not results.exists():
        return
    kept = []
    for line in results.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
            again = record["cluster"] == cluster and record["lesson"] in lessons
        except (ValueError, KeyError, TypeError):
            continue  # cut short by a run that was killed
        if not again:
            kept.append(f"{line}\n")
    results.write_text("".join(kept), encoding="utf-8")


def _is_cell(item: Any) -> bool:
    """Without importing nbval, which takes a second and may be absent."""
    return type(item).__module__ == "nbval.plugin"
