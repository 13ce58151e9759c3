"""The daemon, as a real process with a stand-in for the cluster: every way to start, to end, and to be found."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from labkit.clusters.embedded import launch
from labkit.clusters.embedded.files import MARK, Files
from labkit.clusters.errors import ClusterError, StartFailed, WrongUse
from labkit.clusters.home import read_json
from labkit.clusters.info import ClusterInfo
from labkit.clusters.processes import start_of
from tests.unit.clusters.stub_cluster import command


def start(home: Path, mode: str = "fine", **changes: Any) -> ClusterInfo:
    return launch.start(home, "lab", changes, command=command(mode))[0]


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.01)


def test_started_found_stopped(stub: Path) -> None:
    first, started = launch.start(stub, "lab")
    assert started
    assert launch.start(stub, "lab") == (first, False)
    assert launch.find(stub, "lab") == first
    assert launch.status(stub, "lab").state == "running"
    assert (first.name, first.cluster, first.version) == ("lab", "embedded", "1.37.2")
    assert launch.stop(stub, "lab")
    assert launch.find(stub, "lab") is None
    assert start_of(first.pid or 0) is None
    assert launch.status(stub, "lab").state == "stopped"
    assert not launch.stop(stub, "lab")


def test_files_are_the_owners(stub: Path) -> None:
    start(stub)
    everything = [stub, *stub.rglob("*")]
    for_others = [path.name for path in everything if path.stat().st_mode & 0o077 and path.suffix != ".crt"]  # certificates are public
    assert for_others == []


def test_it_left_its_starter(stub: Path) -> None:
    info = start(stub)
    assert info.pid
    assert os.getsid(info.pid) != os.getsid(0)
    if Path("/proc").is_dir():
        assert [Path(f"/proc/{info.pid}/fd/{number}").readlink() for number in (0, 1)] == [Path("/dev/null"), Files(stub, "lab").log]


def test_two_at_once_start_one(stub: Path) -> None:
    found: list[tuple[ClusterInfo, bool]] = []
    threads = [threading.Thread(target=lambda: found.append(launch.start(stub, "lab"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(started for _, started in found) == [False, False, True]
    assert len({info.pid for info, _ in found}) == 1


def test_killed_and_recovered(stub: Path) -> None:
    first = start(stub)
    assert first.pid
    os.kill(first.pid, signal.SIGKILL)
    until(lambda: launch.find(stub, "lab") is None)
    found = launch.status(stub, "lab")
    assert found.state == "died"
    assert "`labkit up`" in found.note
    assert "`labkit up`" in str(launch.gone(stub, "lab"))
    second = start(stub)
    assert second.pid != first.pid
    assert second.server == first.server  # an open kubeconfig goes on working


def test_a_recycled_pid_is_left_alone(stub: Path) -> None:
    """`running.json` of a crash, and its pid belongs to somebody else now: to this test."""
    files = Files(stub, "lab")
    start(stub)
    launch.stop(stub, "lab")
    files.running_file.write_text(
        f'{{"process": {{"pid": {os.getpid()}, "started": "long ago"}}, "server": "https://x:1", "version": "1"}}'
    )
    assert launch.find(stub, "lab") is None
    assert not launch.stop(stub, "lab")
    assert not files.running_file.exists()


@pytest.mark.parametrize("content", ["", "{", '{"process": {}}', '{"process": 1, "server": "", "version": ""}', "[]"])
def test_half_a_state_file(stub: Path, content: str) -> None:
    files = Files(stub, "lab")
    files.folder.mkdir(parents=True)
    files.running_file.write_text(content)
    assert launch.find(stub, "lab") is None
    assert start(stub).pid


def test_settings_that_cannot_be_read(stub: Path) -> None:
    files = Files(stub, "lab")
    files.folder.mkdir(parents=True)
    files.settings_file.write_text("{")
    with pytest.raises(ClusterError, match="labkit down --name lab --purge"):
        start(stub)
    assert launch.stop(stub, "lab", purge=True)
    assert start(stub).pid


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        pytest.param("port-taken", "port is taken by another program. Name another one with --secure-port", id="port-taken"),
        pytest.param("breaks", "RuntimeError: a cog is missing", id="breaks"),
        pytest.param("dies", "ended before it was ready", id="dies-without-a-word"),
        pytest.param("returns", "stopped before it was ready", id="returns"),
    ],
)
def test_not_started(stub: Path, mode: str, message: str) -> None:
    with pytest.raises(StartFailed, match=message) as failed:
        start(stub, mode)
    assert str(Files(stub, "lab").log) in str(failed.value)
    assert not Files(stub, "lab").exists
    assert start(stub).pid


def test_too_slow_is_stopped(stub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "START_SECONDS", 1.0)
    with pytest.raises(StartFailed, match="not ready after 1 seconds"):
        start(stub, "slow")
    assert "stopping" in Files(stub, "lab").log.read_text()


def test_ctrl_c_while_it_starts(stub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    messages = launch._messages

    def first_only(answers: Any) -> Any:
        yield next(messages(answers))
        interrupted()

    monkeypatch.setattr(launch, "_messages", first_only)
    with pytest.raises(KeyboardInterrupt):
        start(stub)
    assert launch.find(stub, "lab") is None
    assert not Files(stub, "lab").running_file.exists()


def test_broken_later_is_dead(stub: Path) -> None:
    with contextlib.suppress(ClusterError):  # it may be over before this call has looked
        start(stub, "breaks-later")
    until(lambda: launch.find(stub, "lab") is None)
    assert launch.status(stub, "lab").state == "died"
    assert "a cog came off" in Files(stub, "lab").log.read_text()


def test_the_stubborn_end_too(stub: Path) -> None:
    info = start(stub, "stubborn")
    before = time.monotonic()
    assert launch.stop(stub, "lab")
    assert time.monotonic() - before < 9
    assert start_of(info.pid or 0) is None


def test_idle_ends_it(stub: Path) -> None:
    start(stub, idle_seconds=0.3)
    until(lambda: launch.find(stub, "lab") is None)
    found = launch.status(stub, "lab")
    assert found.state == "stopped"
    assert "nobody asked it anything" in found.note
    assert "`labkit up`" in found.note


def test_requests_keep_it_awake(stub: Path) -> None:
    info = start(stub, idle_seconds=1.0)
    for _ in range(8):
        time.sleep(0.2)
        assert launch.unreachable(info) == ""


def test_it_ends_with_its_owner(stub: Path) -> None:
    reading, writing = os.pipe()
    info, _ = launch.start(stub, "lab", owner=reading)
    os.close(reading)
    assert launch.find(stub, "lab") == info
    os.close(writing)
    until(lambda: launch.find(stub, "lab") is None)


def test_unreachable_is_told_apart(stub: Path) -> None:
    info = start(stub)
    assert info.pid
    os.kill(info.pid, signal.SIGSTOP)
    try:
        Files(stub, "lab").kubeconfig.write_text("broken")
        found = launch.status(stub, "lab")
        assert (found.state, "does not answer" in found.note) == ("unreachable", True)
    finally:
        os.kill(info.pid, signal.SIGCONT)


def test_settings_stay_from_start_to_start(stub: Path) -> None:
    start(stub, version="1.29", feature_gates={"ServiceAccountTokenJTI": True})
    launch.stop(stub, "lab")
    assert start(stub).version == "1.29.2"
    assert Files(stub, "lab").settings().feature_gates == {"ServiceAccountTokenJTI": True}


def test_a_running_cluster_takes_no_other_settings(stub: Path) -> None:
    start(stub)
    assert start(stub, version="1.37").pid
    with pytest.raises(WrongUse, match=r"is running with --version 1\.37, not 1\.24\. Stop it first \(`labkit down --name lab`\)"):
        start(stub, version="1.24")


def test_settings_of_a_failed_start_are_forgotten(stub: Path) -> None:
    start(stub, version="1.29")
    launch.stop(stub, "lab")
    with pytest.raises(StartFailed):
        start(stub, "breaks", version="1.24")
    assert start(stub).version == "1.29.2"


def test_wrong_settings_start_nothing(stub: Path) -> None:
    with pytest.raises(WrongUse, match=r"Kubernetes 1\.99 is outside"):
        start(stub, version="1.99")
    assert not Files(stub, "lab").exists


def test_the_last_port_if_it_is_free(stub: Path) -> None:
    first = start(stub)
    launch.stop(stub, "lab")
    with socket.create_server(("127.0.0.1", int(first.server.rpartition(":")[2]))):
        second = start(stub)
    assert second.server != first.server


def test_state_in_another_folder(stub: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    start(stub, state_dir=elsewhere)
    assert read_json(elsewhere / MARK) == {"name": "lab"}
    with pytest.raises(WrongUse, match="is the state of cluster 'lab'"):
        launch.start(stub, "other", {"state_dir": elsewhere})
    launch.stop(stub, "lab", purge=True)
    assert not elsewhere.exists()
    assert not Files(stub, "lab").folder.exists()


def test_a_folder_with_something_else_in_it(stub: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").touch()
    with pytest.raises(WrongUse, match="not empty, and what is in it is not labkit's"):
        start(stub, state_dir=tmp_path / "mine")
    launch.stop(stub, "lab", purge=True)
    assert (tmp_path / "mine" / "thesis.txt").exists()


def test_one_state_is_not_served_twice(stub: Path, tmp_path: Path) -> None:
    start(stub, state_dir=tmp_path / "shared")
    with pytest.raises(StartFailed, match="Another process already serves the state"):
        launch.start(tmp_path / "home-2", "lab", {"state_dir": tmp_path / "shared"})


def test_a_long_log_is_put_aside(stub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.clusters.embedded.files.LOG_LIMIT", 10)
    start(stub)
    launch.stop(stub, "lab")
    start(stub)
    assert (Files(stub, "lab").folder / "daemon.log.1").exists()
