"""Processes are known by pid and start, so that a recycled pid is never taken for ours."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

from labkit.clusters.processes import Process, start_of, this_process

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
DEAF = [sys.executable, "-c", "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); time.sleep(60)"]


def test_this_process_runs() -> None:
    assert this_process().is_alive()


def test_a_recycled_pid_is_somebody_else() -> None:
    other = Process(os.getpid(), "another start")
    assert not other.is_alive()
    assert other.stop(1)  # and it is not killed: this test goes on


def test_stopping() -> None:
    with subprocess.Popen(SLEEP) as child:
        started = start_of(child.pid)
        assert started
        process = Process(child.pid, started)
        assert process.is_alive()
        assert process.stop(5)
        assert not process.is_alive()  # a zombie, until it is waited for
    assert child.returncode == -signal.SIGTERM


def test_stopping_the_deaf() -> None:
    with subprocess.Popen(DEAF, stdout=subprocess.PIPE) as child:
        assert child.stdout
        child.stdout.readline()
        process = Process(child.pid, start_of(child.pid) or "")
        assert not process.stop(0.1)
    assert child.returncode == -signal.SIGKILL


def test_nobody_of_that_pid() -> None:
    assert start_of(2**22 + 1) is None
