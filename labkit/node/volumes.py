"""What the node agent asks of the place where volumes live, and what goes into a volume.

The agent decides what a volume holds; a `VolumeHost` puts it there. The embedded cluster's host writes files
(`labkit.machinery.volume_host`), a test's remembers them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol, TypeAlias

from labkit.kube.randomness import Randomness

PROJECTED, CONFIG_MAP, SECRET, DOWNWARD_API, EMPTY_DIR = (
    "kubernetes.io/projected",
    "kubernetes.io/configmap",
    "kubernetes.io/secret",
    "kubernetes.io/downward-api",
    "kubernetes.io/empty-dir",
)


@dataclass(frozen=True, slots=True)
class File:
    """A file of a volume: its bytes, its permission bits, and the user that owns it where that is not root (PRJ-6)."""

    data: bytes
    mode: int
    owner: int | None = None


Payload: TypeAlias = Mapping[str, File]
EntryKind: TypeAlias = Literal["file", "directory", "link"]


class VolumeError(Exception):
    """A volume that cannot be set up; the text is what a kubelet's FailedMount event ends with."""


@dataclass(frozen=True, slots=True)
class VolumeId:
    """A Pod's volume: the Pod's uid, the volume plugin's name and the volume's name."""

    pod_uid: str
    plugin: str
    name: str


@dataclass(frozen=True, slots=True)
class Entry:
    """What `lstat` says inside a container. `mode` holds the permission bits alone, `target` a link's text."""

    kind: EntryKind
    mode: int
    uid: int
    gid: int
    size: int
    modified: datetime
    links: int = 1
    target: str = ""


class Tree(Protocol):
    """A volume's files as a container sees them. Paths are relative to the volume; the empty path is the volume itself."""

    def entry(self, path: str) -> Entry | None:
        """The entry, links not followed; None where there is none."""
        ...

    def names(self, path: str) -> Sequence[str]:
        """The names in a directory, in no particular order."""
        ...

    def read(self, path: str) -> bytes:
        """A file's bytes."""
        ...


class VolumeHost(Protocol):
    """Where volumes live."""

    def write(self, volume: VolumeId, payload: Payload, *, group: int | None, now: datetime, random: Randomness) -> bool:
        """Make the volume hold exactly `payload`, atomically (PRJ-10, PRJ-11), for group `group` if there is one (PRJ-7).

        Returns whether anything was written.

        Raises:
            VolumeError: a path that no volume may have (PRJ-13).
        """
        ...

    def make_directory(self, volume: VolumeId, *, group: int | None) -> None:
        """Make an empty, writable volume; one that is there stays as it is."""
        ...

    def tree(self, volume: VolumeId) -> Tree | None:
        """The volume's files; None where it has not been set up."""
        ...

    def pods(self) -> Sequence[str]:
        """The uids of the Pods that have something here."""
        ...

    def remove_pod(self, pod_uid: str) -> None:
        """Remove all that belongs to a Pod."""
        ...
