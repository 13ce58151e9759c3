"""Start, find and stop the process of an embedded cluster, from outside."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from io import RawIOBase
from pathlib import Path
from typing import Any

from labkit.clusters.embedded.files import Files, Running, claim_state
from labkit.clusters.embedded.settings import Settings
from labkit.clusters.errors import ClusterError, ClusterGone, StartFailed, WrongUse
from labkit.clusters.home import lock, private_folder, unwritable
from labkit.clusters.info import ClusterInfo, Status
from labkit.clusters.processes import Process

START_SECONDS = 60.0
STOP_SECONDS = 10.0
LOG_LINES = 5
# -P: the folder that labkit is called from is no place to import from.
COMMAND = (sys.executable, "-P", "-m", "labkit.clusters.embedded.daemon")


def find(home: Path, name: str) -> ClusterInfo | None:
    """The cluster, if its process runs. Costs two small files."""
    files = Files(home, name)
    running = files.running()
    return _info(files, running) if running and running.process.is_alive() else None


def start(
    home: Path, name: str, changes: Mapping[str, Any] | None = None, *, owner: int | None = None, command: Sequence[str] | None = None
) -> tuple[ClusterInfo, bool]:
    """The cluster, ready, and whether this call started it. It is found if it runs, recovered if it died.

    `changes` are settings by name; what they leave out is as it was at the last start. `owner` is a pipe's end for reading: the
    cluster ends when the other end is closed, at the latest with the process that holds it.

    Raises:
        WrongUse: it runs with other settings, or kube-apiserver would refuse these.
        StartFailed: it did not become ready; the message has the reason, or the log's last lines.
    """
    files = Files(home, name)
    with lock(home, f"embedded-{name}", f"starting or stopping cluster {name!r}"):
        if found := find(home, name):
            _check_same(files, changes or {})
            return found, False
        settings = _settings(files, changes or {})
        with files.settings_undone_on_failure():
            _prepare(files, settings)
            _spawn(files, owner, command or COMMAND)
        started = find(home, name)
    if started is None:
        raise gone(home, name)
    return started, True


def stop(home: Path, name: str, *, purge: bool = False) -> bool:
    """End the process and, to `purge`, remove its state. Returns whether there was anything to do.

    Raises:
        ClusterError: the process is another user's.
    """
    files = Files(home, name)
    if not files.folder.exists():
        return False
    with lock(home, f"embedded-{name}", f"starting or stopping cluster {name!r}"):
        running = files.running()
        was_there = running is not None and running.process.is_alive()
        if running and was_there:
            try:
                running.process.stop(STOP_SECONDS)
            except PermissionError as error:
                message = f"Cluster {name!r} runs as another user (process {running.process.pid}); only they can stop it."
                raise ClusterError(message) from error
        files.running_file.unlink(missing_ok=True)
        if purge:
            files.remove()
    return was_there or purge


def status(home: Path, name: str) -> Status:
    """How the cluster is."""
    files = Files(home, name)
    running = files.running()
    if running is None:
        return Status(name, "embedded", "stopped", f"{files.why()} `{_up(name)}` starts it again; its state is kept.".strip())
    if not running.process.is_alive():
        return Status(name, "embedded", "died", _gone(files, running))
    info = _info(files, running)
    if reason := unreachable(info):
        note = f"Process {info.pid} runs but does not answer ({reason}). `labkit logs --name {name}` may tell why; `labkit down` ends it."
        return Status(name, "embedded", "unreachable", note, info)
    return Status(name, "embedded", "running", "", info)


def unreachable(info: ClusterInfo) -> str:
    """Why the server does not answer; nothing if it does."""
    from labkit.clusters.kubeconfig import read_credentials
    from labkit.clusters.probe import Probe, Unreachable

    try:
        Probe(read_credentials(info.kubeconfig)).version()
    except (Unreachable, ClusterError) as error:
        return str(error)
    return ""


def gone(home: Path, name: str) -> ClusterGone:
    """The sentence for a cluster that was there a moment ago."""
    files = Files(home, name)
    running = files.running()
    why = _gone(files, running) if running else f"{files.why()} Its state is kept: `{_up(name)}` goes on with it.".strip()
    return ClusterGone(f"Cluster {name!r} runs no more. {why}")


def _settings(files: Files, changes: Mapping[str, Any]) -> Settings:
    base: dict[str, Any] = {"name": files.name, "state_dir": files.folder / "state"}
    if files.exists:
        previous = files.settings()
        base = {item.name: getattr(previous, item.name) for item in fields(previous)} | {"port": 0}
    try:
        return Settings(**{**base, **changes})
    except ValueError as error:
        raise WrongUse(f"{error}.") from error


def _check_same(files: Files, changes: Mapping[str, Any]) -> None:
    """A running cluster does not take new settings."""
    now = files.settings()
    for name, value in changes.items():
        if name == "port" and value == (files.last_port() or value):
            continue
        if getattr(now, name) != value:
            flag = "--" + name.replace("_", "-")
            raise WrongUse(
                f"Cluster {files.name!r} is running with {flag} {getattr(now, name)}, not {value}. "
                f"Stop it first (`labkit down --name {files.name}`), or use another --name."
            )


def _prepare(files: Files, settings: Settings) -> None:
    private_folder(files.folder)
    claim_state(settings.state_dir, files.name)
    files.write_settings(settings)
    files.running_file.unlink(missing_ok=True)  # of a run that did not end cleanly
    files.forget_why()
    files.put_long_log_aside()


def _spawn(files: Files, owner: int | None, command: Sequence[str]) -> None:
    """Run the daemon until it says that the cluster is ready.

    Raises:
        StartFailed: it says something else, or nothing.
    """
    log_from = files.log.stat().st_size if files.log.exists() else 0
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as answers:
        try:
            _run_detached(files, writing, owner, command)
        finally:
            os.close(writing)
        _await_ready(files, answers, log_from)


def _run_detached(files: Files, writing: int, owner: int | None, command: Sequence[str]) -> None:
    options = ["--name", files.name, "--home", str(files.home), "--ready-fd", str(writing)]
    options += ["--owner-fd", str(owner)] if owner is not None else []
    inherited = [writing] if owner is None else [writing, owner]
    try:
        with os.fdopen(os.open(files.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as log:
            # The process that is waited for only forks the one that stays.
            subprocess.run(
                [*command, *options],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=files.folder,
                pass_fds=inherited,
                start_new_session=True,
                check=False,
            )
    except OSError as error:
        raise unwritable(files.log, error) from error


def _await_ready(files: Files, answers: RawIOBase, log_from: int) -> None:
    """Read what the daemon says until it says that it is ready. Whatever else happens, it is stopped."""
    process: Process | None = None
    try:
        for message in _messages(answers):
            if "process" in message:
                process = Process(**message["process"])
            elif message.get("ready"):
                return
            else:
                raise StartFailed(_died(files, str(message["error"])))
        raise StartFailed(_died(files, "It ended before it was ready.", log_from=log_from))
    except BaseException:  # Ctrl-C too
        if process:
            process.stop(STOP_SECONDS)
        files.running_file.unlink(missing_ok=True)
        raise


def _messages(answers: RawIOBase) -> Iterator[dict[str, Any]]:
    """The daemon's lines, until it closes the pipe.

    Raises:
        StartFailed: it took too long.
    """
    deadline = time.monotonic() + START_SECONDS
    received = b""
    while True:
        readable, _, _ = select.select([answers], [], [], max(0.0, deadline - time.monotonic()))
        if not readable:
            raise StartFailed(f"The cluster was not ready after {START_SECONDS:.0f} seconds. See `labkit logs`, and try again.")
        piece = answers.read(65536)
        if not piece:
            return
        *lines, received = (received + piece).split(b"\n")
        for line in lines:
            yield json.loads(line)


def _info(files: Files, running: Running) -> ClusterInfo:
    return ClusterInfo(files.name, "embedded", running.version, running.server, files.kubeconfig, running.process.pid)


def _died(files: Files, why: str, *, log_from: int | None = None) -> str:
    end = "\n" + tail(files.log, LOG_LINES, log_from) if log_from is not None else ""
    return f"Cluster {files.name!r} did not start. {why} Its log: {files.log}{end}"


def _gone(files: Files, running: Running) -> str:
    return f"Its process {running.process.pid} ended without a word ({files.log}). Its state is kept: `{_up(files.name)}` goes on with it."


def _up(name: str) -> str:
    return "labkit up" if name == "lab" else f"labkit up --name {name}"


def tail(path: Path, lines: int, since: int = 0) -> str:
    """The last lines of a file, of what it holds after the first `since` bytes; nothing where there is no file."""
    try:
        with path.open("rb") as file:
            file.seek(max(since, path.stat().st_size - 400 * lines, 0))
            return "\n".join(file.read().decode(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""
