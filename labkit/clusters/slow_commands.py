"""Commands that take their time: shown to the person who waits, ended when the person is tired of it, and cleaned up after undisturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from labkit.clusters.home import unwritable
from labkit.clusters.tools import last_line

GRACE_SECONDS = 5.0


def run(command: Sequence[str], *, log: Path, cwd: Path, environment: Mapping[str, str], keep_open: int) -> int:
    """Run a command to its end; its exit code.

    A terminal sees what it prints; without one, `log` gets it. It inherits the descriptor `keep_open`, and has a session of its own: it
    does not hear the terminal's Ctrl-C, and whatever ends this call ends it and its children.

    Raises:
        HomeError: the log cannot be written.
    """
    with _output(log) as output:
        child = subprocess.Popen(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=[keep_open],
            start_new_session=True,
        )
        with child:
            try:
                return child.wait()
            except BaseException:
                _end_session(child)
                raise


def last_words(log: Path, code: int) -> str:
    """Why a command ended so, in its own words, or where to read them."""
    if is_terminal():
        return f"exit code {code}; see above"
    try:
        return last_line(log.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return f"exit code {code}"


def is_terminal() -> bool:
    """Whether somebody sees what is written to stderr. In a notebook, it may be the terminal that JupyterLab was started in."""
    return os.isatty(2) and sys.stderr is sys.__stderr__


@contextmanager
def signals_wait() -> Iterator[None]:
    """Let nothing interrupt what follows. Only a main thread may say so; in another no signal arrives anyway."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _output(log: Path) -> Iterator[BinaryIO | int]:
    if is_terminal():
        yield 2
        return
    try:
        file = os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")
    except OSError as error:
        raise unwritable(log, error) from error
    with file:
        yield file


def _end_session(child: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(child.pid, number)
            child.wait(GRACE_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
