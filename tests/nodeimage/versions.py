"""Every version that the images are made of, in one place.

The Kubernetes version is the one setting of the command line; the rest is chosen here, once for all of them. Go
modules are locked by `go/<name>-<version>/go.sum`; `python3 -m tests.nodeimage lock` writes those folders anew after a
change here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.nodeimage.errors import NodeImageError

KUBERNETES = "1.37.2"
"""The course's version: what is built where nothing else is asked for."""

KIND = "0.33.0"
CONTAINERD = "2.4.2"
ETCD = "3.7.3"
COREDNS = "1.14.7"

DEBIAN_SUITE = "bookworm"
"""The node's Debian: systemd, runc, iptables and the CNI plugins come from its packages."""

IMAGE_HOST = "labkit.local"
"""Where our images claim to come from: nowhere that answers, so nothing can mistake them for a vendor's."""

TOOLS_IMAGE = f"{IMAGE_HOST}/tools:1"
"""The image of the lessons' Pods."""

PAUSE_IMAGE = f"{IMAGE_HOST}/pause:1"
"""The image that holds a Pod's namespaces. Ours, so not under the name and version of the Kubernetes one."""


@dataclass(frozen=True)
class Kubernetes:
    """A release of Kubernetes, such as 1.37.2."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Kubernetes:
        """Read `1.37.2` or `v1.37.2`.

        Raises:
            NodeImageError: for anything else; a pre-release has no module version that its staging modules share.
        """
        found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)", text)
        if not found:
            raise NodeImageError(f"{text!r} is no Kubernetes release; write it with its patch version, such as {KUBERNETES}.")
        return cls(*map(int, found.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def tag(self) -> str:
        """As image tags, `kubectl version` and /kind/version write it."""
        return f"v{self}"

    @property
    def staging(self) -> str:
        """The version of k8s.io/api and its siblings, which count from 0."""
        return f"v0.{self.minor}.{self.patch}"
