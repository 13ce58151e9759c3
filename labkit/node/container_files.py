"""What a container sees of files: its volumes where they are mounted, and around them the few files of the lesson image.

Owners and modes are the ones that a container would meet, whoever runs labkit: a file that the container's user may not read is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath

from labkit.node.image import APPLETS, COMMANDS, DIRECTORIES, OPAQUE
from labkit.node.volumes import Entry, Tree

MAX_LINKS = 40
READ, SEARCH = 4, 1
NO_ENTRY, NOT_DIRECTORY, IS_DIRECTORY = "No such file or directory", "Not a directory", "Is a directory"
DENIED, LOOP = "Permission denied", "Too many levels of symbolic links"


class FileError(Exception):
    """An operation that a container's kernel refuses; the text is strerror's."""


class OpaqueError(Exception):
    """A place that a real container has and this node does not: programs, libraries, /proc."""


@dataclass(frozen=True, slots=True)
class Identity:
    """The user that a process runs as."""

    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = (0,)


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume at a path; with `prefix`, the file or directory of that path inside it."""

    path: str
    tree: Tree
    prefix: str = ""
    read_only: bool = True


@dataclass(frozen=True, slots=True)
class ContainerFiles:
    """One container's files, as `identity` may use them. `files` are the small ones by path; `started` dates what has no date."""

    mounts: Sequence[Mount]
    files: Mapping[str, bytes]
    identity: Identity
    started: datetime
    _directories: frozenset[str] = field(init=False, default=frozenset())

    def __post_init__(self) -> None:
        paths = [*(mount.path for mount in self.mounts), *self.files, *(f"{directory}/x" for directory in DIRECTORIES)]
        parents = {str(parent) for path in paths for parent in PurePosixPath(path).parents}
        object.__setattr__(self, "_directories", frozenset(parents))

    def status(self, path: str, *, follow: bool = True) -> Entry:
        """What `stat`, or with `follow` off `lstat`, says of an absolute path.

        Raises:
            FileError: there is no such entry, or the way to it is barred.
            OpaqueError: nobody here knows.
        """
        return self._walk(path, follow=follow)[1]

    def read(self, path: str) -> bytes:
        """A file's bytes.

        Raises:
            FileError: as `status`; or a directory, or a file that this user may not read.
            OpaqueError: nobody here knows.
        """
        real, entry = self._walk(path, follow=True)
        if not self.may(entry, READ):
            raise FileError(DENIED)
        if entry.kind == "directory":
            raise FileError(IS_DIRECTORY)
        if real in self.files:
            return self.files[real]
        found = self._mounted(real)
        if found is None:
            raise OpaqueError(real)
        mount, inside = found
        return mount.tree.read(inside)

    def names(self, path: str) -> list[str]:
        """A directory's names, sorted as `ls` sorts them.

        Raises:
            FileError: as `status`; or no directory, or one that this user may not read.
            OpaqueError: nobody here knows.
        """
        real, entry = self._walk(path, follow=True)
        if entry.kind != "directory":
            raise FileError(NOT_DIRECTORY)
        if not self.may(entry, READ):
            raise FileError(DENIED)
        if real in OPAQUE:
            raise OpaqueError(real)
        found = self._mounted(real)
        names = set(found[0].tree.names(found[1])) if found else set()
        prefix = "/" if real == "/" else f"{real}/"
        names |= {one[len(prefix) :] for one in (*self._directories, *self.files) if one.startswith(prefix)}
        names |= {mount.path[len(prefix) :] for mount in self.mounts if mount.path.startswith(prefix)}
        if real == "/":
            names |= {place.removeprefix("/") for place in OPAQUE}
        if real == "/bin":
            names |= {*APPLETS, "busybox", "hold"}
        if real == "/usr/bin":
            names.add("curl")
        return sorted(name for name in names if name and "/" not in name)

    def canonical(self, path: str) -> str:
        """The path without links.

        Raises:
            FileError: as `status`.
        """
        return self._walk(path, follow=True)[0]

    def read_only(self, path: str) -> bool:
        """Whether a path is in a volume that is mounted read-only."""
        found = self._mounted(str(PurePosixPath(path)))
        return found is not None and found[0].read_only

    def may(self, entry: Entry, wanted: int) -> bool:
        """Whether this user may do that (`READ`, `SEARCH`) with the entry. Root may."""
        if self.identity.uid == 0:
            return True
        if entry.uid == self.identity.uid:
            return bool(entry.mode >> 6 & wanted)
        if entry.gid in (self.identity.gid, *self.identity.groups):
            return bool(entry.mode >> 3 & wanted)
        return bool(entry.mode & wanted)

    def _walk(self, path: str, *, follow: bool) -> tuple[str, Entry]:
        """The real path of an entry, and the entry. Links on the way are followed, the last one only if asked for."""
        todo = [part for part in path.split("/") if part and part != "."][::-1]
        must_be_directory = path.endswith(("/", "/."))
        here, entry, links = "/", self._entry("/"), 0
        while todo:
            if entry.kind != "directory":
                raise FileError(NOT_DIRECTORY)
            if not self.may(entry, SEARCH):
                raise FileError(DENIED)
            part = todo.pop()
            if part == "..":
                here = str(PurePosixPath(here).parent)
                entry = self._entry(here)
                continue
            child = f"/{part}" if here == "/" else f"{here}/{part}"
            found = self._entry(child)
            if found.kind == "link" and (todo or follow or must_be_directory):
                links += 1
                if links > MAX_LINKS:
                    raise FileError(LOOP)
                if found.target.startswith("/"):
                    here, entry = "/", self._entry("/")
                todo += [step for step in found.target.split("/") if step and step != "."][::-1]
            else:
                here, entry = child, found
        if must_be_directory and entry.kind != "directory":
            raise FileError(NOT_DIRECTORY)
        return here, entry

    def _mounted(self, path: str) -> tuple[Mount, str] | None:
        """The mount that a real path is in, and the path inside its volume."""
        fitting = [mount for mount in self.mounts if path == mount.path or path.startswith(f"{mount.path.rstrip('/')}/")]
        if not fitting:
            return None
        mount = max(fitting, key=lambda one: len(one.path))
        inside = path[len(mount.path) :].strip("/")
        return mount, "/".join(part for part in (mount.prefix, inside) if part)

    def _entry(self, path: str) -> Entry:
        if found := self._mounted(path):
            mount, inside = found
            entry = mount.tree.entry(inside)
            if entry is not None:
                return entry
        if path in self.files:
            return Entry("file", 0o644, 0, 0, len(self.files[path]), self.started)
        if path in self._directories or path in OPAQUE:
            below = {one for one in (*self._directories, *(mount.path for mount in self.mounts)) if str(PurePosixPath(one).parent) == path}
            links = 1 if path in ("/", "/etc") else 2 + len(below)  # those two are layered, and show one
            mode = 0o1777 if path == "/tmp" else 0o755  # noqa: S108  # the container's, not ours
            return Entry("directory", mode, 0, 0, 4096, self.started, links)
        parent, _, name = path.rpartition("/")
        if parent == "/bin" and name in APPLETS:
            return Entry("link", 0o777, 0, 0, len("busybox"), self.started, 1, "busybox")
        if path in COMMANDS:
            return Entry("file", 0o755, 0, 0, 0, self.started)
        if any(path.startswith(f"{place}/") for place in OPAQUE):
            raise OpaqueError(path)
        raise FileError(NO_ENTRY)
