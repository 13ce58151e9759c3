"""The process of an embedded cluster.

`launch` starts it with its settings in a file. It detaches itself, tells through a pipe that the cluster is ready (or why it never will
be), and ends on SIGTERM, with its owner if it has one, or when nobody has asked anything for two hours. What it knows of itself is in
`running.json`; a clean end removes the file, and whoever finds one without its process knows that there was no clean end.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import errno
import gc
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from labkit.clusters.embedded.files import Files, Running
from labkit.clusters.embedded.settings import Settings, Started
from labkit.clusters.errors import UserError
from labkit.clusters.home import try_lock
from labkit.clusters.kubeconfig import Credentials, write_kubeconfig
from labkit.clusters.processes import this_process

LOG = logging.getLogger("labkit")
STOP_SECONDS = 5.0

Run = Callable[[Settings, Callable[[Started], None]], Awaitable[None]]


def main(arguments: Sequence[str] | None = None, *, run: Run | None = None) -> int:
    """Be the daemon until the cluster ends. `run` is the cluster itself: `wiring.run`, unless a test brings another."""
    parser = argparse.ArgumentParser(prog="python -m labkit.clusters.embedded.daemon", description=__doc__)
    parser.add_argument("--name", required=True, help="the cluster's name")
    parser.add_argument("--home", required=True, type=Path, help="LABKIT_HOME")
    parser.add_argument("--ready-fd", type=int, help="a pipe that is told about the start, in one line of JSON")
    parser.add_argument("--owner-fd", type=int, help="a pipe whose other end the owner holds: the daemon ends with it")
    options = parser.parse_args(arguments)
    if options.ready_fd is not None:
        _detach()
    # Only now, in the process that stays.
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    daemon = _Daemon(Files(options.home, options.name), options.ready_fd, options.owner_fd)
    return daemon.run(run)


def _the_cluster() -> Run:
    """The server and all that is around it. Importing it is most of a start, so what slows that down is put off.

    aiohttp makes a TLS context for clients as it is imported, with all of the system's authorities; this process is nobody's client. And
    the garbage collector would look through thousands of new classes and functions, none of which ever goes.
    """
    os.environ["SSL_CERT_FILE"] = os.environ["SSL_CERT_DIR"] = os.devnull
    gc.disable()
    from labkit.clusters.embedded.wiring import run

    gc.freeze()
    gc.enable()
    return run


def _detach() -> None:
    """Leave whoever started this, in a session that is new already: no zombie is left with them."""
    os.umask(0o077)
    if os.fork():
        os._exit(0)


class _Daemon:
    """One run of the process."""

    def __init__(self, files: Files, ready_fd: int | None, owner_fd: int | None) -> None:
        self.files, self.ready_fd, self.owner_fd = files, ready_fd, owner_fd
        self.stop: asyncio.Event | None = None

    def run(self, run: Run | None) -> int:
        self._tell({"process": asdict(this_process())})
        try:
            settings = self.files.settings()
            held = try_lock(settings.state_dir / "daemon.lock")
            if held is None:
                raise UserError(f"Another process already serves the state in {settings.state_dir}. Stop it, or name another --state-dir.")
            if run is None:
                run = _the_cluster()
            asyncio.run(self._serve(self._with_port(settings), run))
        except Exception as error:  # the last resort: the one who waits is told, the log has the traceback
            LOG.error("the cluster %s ended: %s", self.files.name, error, exc_info=not isinstance(error, UserError))
            self._tell({"error": _sentence(error)}, last=True)
            return 1
        LOG.info("the cluster %s has ended", self.files.name)
        return 0

    def _with_port(self, settings: Settings) -> Settings:
        """Any port means the last one if it is free, so that an open kubeconfig stays right after a restart."""
        last = self.files.last_port()
        if settings.port or not last:
            return settings
        return replace(settings, port=last) if _is_free(settings.address, last) else settings

    async def _serve(self, settings: Settings, run: Run) -> None:
        self.stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._end, f"it was asked to ({number.name})")
        loop.add_signal_handler(signal.SIGHUP, lambda: None)
        if self.owner_fd is not None:
            loop.add_reader(self.owner_fd, self._end, "the program that it was started for has ended")
        LOG.info("the cluster %s starts: Kubernetes %s, state in %s", settings.name, settings.version, settings.state_dir)
        async with asyncio.TaskGroup() as group:
            started: asyncio.Future[Started] = loop.create_future()
            cluster = group.create_task(_finish(run(settings, started.set_result)))
            ready = group.create_task(self._watch(started, settings))
            stopping = group.create_task(self.stop.wait())
            await asyncio.wait({cluster, stopping}, return_when=asyncio.FIRST_COMPLETED)
            for task in (ready, stopping):
                task.cancel()
            if not cluster.done():
                cluster.cancel()
                done, _ = await asyncio.wait({cluster}, timeout=STOP_SECONDS)
                if not done:
                    LOG.warning("the cluster did not end within %.0f seconds; it is left as it is", STOP_SECONDS)
                    self.files.running_file.unlink(missing_ok=True)
                    os._exit(0)
        self.files.running_file.unlink(missing_ok=True)
        if started.cancelled() or not started.done():
            raise UserError("The cluster was stopped before it was ready.")

    async def _watch(self, started: asyncio.Future[Started], settings: Settings) -> None:
        """Tell the one who waits that the cluster is ready, then end it when it has been idle for too long."""
        cluster = await started
        credentials = Credentials(cluster.server, cluster.certificate_authority, cluster.client_certificate, cluster.client_key)
        write_kubeconfig(self.files.kubeconfig, settings.name, credentials)
        running = Running(this_process(), cluster.server, cluster.version)
        self.files.write_running(running)
        LOG.info("ready: Kubernetes %s at %s, process %d", cluster.version, cluster.server, running.process.pid)
        self._tell({"ready": True}, last=True)  # the last word: whoever waits for it may look at the log at once
        left = settings.idle_seconds
        while left > 0:
            await asyncio.sleep(left)
            left = settings.idle_seconds - cluster.idle_for()
        self._end(f"nobody asked it anything for {settings.idle_seconds / 60:.0f} minutes")

    def _end(self, why: str) -> None:
        if self.stop is not None and not self.stop.is_set():
            LOG.info("stopping: %s", why)
            self.files.note(f"It ended because {why}.")
            self.stop.set()
        if self.owner_fd is not None:
            asyncio.get_running_loop().remove_reader(self.owner_fd)

    def _tell(self, message: dict[str, Any], *, last: bool = False) -> None:
        """One line to the one who waits. They may be gone, and the cluster runs all the same."""
        if self.ready_fd is None:
            return
        with contextlib.suppress(BrokenPipeError):
            os.write(self.ready_fd, json.dumps(message).encode() + b"\n")
        if last:
            os.close(self.ready_fd)
            self.ready_fd = None


async def _finish(cluster: Awaitable[None]) -> None:
    await cluster


def _is_free(address: str, port: int) -> bool:
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
        except OSError:
            return False
    return True


def _sentence(error: BaseException) -> str:
    """What went wrong, for a person; errors of a group speak for it."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return "Its port is taken by another program. Name another one with --secure-port, or leave the choice to labkit."
    if isinstance(error, OSError) and error.errno == errno.EADDRNOTAVAIL:
        return "This machine does not have the address that --bind-address names."
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return "The disk is full. Make room, and run `labkit up` again."
    return f"{type(error).__name__}: {error}."


if __name__ == "__main__":
    sys.exit(main())
