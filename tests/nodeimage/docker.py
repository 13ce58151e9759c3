"""The few things that are asked of Docker, through its command line."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

from tests.nodeimage.errors import NodeImageError
from tests.nodeimage.steps import Steps

KEY_LABEL = "local.labkit.key"
"""The image label with the cache key of its content: tells an image that is ours and current from one that only has the name."""


def answers() -> str | None:
    """The daemon's version, or None where no daemon answers."""
    if not shutil.which("docker"):
        return None
    try:
        asked = subprocess.run(
            ["docker", "version", "--format", "{{.Server.Version}}"], capture_output=True, text=True, timeout=20, check=False
        )
    except subprocess.TimeoutExpired:
        return None
    return asked.stdout.strip() or None if asked.returncode == 0 else None


def require() -> None:
    """Go on only when a daemon answers.

    Raises:
        NodeImageError: none does.
    """
    if answers() is None:
        raise NodeImageError("No Docker daemon answers. Start it, or let `python3 -m tests.nodeimage docker` do it.", 3)


def key_of(image: str) -> str | None:
    """The key with which the image was made; None where there is no such image or it is not ours."""
    asked = subprocess.run(["docker", "image", "inspect", image], capture_output=True, text=True, check=False)
    if asked.returncode != 0:
        return None
    labels = json.loads(asked.stdout)[0]["Config"].get("Labels") or {}
    found = labels.get(KEY_LABEL)
    return found if isinstance(found, str) else None


def pull(image: str, seconds: float, steps: Steps) -> bool:
    """Whether the image is there or a registry gives it; a registry that does not answer in time does not.

    The manifest is asked for first, with the time limit: a pull that has begun may take as long as its size needs.
    """
    if subprocess.run(["docker", "image", "inspect", image], capture_output=True, check=False).returncode == 0:
        return True
    try:
        asked = subprocess.run(["docker", "manifest", "inspect", image], capture_output=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return False
    if asked.returncode != 0:
        return False
    steps.run("docker", "pull", image)
    return True


def load(archive: Path, steps: Steps) -> None:
    """Load an archive of images under the names that it says."""
    steps.run("docker", "load", "--input", archive)


def import_root(archive: Path, image: str, changes: tuple[str, ...], steps: Steps) -> None:
    """Make an image of a root filesystem's tar, with Dockerfile instructions for its configuration."""
    options = [word for change in changes for word in ("--change", change)]
    steps.run("docker", "import", *options, archive, image)


def build(folder: Path, image: str, key: str, steps: Steps) -> None:
    """Build an ordinary Dockerfile."""
    steps.run("docker", "build", "--tag", image, "--label", f"{KEY_LABEL}={key}", folder)
