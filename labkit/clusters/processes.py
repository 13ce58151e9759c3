"""Processes that outlive a command: told apart by pid and start time, so that a recycled pid is never taken for ours."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class Process:
    """A process: `started` is what its system says of its start, compared and never computed with."""

    pid: int
    started: str

    def is_alive(self) -> bool:
        """Whether this very process runs."""
        return start_of(self.pid) == self.started

    def stop(self, grace: float) -> bool:
        """SIGTERM, and SIGKILL after `grace` seconds. Returns whether it ended by itself; a process that is gone has.

        Raises:
            PermissionError: the process is another user's.
        """
        if self._signal_and_wait(signal.SIGTERM, grace):
            return True
        self._signal_and_wait(signal.SIGKILL, grace)
        return False

    def _signal_and_wait(self, number: signal.Signals, seconds: float) -> bool:
        if not self.is_alive():
            return True
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return True
        deadline = time.monotonic() + seconds
        while self.is_alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(POLL_SECONDS)
        return True


def this_process() -> Process:
    """The process that asks."""
    started = start_of(os.getpid())
    if started is None:
        raise RuntimeError("this system does not say when a process started; labkit runs on Linux and macOS")
    return Process(os.getpid(), started)


def start_of(pid: int) -> str | None:
    """When the process started, in the system's own words; None where none of that pid runs (a zombie does not)."""
    if Path("/proc/self/stat").exists():
        return _linux_start(pid)
    found = subprocess.run(["/bin/ps", "-o", "state=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False)
    state, _, started = found.stdout.strip().partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def _linux_start(pid: int) -> str | None:
    """The boot and the clock tick: ticks count from boot, so that they alone could meet again after one."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the command's name, in parentheses, may hold anything
    state, ticks = fields[0], fields[19]
    return None if state in "ZX" else f"{boot}/{ticks}"
