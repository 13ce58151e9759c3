"""`labkit lab`: a cluster, the learner's working copy, and JupyterLab on the first lesson.

JupyterLab runs as a child in a session of its own. Ctrl-C reaches only this process, which then ends JupyterLab, its kernels and the
cluster, in that order, and asks no questions; what was running before stays.
"""

from __future__ import annotations

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from labkit.clusters import open_cluster
from labkit.clusters.errors import UserError, WrongUse
from labkit.clusters.home import labkit_home
from labkit.lab.working_copy import What, lessons, notebooks_folder, update_working_copy

__all__ = ["run_lab"]

READY_WITHIN = 60.0  # seconds; a cold start with cold disk caches takes about ten
GRACE = 10.0  # seconds for JupyterLab to end its kernels

CONFIG = Path(__file__).parent / "jupyter_config"


class JupyterFailed(UserError):
    """JupyterLab does not start, or did not go on."""


class PortTaken(WrongUse):
    """Somebody else listens there."""


class _Stopped(KeyboardInterrupt):
    """A signal asked for the end. What cleans up after Ctrl-C does so after every signal."""


def run_lab(*, port: int = 8888, browser: bool = True, cluster: str = "embedded") -> int:
    """Run until Ctrl-C, or until JupyterLab ends (its File menu can shut it down). Returns labkit's exit code."""
    try:
        with _signals_stop():
            work = _working_copy()
            _require_free(port)
            print(f"Starting the cluster ({cluster}) …", flush=True)
            with open_cluster(cluster, say=_tell) as running:
                _tell(f"Kubernetes {running.version} at {running.server}")
                environment = {"LABKIT_CLUSTER": cluster, "KUBECONFIG": str(running.kubeconfig)}
                _serve(work, port, browser=browser, environment=environment)
    except _Stopped:
        print("Stopped.", flush=True)
    return 0


def _tell(text: str) -> None:
    print(f"  {text}", flush=True)


def _working_copy() -> Path:
    work = labkit_home() / "work"
    for change in update_working_copy(notebooks_folder(), work):
        if change.what is What.OFFERED:
            print(f"There is a newer version beside a lesson that you changed: {change.path.name}")
    if not lessons(work):
        raise JupyterFailed(f"There is no lesson in {work}.")
    return work


def _require_free(port: int) -> None:
    """Say it before anything is started. Binding tells more than connecting: the port may be another user's, or not allowed."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as JupyterLab does: connections in TIME_WAIT do not matter
        try:
            probe.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            reason = error.strerror if isinstance(error, OSError) else "ports end at 65535"
            raise PortTaken(f"Port {port} cannot be used ({reason}). Name another one: make lab PORT={_suggestion(port)}") from error


def _suggestion(port: int) -> int:
    return port + 1 if 1024 <= port < 65535 else 8888


def _serve(work: Path, port: int, *, browser: bool, environment: Mapping[str, str]) -> None:
    token = secrets.token_hex(24)
    log = labkit_home() / "jupyter.log"
    first = f"/lab/tree/{lessons(work)[0].name}"
    command = [
        *(sys.executable, "-m", "jupyterlab", "--ip=127.0.0.1", f"--port={port}", "--ServerApp.port_retries=0"),
        # Nothing asks the internet whether there are news or a newer JupyterLab.
        *("--LabApp.news_url=None", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate"),
        *(f"--ServerApp.root_dir={work}", f"--LabApp.default_url={first}"),
        *([] if browser else ["--no-browser"]),  # a machine without one has the URL on its terminal
        *(["--allow-root"] if os.geteuid() == 0 else []),
    ]
    # The token goes by environment, since everybody on the machine can read a command line. This environment's kubectl and labkit come
    # first on PATH, so that a terminal in JupyterLab has the course's.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    # Our defaults, under whatever a learner has chosen: no question about news over the first lesson.
    defaults = os.pathsep.join(filter(None, [str(CONFIG), os.environ.get("JUPYTER_CONFIG_PATH", "")]))
    child_environment = {**os.environ, **environment, "JUPYTER_TOKEN": token, "PATH": path, "JUPYTER_CONFIG_PATH": defaults}
    with _private(log) as output, _child(command, child_environment, output) as child:
        _wait_until_ready(child, port, token, log)
        print(f"\n  http://127.0.0.1:{port}{first}?token={token}\n\nYour lessons are in {work}. Ctrl-C stops everything.", flush=True)
        if code := child.wait():
            raise JupyterFailed(f"JupyterLab ended with exit code {code}. Its log tells why: {log}")


@contextmanager
def _private(log: Path) -> Iterator[int]:
    """JupyterLab logs its URL with the token, so the log is for the owner only."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _child(command: list[str], environment: Mapping[str, str], output: int) -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True
    )
    try:
        yield child
    finally:
        child.terminate()  # ends its kernels too; they would notice a killed parent and follow
        try:
            child.wait(GRACE)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()


def _wait_until_ready(child: subprocess.Popen[bytes], port: int, token: str, log: Path) -> None:
    request = urllib.request.Request(f"http://127.0.0.1:{port}/api/status", headers={"Authorization": f"token {token}"})
    # A proxy from the environment is no way to the loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise JupyterFailed(f"JupyterLab ended as soon as it started. Its log tells why: {log}")
        try:
            with opener.open(request, timeout=5):
                return
        except OSError:  # urllib's errors are OSErrors: not listening yet
            time.sleep(0.1)
    raise JupyterFailed(f"JupyterLab did not answer within {READY_WITHIN:.0f} seconds. Its log tells why: {log}")


@contextmanager
def _signals_stop() -> Iterator[None]:
    """Ctrl-C, `kill` and a closed terminal all end the lab in the same way, once: what follows must not interrupt the cleaning up."""
    # `nohup make lab` wants to outlive its terminal.
    numbers = [number for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) if _is_heard(number)]

    def stop(_number: int, _frame: FrameType | None) -> NoReturn:
        for other in numbers:
            signal.signal(other, signal.SIG_IGN)
        raise _Stopped

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _is_heard(number: int) -> bool:
    return number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN
