"""Steps that say what they do, how long they take, and that they are still alive.

Everything is told on stderr: stdout belongs to what a command prints for a shell to read.
"""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.nodeimage.errors import NodeImageError

HEARTBEAT_SECONDS = 30.0
"""The longest silence: CI logs and people both take a quiet half hour for a hang."""


@dataclass(frozen=True)
class Timing:
    """One finished step."""

    title: str
    seconds: float
    cached: bool = False


def tell(text: str) -> None:
    """Write a line for the person who waits."""
    print(text, file=sys.stderr, flush=True)


class Steps:
    """Runs the steps of one command and remembers their times."""

    def __init__(self, log: Path) -> None:
        log.parent.mkdir(parents=True, exist_ok=True)
        self.log = log
        self.timings: list[Timing] = []
        self._latest = ""
        self._lines = 0

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Say what begins, show a sign of life every half minute, and say how long it took."""
        tell(f"-> {title}")
        begun = time.monotonic()
        self._latest, self._lines = "", 0
        ended = threading.Event()
        pulse = threading.Thread(target=self._beat, args=(title, begun, ended), daemon=True)
        pulse.start()
        try:
            yield
        finally:
            ended.set()
            pulse.join()
        seconds = time.monotonic() - begun
        tell(f"   {seconds:6.1f} s  {title}")
        self.timings.append(Timing(title, seconds))

    def cached(self, title: str) -> None:
        """Note a step whose result was there already; once, however many others need it."""
        if any(timing.title == title for timing in self.timings):
            return
        tell(f"   cached    {title}")
        self.timings.append(Timing(title, 0.0, cached=True))

    def run(self, *command: str | Path, cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
        """Run a command with its output in the log file, and return that output.

        Raises:
            NodeImageError: it is not installed, or ended with another status than 0; shows its last lines.
        """
        words = [str(word) for word in command]
        output: list[str] = []
        with self.log.open("a", encoding="utf-8") as log:
            log.write(f"\n$ {' '.join(words)}\n")
            process = self._start(words, cwd, env)
            assert process.stdout is not None  # asked for below
            try:
                for line in process.stdout:
                    log.write(line)
                    output.append(line)
                    if line.strip():
                        self._latest, self._lines = line.strip(), self._lines + 1
                status = process.wait()
            except BaseException:
                process.terminate()
                process.wait()
                raise
        if status != 0:
            tail = "".join(f"      {line}" for line in deque(output, 12))
            raise NodeImageError(f"{words[0]} ended with status {status}; its last lines (all of it is in {self.log}):\n{tail}")
        return "".join(output)

    @staticmethod
    def _start(words: Sequence[str], cwd: Path | None, env: Mapping[str, str] | None) -> subprocess.Popen[str]:
        try:
            return subprocess.Popen(
                words,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
            )
        except FileNotFoundError:
            raise NodeImageError(f"{words[0]} is not installed; the README of this folder lists what is needed.") from None

    def _beat(self, title: str, begun: float, ended: threading.Event) -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            latest = f"; line {self._lines}: {self._latest[:90]}" if self._lines else ""
            tell(f"   … {time.monotonic() - begun:5.0f} s  {title}{latest}")

    def summary(self) -> str:
        """A table of the steps and their times."""
        rows = [f"   {'cached' if t.cached else f'{t.seconds:.1f} s':>9}  {t.title}" for t in self.timings]
        total = sum(t.seconds for t in self.timings)
        return "\n".join([*rows, f"   {f'{total:.1f} s':>9}  in all"])
