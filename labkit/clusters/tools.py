"""Docker and kind as programs: found on PATH, never downloaded, and asked whether they are fit before anything is begun."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from labkit.clusters.errors import MissingTool
from labkit.kube.versions import NEWEST, Version

ANSWER_SECONDS = 15.0
KIND_FOR_NEW_NODES, NEW_NODES = Version(0, 32), Version(1, 36)


@dataclass(frozen=True, slots=True)
class Tools:
    """What a kind cluster needs on this machine; absolute paths."""

    docker: Path
    kind: Path
    kind_version: Version


def find_tools(node_version: str = NEWEST, *, seconds: float = ANSWER_SECONDS) -> Tools:
    """The tools, checked in the order in which they are needed. `node_version` is the Kubernetes version that is wanted.

    Raises:
        MissingTool: one is missing, too old, or does not answer within `seconds`; the message says what to do.
    """
    docker = find_docker()
    docker_version(docker, seconds=seconds)
    kind, version = find_kind()
    if version < KIND_FOR_NEW_NODES and Version.parse(node_version) >= NEW_NODES:
        raise MissingTool(
            f"kind {version}.{version.patch} ({kind}) is too old for Kubernetes {node_version}: nodes from {NEW_NODES} on need kind "
            f"{KIND_FOR_NEW_NODES}. Install a newer one (go install sigs.k8s.io/kind@v0.33.0), or use --cluster embedded."
        )
    return Tools(docker, kind, version)


def find_docker() -> Path:
    """Where the `docker` command is.

    Raises:
        MissingTool: it is not on PATH.
    """
    found = shutil.which("docker")
    if not found:
        raise MissingTool("There is no docker on PATH, and kind runs its nodes in Docker. Install Docker, or use --cluster embedded.")
    return Path(found).absolute()


def docker_version(docker: Path, *, seconds: float = ANSWER_SECONDS) -> str:
    """The version of the Docker daemon.

    Raises:
        MissingTool: it does not answer, or refuses.
    """
    remedy = "Start Docker (Linux: sudo systemctl start docker; elsewhere: open Docker Desktop), or use --cluster embedded."
    try:
        answer = run([docker, "version", "--format", "{{.Server.Version}}"], seconds=seconds)
    except subprocess.TimeoutExpired as error:
        raise MissingTool(f"Docker is installed but has not answered for {seconds:.0f} seconds. {remedy}") from error
    except OSError as error:
        raise MissingTool(f"{docker} cannot be run ({error.strerror}). Install Docker, or use --cluster embedded.") from error
    if answer.returncode == 0 and answer.stdout.strip():
        return answer.stdout.strip()
    if "permission denied" in answer.stderr.lower():
        raise MissingTool("Docker runs, but you may not use it. Join its group (sudo usermod -aG docker $USER) and log in again.")
    raise MissingTool(f"Docker is installed but does not answer ({last_line(answer.stderr)}). {remedy}")


def find_kind() -> tuple[Path, Version]:
    """Where `kind` is, and its version.

    Raises:
        MissingTool: it is not on PATH, or it is something else.
    """
    found = shutil.which("kind")
    if not found:
        raise MissingTool(
            "There is no kind on PATH, and labkit downloads none. "
            "Install it (go install sigs.k8s.io/kind@v0.33.0, or your package manager), or use --cluster embedded."
        )
    kind = Path(found).absolute()
    try:
        answer = run([kind, "version"], seconds=ANSWER_SECONDS)
        said = answer.stdout + answer.stderr
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingTool(f"{kind} cannot be run ({error}). Install kind again, or use --cluster embedded.") from error
    match = re.search(r"\bv?(\d+\.\d+\.\d+)", said)
    if answer.returncode or not match:
        raise MissingTool(f"{kind} does not say its version, so it may not be kind. Install kind, or use --cluster embedded.")
    return kind, Version.parse(match[1])


def run(command: Sequence[str | Path], *, seconds: float, environment: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and keep what it prints; its exit code is the caller's business. `environment` is added to this one's."""
    env = {**os.environ, **(environment or {})}
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False, env=env)


def last_line(text: str) -> str:
    """The last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].rstrip(".") if lines else "it says nothing"
