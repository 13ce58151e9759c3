"""What labkit remembers of a kind cluster, in `<home>/kind/<name>/`: who made it, its kubeconfig, kind's words."""

from __future__ import annotations

import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from labkit.clusters.home import private_folder, read_json, write_json


@dataclass(frozen=True, slots=True)
class Record:
    """What labkit remembers of a kind cluster.

    `ready` is false while it is being created, or after that was interrupted; `pods_image` says whether the lessons' image is on its node.
    """

    created: bool
    ready: bool
    server: str = ""
    version: str = ""
    pods_image: bool = False


@dataclass(frozen=True, slots=True)
class Files:
    """The files of one kind cluster."""

    home: Path
    name: str

    @property
    def folder(self) -> Path:
        """All of them are here."""
        return self.home / "kind" / self.name

    @property
    def kubeconfig(self) -> Path:
        """The cluster's kubeconfig, never the user's."""
        return self.folder / "kubeconfig"

    @property
    def log(self) -> Path:
        """What kind said when there was no terminal."""
        return self.folder / "kind.log"

    def record(self) -> Record | None:
        """What is remembered; None for a cluster that labkit does not know."""
        found = read_json(self.folder / "cluster.json")
        try:
            return Record(**found) if found else None
        except TypeError:
            return None

    def write(self, record: Record) -> None:
        """Remember."""
        private_folder(self.folder)
        write_json(self.folder / "cluster.json", asdict(record))

    def forget(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.folder, ignore_errors=True)
