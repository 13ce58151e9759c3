"""The files of one embedded cluster, in `<home>/clusters/<name>/`, which command and daemon share.

`settings.json` is what it is started with; `running.json` is there while it runs (or after it died); `last.json` remembers its port and
why it ended; `kubeconfig` and `daemon.log` say what they are. The state itself (store, keys, volumes) is in the settings' `state_dir`,
by default `state` in the same folder, with `labkit-state.json` in it to mark it as ours.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from labkit.clusters.embedded.settings import Settings
from labkit.clusters.errors import ClusterError, HomeError, WrongUse
from labkit.clusters.home import private_folder, read_json, write_json
from labkit.clusters.processes import Process

MARK = "labkit-state.json"
LOG_LIMIT = 1_000_000  # bytes; a longer log is put aside at the next start


@dataclass(frozen=True, slots=True)
class Running:
    """What `running.json` holds."""

    process: Process
    server: str
    version: str


@dataclass(frozen=True, slots=True)
class Files:
    """The files of the cluster `name`."""

    home: Path
    name: str

    @property
    def folder(self) -> Path:
        """All of them are here."""
        return self.home / "clusters" / self.name

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.folder / "kubeconfig"

    @property
    def log(self) -> Path:
        """What the daemon writes."""
        return self.folder / "daemon.log"

    @property
    def running_file(self) -> Path:
        """There while it runs."""
        return self.folder / "running.json"

    @property
    def settings_file(self) -> Path:
        """There once it has been started."""
        return self.folder / "settings.json"

    @property
    def exists(self) -> bool:
        """Whether it has ever been started."""
        return self.settings_file.exists()

    def settings(self) -> Settings:
        """The settings of its last start.

        Raises:
            ClusterError: there are none, or they make no sense.
        """
        try:
            return Settings.from_json(read_json(self.settings_file) or {})
        except (ValueError, KeyError, TypeError) as error:
            raise ClusterError(
                f"The settings of cluster {self.name!r} cannot be read ({self.settings_file}). "
                f"`labkit down --name {self.name} --purge` clears it away."
            ) from error

    def write_settings(self, settings: Settings) -> None:
        """Keep the settings, and make and mark the state folder.

        Raises:
            WrongUse: the folder holds something that is not labkit's, or another cluster's state.
            HomeError: it cannot be written.
        """
        claim_state(settings.state_dir, self.name)
        private_folder(self.folder)
        write_json(self.settings_file, settings.as_json())

    @contextmanager
    def settings_undone_on_failure(self) -> Iterator[None]:
        """Settings with which it did not start are not those of the next start."""
        before = read_json(self.settings_file)
        try:
            yield
        except BaseException:
            if before is not None:
                write_json(self.settings_file, before)
            else:
                self.settings_file.unlink(missing_ok=True)
            raise

    def running(self) -> Running | None:
        """What `running.json` says, whether or not it is still so; None where there is none, or half of one."""
        found = read_json(self.running_file)
        try:
            return Running(Process(**found["process"]), found["server"], found["version"]) if found else None
        except (KeyError, TypeError):
            return None

    def write_running(self, running: Running) -> None:
        """Say that it runs."""
        write_json(self.folder / "last.json", {"port": urlsplit(running.server).port})
        write_json(self.running_file, asdict(running))

    def last_port(self) -> int:
        """The port that it had last, 0 if it had none."""
        port = (read_json(self.folder / "last.json") or {}).get("port")
        return port if isinstance(port, int) else 0

    def note(self, why: str) -> None:
        """Remember a sentence about its end."""
        write_json(self.folder / "last.json", {"port": self.last_port(), "why": why})

    def why(self) -> str:
        """The sentence about its last end, if it had the time to write one."""
        return str((read_json(self.folder / "last.json") or {}).get("why", ""))

    def forget_why(self) -> None:
        """A new start: the last end is past."""
        write_json(self.folder / "last.json", {"port": self.last_port()})

    def put_long_log_aside(self) -> None:
        """Keep one older log beside the present one."""
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_name("daemon.log.1"))

    def remove(self) -> None:
        """Remove everything, the state too."""
        state = read_json(self.settings_file) or {}
        if folder := state.get("state_dir"):
            remove_state(Path(str(folder)), self.name)
        shutil.rmtree(self.folder, ignore_errors=True)


def claim_state(folder: Path, name: str) -> None:
    """Make `folder` the state of cluster `name`, or find that it is.

    Raises:
        WrongUse: it holds something else; labkit would have to delete it one day.
        HomeError: it cannot be written.
    """
    private_folder(folder)
    mark = read_json(folder / MARK)
    if mark is None:
        if any(folder.iterdir()):
            raise WrongUse(f"{folder} is not empty, and what is in it is not labkit's. Name an empty or a new folder as --state-dir.")
        write_json(folder / MARK, {"name": name})
    elif mark.get("name") != name:
        owner = mark.get("name")
        raise WrongUse(f"{folder} is the state of cluster {owner!r}. Name another --state-dir, or use it: labkit up --name {owner}")
    try:
        folder.chmod(0o700)
    except OSError as error:
        raise HomeError(f"{folder} belongs to somebody else. Name a folder of your own as --state-dir.") from error


def remove_state(folder: Path, name: str) -> None:
    """Remove a state folder, if its mark says that it is this cluster's."""
    if (read_json(folder / MARK) or {}).get("name") == name:
        shutil.rmtree(folder, ignore_errors=True)
