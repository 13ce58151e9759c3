"""Volumes as files: where the embedded cluster's Pods have theirs, laid out as under a kubelet's root directory (PRJ-9)."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from labkit.kube.randomness import Randomness
from labkit.node.atomic_writer import AtomicWriter, Owner, read_ledger, write_ledger
from labkit.node.volumes import DOWNWARD_API, PROJECTED, SECRET, Entry, EntryKind, Payload, VolumeId

WRITABLE = 0o777
TMPFS_ENTRY, DISK_DIRECTORY = 20, 4096  # what a directory takes: on tmpfs for each entry, on disk as a whole
MEMORY = (PROJECTED, SECRET, DOWNWARD_API)  # plugins whose volumes are of the kind that lives in memory: their root is sticky


class DirectoryVolumes:
    """A `VolumeHost` under `root`: `pods/<uid>/volumes/kubernetes.io~projected/<volume>`, with ledgers in `pods/<uid>/plugins`."""

    def __init__(self, root: Path) -> None:
        self._pods = root / "pods"
        self._pods.mkdir(parents=True, exist_ok=True, mode=0o700)

    def path(self, volume: VolumeId) -> Path:
        """The volume's directory."""
        return self._pods / volume.pod_uid / "volumes" / volume.plugin.replace("/", "~") / volume.name

    def _ledger(self, volume: VolumeId) -> Path:
        return self._pods / volume.pod_uid / "plugins" / volume.plugin.replace("/", "~") / volume.name / "owners.json"

    def write(self, volume: VolumeId, payload: Payload, *, group: int | None, now: datetime, random: Randomness) -> bool:
        """Make the volume hold exactly `payload`. See `VolumeHost`."""
        directory = self.path(volume)
        fresh = not directory.is_dir()
        if fresh:
            self._make(directory, WRITABLE | stat.S_ISVTX if volume.plugin in MEMORY else WRITABLE)
        try:
            return AtomicWriter(directory, self._ledger(volume)).write(payload, group=group, now=now, random=random)
        except BaseException:
            if fresh:
                shutil.rmtree(directory, ignore_errors=True)  # a volume that could not be set up is not there (T-PRJ-40)
            raise

    def make_directory(self, volume: VolumeId, *, group: int | None) -> None:
        """Make an empty, writable volume. See `VolumeHost`."""
        directory = self.path(volume)
        if directory.is_dir():
            return
        self._make(directory, WRITABLE)
        if group is not None:
            directory.chmod(WRITABLE | stat.S_ISGID)
            write_ledger(self._ledger(volume), {"": Owner(0, group)})

    @staticmethod
    def _make(directory: Path, mode: int) -> None:
        directory.mkdir(parents=True)
        directory.chmod(mode)

    def tree(self, volume: VolumeId) -> DirectoryTree | None:
        """The volume's files. See `VolumeHost`."""
        directory = self.path(volume)
        return DirectoryTree(directory, self._ledger(volume), in_memory=volume.plugin in MEMORY) if directory.is_dir() else None

    def pods(self) -> Sequence[str]:
        """The Pods that have something here. See `VolumeHost`."""
        return [path.name for path in self._pods.iterdir()]

    def remove_pod(self, pod_uid: str) -> None:
        """Remove all that belongs to a Pod. See `VolumeHost`."""
        if pod_uid and "/" not in pod_uid and pod_uid not in (".", ".."):
            shutil.rmtree(self._pods / pod_uid, ignore_errors=True)


class DirectoryTree:
    """A volume's files, with the owners that its ledger gives them, and with the sizes of a volume in memory if it should be one."""

    def __init__(self, root: Path, ledger: Path, *, in_memory: bool = False) -> None:
        self._root, self._ledger, self._in_memory = root, ledger, in_memory

    def entry(self, path: str) -> Entry | None:
        """What `lstat` says. See `Tree`."""
        try:
            found = (self._root / path).lstat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        owner = read_ledger(self._ledger).get(path, Owner())
        kind: EntryKind = "link" if stat.S_ISLNK(found.st_mode) else "directory" if stat.S_ISDIR(found.st_mode) else "file"
        size, links = found.st_size, found.st_nlink
        if kind == "directory":
            children = list((self._root / path).iterdir())
            links = 2 + sum(not child.is_symlink() and child.is_dir() for child in children)
            size = TMPFS_ENTRY * (len(children) + 2) if self._in_memory else DISK_DIRECTORY
        return Entry(
            kind,
            stat.S_IMODE(found.st_mode) if owner.mode is None else owner.mode,
            owner.uid,
            owner.gid,
            size,
            datetime.fromtimestamp(found.st_mtime, UTC),
            links,
            os.readlink(self._root / path) if kind == "link" else "",  # noqa: PTH115  # the text as it is, not a path
        )

    def names(self, path: str) -> Sequence[str]:
        """A directory's names. See `Tree`."""
        return [child.name for child in (self._root / path).iterdir()]

    def read(self, path: str) -> bytes:
        """A file's bytes. See `Tree`."""
        return (self._root / path).read_bytes()
