"""Which cluster a notebook gets, and who stops what."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from labkit.clusters import ClusterGone, WrongUse, connect_or_start, down, logs, open_cluster, require_alive, running, status, up
from labkit.clusters.embedded import launch
from labkit.clusters.errors import NoCluster
from labkit.clusters.lifecycle import Choice
from tests.unit.clusters.stub_cluster import command


@pytest.mark.parametrize(
    ("text", "choice"),
    [
        pytest.param("embedded", Choice("embedded"), id="embedded"),
        pytest.param("kind", Choice("kind"), id="kind"),
        pytest.param("context:work/eu", Choice("context", "work/eu"), id="context"),
    ],
)
def test_choices(text: str, choice: Choice) -> None:
    assert Choice.parse(text) == choice


@pytest.mark.parametrize("text", ["", "minikube", "context:", "context", "Kind"])
def test_no_choice(text: str) -> None:
    with pytest.raises(WrongUse, match="take embedded, kind or context:NAME"):
        Choice.parse(text)


def test_nothing_set_and_nothing_runs(stub: Path) -> None:
    info = connect_or_start()
    assert (info.name, info.cluster) == ("lab", "embedded")
    assert connect_or_start() == info
    assert running() == info


def test_what_the_environment_names(stub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_CLUSTER", "minikube")
    with pytest.raises(WrongUse, match="'minikube' names no cluster"):
        connect_or_start()


def test_names_are_apart(stub: Path) -> None:
    first, second = connect_or_start("one"), connect_or_start("two")
    assert first.server != second.server
    assert [(one.name, one.state) for one in status()] == [("one", "running"), ("two", "running")]
    assert down("one") == [f"Stopped cluster 'one'; its state is kept in {stub / 'clusters' / 'one' / 'state'}."]
    assert [(one.name, one.state) for one in status()] == [("one", "stopped"), ("two", "running")]
    assert down("one") == []
    assert down("two", purge=True) == ["Stopped cluster 'two' and removed its state."]
    assert [one.name for one in status()] == ["one"]


def test_a_block_stops_what_it_started(stub: Path) -> None:
    with open_cluster("embedded") as info:
        assert running() == info
    assert running() is None


def test_a_block_stops_it_after_an_error_too(stub: Path) -> None:
    with pytest.raises(ZeroDivisionError), open_cluster("embedded"):
        raise ZeroDivisionError
    assert running() is None


def test_a_block_leaves_what_was_there(stub: Path) -> None:
    before = connect_or_start()
    with open_cluster() as info:
        assert info == before
    assert running() == before


def test_a_killed_block_leaves_nothing_running(stub: Path) -> None:
    program = (
        "import sys, time\nfrom labkit.clusters import open_cluster\nfrom labkit.clusters.embedded import launch\n"
        f"launch.COMMAND = {command('fine')!r}\n"
        "with open_cluster('embedded') as info:\n    print(info.pid, flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        assert int(child.stdout.readline())
        assert running()
        child.kill()
    deadline = time.monotonic() + 10
    while running():
        assert time.monotonic() < deadline, "the cluster outlived its owner"
        time.sleep(0.01)


def test_kind_takes_no_server_flags(stub: Path) -> None:
    with pytest.raises(WrongUse, match=r"--feature-gates: only an embedded cluster takes it.*LABKIT_KIND_CONFIG"):
        up(cluster="kind", settings={"feature_gates": {"A": True}})


def test_a_cluster_that_died_in_a_lesson(stub: Path) -> None:
    info = connect_or_start()
    require_alive(info)
    assert info.pid
    os.kill(info.pid, signal.SIGKILL)
    while launch.find(stub, "lab"):
        time.sleep(0.01)
    with pytest.raises(ClusterGone, match=r"Cluster 'lab' runs no more\. .*Its state is kept: `labkit up`"):
        require_alive(info)


def test_a_cluster_that_was_stopped_in_a_lesson(stub: Path) -> None:
    info = connect_or_start()
    down()
    with pytest.raises(ClusterGone, match=r"Cluster 'lab' runs no more\. .*`labkit up`"):
        require_alive(info)


def test_logs(stub: Path) -> None:
    with pytest.raises(NoCluster, match="no log of a cluster 'lab'"):
        logs()
    connect_or_start()
    assert "ready: Kubernetes 1.37.2" in logs().read_text()


def test_importing_is_cheap() -> None:
    heavy = "{'aiohttp', 'asyncio', 'cryptography', 'yaml', 'pytest_kind', 'kubernetes', 'rich', 'click', 'ssl'}"
    program = f"import sys, labkit.clusters; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "[]\n"
