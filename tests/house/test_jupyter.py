"""`labkit lab` as a process, on a cluster made up here: it serves the first lesson, says what is in its way, and leaves nothing running."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# Takes the cluster's place, and hands on the exit code as the command line does.
SCRIPT = """
import contextlib, pathlib, sys, types
import labkit.clusters
from labkit.clusters.errors import UserError

@contextlib.contextmanager
def open_cluster(cluster, *, say):
    log = pathlib.Path("log")
    log.write_text("up\\n")
    try:
        yield types.SimpleNamespace(version="1.37.2", server="https://127.0.0.1:1", kubeconfig="the-kubeconfig")
    finally:
        log.write_text(log.read_text() + "down\\n")

labkit.clusters.open_cluster = open_cluster
from labkit.lab import jupyter
jupyter.notebooks_folder = lambda: pathlib.Path("notebooks")
try:
    sys.exit(jupyter.run_lab(port=int(sys.argv[1]), browser=False))
except UserError as error:
    print(error, file=sys.stderr)
    sys.exit(error.exit_code)
"""
LESSON = "00-start-here.ipynb"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place to run in, with a home and one lesson."""
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JUPYTER_CONFIG_DIR", str(tmp_path / "config"))
    (tmp_path / "notebooks").mkdir()
    notebook = {"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (tmp_path / "notebooks" / LESSON).write_text(json.dumps(notebook))
    return tmp_path


@pytest.fixture
def port() -> int:
    """One that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


@contextmanager
def lab(folder: Path, port: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(port)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)


def url_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.search(r"http://\S+", line):
            return found.group()
    assert process.stderr is not None
    pytest.fail(f"no URL was printed: {process.stderr.read()}")


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=20) as reply:
        code: int = reply.status
        return code


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "kill"])
def test_it_serves_the_first_lesson_until_it_is_stopped(folder: Path, port: int, number: signal.Signals) -> None:
    with lab(folder, port) as process:
        url = url_of(process)
        address, _, token = url.partition("?token=")
        assert address == f"http://127.0.0.1:{port}/lab/tree/{LESSON}"
        assert status(url) == 200
        assert status(f"http://127.0.0.1:{port}/api/contents/{LESSON}?token={token}") == 200
        with lab(folder, port) as second:
            _, said = second.communicate(timeout=30)
            assert second.returncode == 2
            assert said.startswith(f"Port {port} cannot be used (")
            assert said.endswith(f"make lab PORT={port + 1}\n")
        process.send_signal(number)
        process.communicate(timeout=30)
    assert process.returncode == 0
    assert (folder / "log").read_text() == "up\ndown\n"
    assert (folder / "home" / "jupyter.log").stat().st_mode & 0o777 == 0o600
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0, "something still listens"


def test_a_port_that_is_no_port(folder: Path) -> None:
    with lab(folder, 99999) as process:
        _, said = process.communicate(timeout=30)
    assert process.returncode == 2
    assert said == "Port 99999 cannot be used (ports end at 65535). Name another one: make lab PORT=8888\n"


@pytest.mark.slow
def test_jupyterlab_that_cannot_start_is_told_with_its_log(folder: Path, port: int) -> None:
    (folder / "config").mkdir()
    (folder / "config" / "jupyter_server_config.py").write_text("raise SystemExit('no')")
    with lab(folder, port) as process:
        _, said = process.communicate(timeout=60)
    assert process.returncode == 1
    assert said == f"JupyterLab ended as soon as it started. Its log tells why: {folder / 'home' / 'jupyter.log'}\n"
    assert (folder / "log").read_text() == "up\ndown\n"
