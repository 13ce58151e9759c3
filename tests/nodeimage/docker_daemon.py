"""A Docker daemon that answers, where there is none yet.

For machines without an init system, as CI's often are: Debian's packages, and dockerd started by hand. The daemon's
process id and log are in the cache, so that the same command can stop it; a daemon that somebody else started is left
alone.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.nodeimage import docker, machine
from tests.nodeimage.cache import Cache
from tests.nodeimage.errors import NodeImageError
from tests.nodeimage.steps import Steps, tell

PACKAGES = ("docker.io", "containerd", "runc", "iptables", "ca-certificates")
CANNOT = 3
"""The exit status for "there is no Docker, and I cannot make it": a test suite may take it for a reason to skip."""

PATIENCE_SECONDS = 60.0


def start(cache: Cache, steps: Steps) -> None:
    """Make a daemon answer.

    Raises:
        NodeImageError: (status 3) it cannot be installed or does not start; says which, and what a person can do.
    """
    if version := docker.answers():
        tell(f"A Docker daemon answers (version {version}); nothing to do.")
        return
    if host := os.environ.get("DOCKER_HOST"):
        raise NodeImageError(f"DOCKER_HOST names {host}, where no Docker answers; start that one or unset it.", CANNOT)
    if not machine.is_root():
        raise NodeImageError("No Docker daemon answers, and only root can start one; start Docker, or run this as root.", CANNOT)
    with cache.lock("docker"):
        if docker.answers():
            return
        _install(steps)
        with steps.step("start dockerd"):
            _start(cache)
    tell(f"Docker {docker.answers()} answers; `python3 -m tests.nodeimage docker --stop` stops it again.")


def stop(cache: Cache) -> None:
    """Stop the daemon that `start` started, and no other."""
    record = _folder(cache) / "dockerd.pid"
    pid = _recorded(record)
    if pid is None:
        tell("There is no Docker daemon of this cache to stop.")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while _recorded(record) is not None:
        if time.monotonic() > deadline:
            raise NodeImageError(f"dockerd (process {pid}) got SIGTERM {PATIENCE_SECONDS:.0f} s ago and still runs.", CANNOT)
        time.sleep(0.2)
    record.unlink(missing_ok=True)
    tell(f"Stopped dockerd (process {pid}).")


def _folder(cache: Cache) -> Path:
    return cache.root / "docker"


def _recorded(record: Path) -> int | None:
    """The recorded process, if it still runs and is a dockerd: ids are given anew after a reboot."""
    try:
        pid = int(record.read_text())
        name = Path(f"/proc/{pid}/comm").read_text().strip()
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, ValueError):
        return None
    return pid if name == "dockerd" and state != "Z" else None


def _install(steps: Steps) -> None:
    """Debian's packages, for what is not there; without letting them start a daemon of their own."""
    if all(shutil.which(command) for command in ("dockerd", "containerd", "runc", "iptables", "docker")):
        return
    if not shutil.which("apt-get"):
        raise NodeImageError("No Docker daemon answers, and this is no Debian to install it on; install Docker.", CANNOT)
    policy = Path("/usr/sbin/policy-rc.d")
    ours = not policy.exists()
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    with steps.step(f"install {' '.join(PACKAGES)}"):
        try:
            if ours:
                # The packages' scripts would start dockerd as the distribution does it; 101 tells them "not allowed".
                policy.write_text("#!/bin/sh\nexit 101\n")
                policy.chmod(0o755)
            steps.run("apt-get", "update", env=environment)
            steps.run("apt-get", "install", "--yes", "--no-install-recommends", *PACKAGES, env=environment)
        except NodeImageError as failure:
            raise NodeImageError(f"Docker could not be installed from Debian's packages. {failure}", CANNOT) from None
        finally:
            if ours:
                policy.unlink(missing_ok=True)


def _start(cache: Cache) -> None:
    folder = _folder(cache)
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / "dockerd.log"
    command = ["dockerd"]
    if not machine.may_raise_limits():
        command += _held_runtime(folder)
    with log.open("w") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, start_new_session=True)
    deadline = time.monotonic() + PATIENCE_SECONDS
    try:
        while docker.answers() is None:
            if process.poll() is not None or time.monotonic() > deadline:
                last = "\n".join(f"      {line}" for line in log.read_text(errors="replace").splitlines()[-8:])
                raise NodeImageError(f"dockerd does not start here; its last lines (all of it is in {log}):\n{last}", CANNOT)
            time.sleep(0.3)
    except BaseException:
        process.terminate()
        raise
    (folder / "dockerd.pid").write_text(f"{process.pid}\n")


def _held_runtime(folder: Path) -> list[str]:
    """The options that put `runc_held.py` in runc's place; copied, since the daemon outlives this work tree's states."""
    wrapper = folder / "runc-held"
    shutil.copyfile(Path(__file__).with_name("runc_held.py"), wrapper)
    wrapper.chmod(0o755)
    return ["--add-runtime", f"held={wrapper}", "--default-runtime", "held"]
