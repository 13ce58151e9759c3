"""Which images a kind cluster is made of: the node's, and the one of the lessons' Pods."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from labkit.clusters.errors import WrongUse
from labkit.clusters.info import ClusterInfo
from labkit.clusters.tools import run
from labkit.kube.versions import NEWEST, Version

TOOLS_IMAGE = "labkit.local/tools:1"
ANSWER_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class KindOptions:
    """How to create a kind cluster. No `image` means kind's own; `config` is a kind configuration file, `version` what was asked for."""

    image: str = ""
    config: Path | None = None
    version: str = ""

    @classmethod
    def from_environment(cls, version: str | None = None) -> KindOptions:
        """As LABKIT_KIND_IMAGE and LABKIT_KIND_CONFIG say.

        Raises:
            WrongUse: the file is not there, or the version is none that an image could be found for.
        """
        image, config = os.environ.get("LABKIT_KIND_IMAGE", ""), os.environ.get("LABKIT_KIND_CONFIG", "")
        path = Path(config).expanduser().absolute() if config else None
        if path and not path.is_file():
            raise WrongUse(f"LABKIT_KIND_CONFIG names {path}, and there is no such file.")
        return cls(image or _image_of(version), path, version or "")

    @property
    def node_version(self) -> str:
        """The Kubernetes version that the node will have, as far as the image's tag tells; else the course's."""
        tag = re.search(r":v?(\d+\.\d+\.\d+)", self.image)
        return tag[1] if tag else self.version or NEWEST

    def as_arguments(self) -> tuple[str, str]:
        """For the worker: image and configuration, empty where there is none."""
        return self.image, str(self.config or "")

    def accept(self, info: ClusterInfo) -> ClusterInfo:
        """The running cluster, if it has the version that was asked for.

        Raises:
            WrongUse: it has another one.
        """
        if self.version and str(Version.parse(self.version)) != str(Version.parse(info.version)):
            raise WrongUse(
                f"kind cluster {info.name!r} runs Kubernetes {info.version}, not {self.version}. "
                f"Delete it first (labkit down --name {info.name}), or use another --name."
            )
        return info

    def hint(self, image_is_here: bool) -> str:
        """What to do when a creation failed."""
        if self.image and not image_is_here:
            return f"Docker has no image {self.image}. Pull it, or build one without a registry: python3 -m tests.nodeimage ensure"
        if not self.image:
            return "If no container registry answers, build a node image (python3 -m tests.nodeimage ensure) and set LABKIT_KIND_IMAGE"
        return "See `labkit logs --cluster kind`, and `labkit doctor`."


def image_in_docker(docker: Path, image: str) -> bool:
    """Whether Docker has the image."""
    try:
        return bool(image) and run([docker, "image", "inspect", "--format", "{{.Id}}", image], seconds=ANSWER_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def has_tools_image(docker: Path, node: str) -> bool:
    """Whether the node's containerd has the image of the lessons' Pods."""
    try:
        answer = run([docker, "exec", node, "ctr", "--namespace=k8s.io", "images", "list", "--quiet"], seconds=ANSWER_SECONDS)
    except subprocess.TimeoutExpired:
        return False
    return TOOLS_IMAGE in answer.stdout.split()


def _image_of(version: str | None) -> str:
    if not version:
        return ""
    try:
        parsed = Version.parse(version)
    except ValueError as error:
        raise WrongUse(f"{error}.") from error
    if version.count(".") == 2:
        return f"kindest/node:v{version.removeprefix('v')}"
    if str(parsed) == NEWEST:
        return ""
    raise WrongUse(
        f"Images of kind are for one release each: write --version {parsed}.N, or name an image of {parsed} in LABKIT_KIND_IMAGE."
    )
