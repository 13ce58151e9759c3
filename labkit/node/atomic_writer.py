"""The atomic writer: a volume's files change all at once, and a reader never sees half of a change.

Upstream: pkg/volume/util/atomic_writer.go, pkg/volume/volume_linux.go. Rules PRJ-7, PRJ-10, PRJ-11, PRJ-13.

Files belong to users that this process may be unable to give them to. So who owns what is also kept in a small file beside the volume,
the ledger, and a container's view is read from there; as root the files get their owners for real.
"""

from __future__ import annotations

import json
import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from labkit.kube.randomness import Randomness
from labkit.node.volumes import File, Payload, VolumeError

DATA, NEW_DATA = "..data", "..data_tmp"
DIRECTORY_MODE = 0o755
MAX_NAME, MAX_PATH = 255, 4096
READ_MASK, SEARCH_MASK = 0o440, 0o550 | stat.S_ISGID  # what a group gets of a read-only volume: files, directories


@dataclass(frozen=True, slots=True)
class Owner:
    """Who owns an entry, and its mode where the file on disk cannot have it."""

    uid: int = 0
    gid: int = 0
    mode: int | None = None


class AtomicWriter:
    """Writes one volume. `directory` has to exist; `ledger` is the file beside it that keeps the owners.

    Raises:
        FileNotFoundError: `directory` does not exist.
    """

    def __init__(self, directory: Path, ledger: Path) -> None:
        if not directory.is_dir():
            raise FileNotFoundError(directory)
        self.directory, self.ledger = directory, ledger

    def write(self, payload: Payload, *, group: int | None, now: datetime, random: Randomness) -> bool:
        """Make the volume hold exactly `payload`; returns whether its data were written.

        1. Nothing happens unless every path is one that a volume may have (PRJ-13).
        2. Data that are there already, byte for byte, and with no file too many, stay as they are; a different mode alone changes
           nothing. Links that are missing are made again.
        3. Else a new directory named after the time is filled, gets its owners and modes, and takes the old one's place by one rename.
        4. Then links for new top-level names are made, those without data are removed, and the old directory goes.

        Raises:
            VolumeError: a path that no volume may have.
        """
        clean = clean_payload(payload)
        old = self._current()
        stale = self._stale(clean, old)
        written = old is None or bool(stale) or not _equal(clean, self.directory / old)
        owners = read_ledger(self.ledger)
        name = self._new_name(now, random) if written else ""
        if written:
            owners |= self._fill(name, clean, group)
        for path, file in clean.items():
            self._own(owners, path.partition("/")[0], Owner(file.owner or 0, group or 0))
        if group is not None:
            self._finish(owners, self.directory, Owner(0, group), stat.S_IMODE(self.directory.stat().st_mode) | SEARCH_MASK)
            self._own(owners, DATA, Owner(0, group))
        write_ledger(self.ledger, owners)  # before anybody can see the new data
        if written:
            (self.directory / NEW_DATA).unlink(missing_ok=True)
            (self.directory / NEW_DATA).symlink_to(name)
            (self.directory / NEW_DATA).rename(self.directory / DATA)
        self._link(clean, owners)
        for path in stale:
            if "/" not in path:
                (self.directory / path).unlink(missing_ok=True)
        if written and old is not None:
            shutil.rmtree(self.directory / old, ignore_errors=True)
        self._prune(owners)
        return written

    def _current(self) -> str | None:
        link = self.directory / DATA
        return str(link.readlink()) if link.is_symlink() else None

    def _new_name(self, now: datetime, random: Randomness) -> str:
        while True:
            name = f"{now.astimezone(UTC):..%Y_%m_%d_%H_%M_%S}.{random.below(2**32)}"
            if not os.path.lexists(self.directory / name):
                return name

    def _stale(self, clean: Payload, old: str | None) -> set[str]:
        """The paths of the old data that the new ones do not have."""
        if old is None:
            return set()
        root = self.directory / old
        present = {path.relative_to(root).as_posix() for path in root.rglob("*")}
        return present - {str(parent) for path in clean for parent in (PurePosixPath(path), *PurePosixPath(path).parents)}

    def _fill(self, name: str, clean: Payload, group: int | None) -> dict[str, Owner]:
        root = self.directory / name
        root.mkdir()
        owners: dict[str, Owner] = {}
        directories = {str(parent) for path in clean for parent in PurePosixPath(path).parents}
        for parent in sorted(directories | {"."}):
            directory = root / parent
            directory.mkdir(exist_ok=True)
            self._finish(owners, directory, Owner(0, group or 0), DIRECTORY_MODE if group is None else DIRECTORY_MODE | SEARCH_MASK)
        for path, file in clean.items():
            target = root / path
            target.write_bytes(file.data)
            self._finish(owners, target, Owner(file.owner or 0, group or 0), file.mode if group is None else file.mode | READ_MASK)
        return owners

    def _finish(self, owners: dict[str, Owner], path: Path, owner: Owner, mode: int) -> None:
        """Give an entry its mode, whatever the umask, and its owner. This process has to be able to read it in any case."""
        readable = mode | stat.S_IRUSR
        path.chmod(readable)
        key = "" if path == self.directory else path.relative_to(self.directory).as_posix()
        self._own(owners, key, Owner(owner.uid, owner.gid, None if readable == mode else mode))

    def _own(self, owners: dict[str, Owner], key: str, owner: Owner) -> None:
        if owner == Owner():
            return
        owners[key] = owner
        path = self.directory / key
        if os.geteuid() == 0 and os.path.lexists(path):
            mode = None if path.is_symlink() else stat.S_IMODE(path.stat().st_mode)
            os.lchown(path, owner.uid, owner.gid)
            if mode is not None:
                path.chmod(mode)  # chown drops the setgid bit of files

    def _link(self, clean: Payload, owners: dict[str, Owner]) -> None:
        for name in dict.fromkeys(path.partition("/")[0] for path in clean):
            link = self.directory / name
            if not os.path.lexists(link):
                link.symlink_to(f"{DATA}/{name}")
                self._own(owners, name, owners.get(name, Owner()))

    def _prune(self, owners: dict[str, Owner]) -> None:
        left = {key: owner for key, owner in owners.items() if os.path.lexists(self.directory / key)}
        if left != owners:
            write_ledger(self.ledger, left)


def clean_payload(payload: Payload) -> Mapping[str, File]:
    """The payload with doubled slashes and dots taken out of its paths.

    Raises:
        VolumeError: a path that no volume may have.
    """
    for path in payload:
        check_path(path)
    return {os.path.normpath(path): file for path, file in payload.items()}


def check_path(path: str) -> None:
    """Whether a volume may have a file of this path (PRJ-13).

    Raises:
        VolumeError: it may not; says why.
    """
    names = path.split("/")
    if not path:
        raise VolumeError('invalid path: must not be empty: ""')
    if path.startswith("/"):
        raise VolumeError(f"invalid path: must be relative path: {path}")
    if len(path) > MAX_PATH:
        raise VolumeError(f"invalid path: must be less than or equal to {MAX_PATH} characters")
    for name in names:
        if name == "..":
            raise VolumeError(f"invalid path: must not contain '..': {path}")
        if len(name) > MAX_NAME:
            raise VolumeError(f"invalid path: filenames must be less than or equal to {MAX_NAME} characters")
    if names[0].startswith(".."):
        raise VolumeError(f"invalid path: must not start with '..': {path}")


def _equal(clean: Payload, root: Path) -> bool:
    def same(path: Path, data: bytes) -> bool:
        return path.is_file() and path.read_bytes() == data

    return all(same(root / path, file.data) for path, file in clean.items())


def read_ledger(ledger: Path) -> dict[str, Owner]:
    """The owners by path, relative to the volume; entries that are not mentioned are root's."""
    try:
        text = ledger.read_text()
    except FileNotFoundError:
        return {}
    return {key: Owner(*value) for key, value in json.loads(text).items()}


def write_ledger(ledger: Path, owners: Mapping[str, Owner]) -> None:
    """Replace the ledger, atomically; an empty one is no file."""
    if not owners:
        ledger.unlink(missing_ok=True)
        return
    ledger.parent.mkdir(parents=True, exist_ok=True)
    new = ledger.with_name(f"{ledger.name}.new")
    new.write_text(json.dumps({key: [owner.uid, owner.gid, owner.mode] for key, owner in owners.items()}))
    new.rename(ledger)
