"""`labkit doctor`: what this machine has for the course, and what to do about what it lacks."""

from __future__ import annotations

import json
import os
import platform
import socket
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

import click

from labkit.cli.options import json_option
from labkit.clusters.errors import NoCluster, UserError

LAB_PORT = 8888
FREE_BYTES = 500_000_000


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: `fail` stops the course, `note` stops only what the line says."""

    check: str
    result: Literal["ok", "note", "fail"]
    text: str


@click.command()
@json_option
def doctor(as_json: bool) -> int:
    """Check this machine: Python, home, kubectl, ports, and for kind: Docker and kind.

    Ends with 3 if something is missing without which no lesson runs. What only a kind cluster needs is a note.
    """
    findings = [check() for check in CHECKS]
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        width = max(len(finding.check) for finding in findings)
        for finding in findings:
            click.echo(f"{finding.result:<4}  {finding.check:<{width}}  {finding.text}")
    return NoCluster.exit_code if any(finding.result == "fail" for finding in findings) else 0


def check_python() -> Finding:
    """Python 3.11 or newer, on a system that labkit runs on."""
    version = platform.python_version()
    if sys.platform not in ("linux", "darwin"):
        return Finding("python", "fail", f"{version} on {sys.platform}: labkit runs on Linux, macOS, and Windows through WSL2")
    return Finding("python", "ok", f"{version} ({sys.executable})")


def check_home() -> Finding:
    """LABKIT_HOME can be written, and its disk has room."""
    from labkit.clusters.home import labkit_home

    home = labkit_home()
    system = os.statvfs(home)
    free = system.f_bavail * system.f_frsize
    if free < FREE_BYTES:
        return Finding("home", "note", f"{home}: only {free // 1_000_000} MB are free; make room before a long session")
    return Finding("home", "ok", str(home))


def check_kubectl() -> Finding:
    """A kubectl of the course's version."""
    from labkit.clusters.kubectl import client_version, kubectl_path

    path = kubectl_path()
    return Finding("kubectl", "ok", f"{client_version(path)} ({path})")


def check_loopback() -> Finding:
    """A server can listen on this machine's loopback."""
    try:
        with socket.create_server(("127.0.0.1", 0)):
            return Finding("network", "ok", "127.0.0.1 can be listened on")
    except OSError as error:
        return Finding("network", "fail", f"127.0.0.1 cannot be listened on ({error.strerror}); the cluster and JupyterLab need it")


def check_port() -> Finding:
    """JupyterLab's usual port is free."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", LAB_PORT))
        except OSError:
            return Finding("port", "note", f"{LAB_PORT} is taken; name another one: make lab PORT={LAB_PORT + 1}")
    return Finding("port", "ok", f"{LAB_PORT} is free for JupyterLab")


def check_docker() -> Finding:
    """Docker answers."""
    from labkit.clusters.tools import docker_version, find_docker

    docker = find_docker()
    return Finding("docker", "ok", f"{docker_version(docker)} ({docker})")


def check_kind() -> Finding:
    """kind is on PATH."""
    from labkit.clusters.tools import find_kind

    kind, version = find_kind()
    return Finding("kind", "ok", f"{version}.{version.patch} ({kind})")


def check_clusters() -> Finding:
    """What runs, and whether something died."""
    from labkit.clusters import lifecycle

    found = lifecycle.status()
    troubled = [one for one in found if one.state in ("died", "unreachable")]
    if troubled:
        return Finding("clusters", "note", f"{troubled[0].name!r} {troubled[0].state}: {troubled[0].note}")
    names = ", ".join(f"{one.name} ({one.cluster})" for one in found if one.state == "running")
    return Finding("clusters", "ok", f"running: {names}" if names else "none runs; `labkit up` starts one")


def _guarded(name: str, result: Literal["note", "fail"], check: Callable[[], Finding]) -> Callable[[], Finding]:
    def guarded() -> Finding:
        try:
            return check()
        except UserError as error:
            return Finding(name, result, str(error))

    return guarded


CHECKS: tuple[Callable[[], Finding], ...] = (
    check_python,
    _guarded("home", "fail", check_home),
    _guarded("kubectl", "fail", check_kubectl),
    check_loopback,
    check_port,
    _guarded("docker", "note", check_docker),
    _guarded("kind", "note", check_kind),
    _guarded("clusters", "note", check_clusters),
)
