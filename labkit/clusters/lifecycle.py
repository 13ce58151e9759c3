"""Up, down and which cluster is meant: the same words for all kinds of cluster."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.clusters.embedded import launch
from labkit.clusters.embedded.files import Files
from labkit.clusters.errors import ClusterGone, NoCluster, WrongUse
from labkit.clusters.home import checked_name, labkit_home
from labkit.clusters.info import DEFAULT_NAME, ClusterInfo, ClusterKind, Status

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which kind of cluster: `context` is set for an existing one."""

    cluster: ClusterKind
    context: str = ""

    @classmethod
    def parse(cls, text: str) -> Choice:
        """Read `embedded`, `kind` or `context:NAME`.

        Raises:
            WrongUse: it is none of them.
        """
        if text == "embedded":
            return cls("embedded")
        if text == "kind":
            return cls("kind")
        context = text.removeprefix("context:")
        if context and context != text:
            return cls("context", context)
        raise WrongUse(f"{text!r} names no cluster. LABKIT_CLUSTER and --cluster take embedded, kind or context:NAME.")

    @classmethod
    def from_environment(cls) -> Choice | None:
        """What LABKIT_CLUSTER says, None where it says nothing."""
        named = os.environ.get("LABKIT_CLUSTER", "")
        return cls.parse(named) if named else None


def connect_or_start(name: str | None = None) -> ClusterInfo:
    """The cluster that a notebook gets: the one LABKIT_CLUSTER names, else one that runs, else a new embedded one.

    Raises:
        UserError: there is none and none could be started; the message is for the person at the keyboard.
    """
    home, name = labkit_home(), checked_name(name or DEFAULT_NAME)
    choice = Choice.from_environment()
    if choice is None:
        if found := running(name):
            return found
        choice = Choice("embedded")
    return _start(home, name, choice)[0]


def running(name: str = DEFAULT_NAME, cluster: str | None = None) -> ClusterInfo | None:
    """The cluster of that name that runs, an embedded one before a kind one; with `cluster`, only such a one. Starts nothing."""
    home = labkit_home()
    if cluster in (None, "embedded") and (found := launch.find(home, name)):
        return found
    if cluster in (None, "kind") and (home / "kind" / name).is_dir():
        from labkit.clusters import kind

        return kind.find(home, name)
    return None


def up(
    name: str = DEFAULT_NAME,
    cluster: str = "embedded",
    *,
    version: str | None = None,
    settings: Mapping[str, Any] | None = None,
    say: Say | None = None,
) -> tuple[ClusterInfo, bool]:
    """Have the cluster run, ready for a lesson, and tell whether this call started it.

    `settings` are those of an embedded cluster (`Settings`), by name; what is left out stays as it was. `say` is told of slow steps.

    Raises:
        WrongUse: the cluster runs with other settings, or does not take these.
        ClusterError: it could not be started.
    """
    return _start(labkit_home(), checked_name(name), Choice.parse(cluster), version=version, settings=settings, say=say)


@contextmanager
def open_cluster(cluster: str | None = None, *, name: str = DEFAULT_NAME, say: Say | None = None) -> Iterator[ClusterInfo]:
    """A cluster for the length of a block. It is stopped (kind: deleted) at the end only if it was started here.

    An embedded cluster that was started here also ends when this process dies without getting there.
    """
    home, name = labkit_home(), checked_name(name)
    choice = Choice.parse(cluster) if cluster else Choice.from_environment() or Choice("embedded")
    reading, writing = os.pipe()
    try:
        try:
            info, started = _start(home, name, choice, owner=reading, say=say)
        finally:
            os.close(reading)
        try:
            yield info
        finally:
            if started:
                _stop(home, name, choice)
    finally:
        os.close(writing)


def down(name: str = DEFAULT_NAME, cluster: str | None = None, *, purge: bool = False) -> list[str]:
    """Stop what labkit runs under that name. Returns a sentence for each thing done; none if nothing ran.

    An embedded cluster keeps its state, unless it is to be purged. A kind cluster is deleted if labkit created it.
    """
    home, name = labkit_home(), checked_name(name)
    done: list[str] = []
    if cluster in (None, "embedded") and launch.stop(home, name, purge=purge):
        done.append(f"Stopped cluster {name!r}" + (" and removed its state." if purge else f"; its state is kept in {state_of(name)}."))
    if cluster in (None, "kind") and (home / "kind" / name).is_dir():
        from labkit.clusters import kind

        if sentence := kind.stop(home, name):
            done.append(sentence)
    return done


def status() -> list[Status]:
    """All clusters that labkit knows of, those called `lab` first."""
    home = labkit_home()
    found = [launch.status(home, folder.name) for folder in _folders(home / "clusters") if Files(home, folder.name).exists]
    folders = _folders(home / "kind")
    if folders:
        from labkit.clusters import kind

        found += [kind.status(home, folder.name) for folder in folders]
    return sorted(found, key=lambda one: (one.name != DEFAULT_NAME, one.name, one.cluster))


def logs(name: str = DEFAULT_NAME, cluster: str | None = None) -> Path:
    """The log of a cluster.

    Raises:
        NoCluster: labkit has none.
    """
    home = labkit_home()
    found = [home / "clusters" / name / "daemon.log"] if cluster in (None, "embedded") else []
    found += [home / "kind" / name / "kind.log"] if cluster in (None, "kind") else []
    for path in found:
        if path.exists():
            return path
    raise NoCluster(f"There is no log of a cluster {name!r}. `labkit status` lists the clusters.")


def state_of(name: str) -> Path:
    """Where an embedded cluster's state is."""
    return Files(labkit_home(), name).settings().state_dir


def require_alive(info: ClusterInfo) -> None:
    """Find out whether a cluster that failed to answer is still there: for whoever got a connection error from it.

    Raises:
        ClusterGone: it is not; the message says what happened and names `labkit up`.
    """
    home = labkit_home()
    if info.cluster == "embedded":
        if launch.find(home, info.name) is None:
            raise launch.gone(home, info.name)
        if reason := launch.unreachable(info):
            raise ClusterGone(f"Cluster {info.name!r} does not answer ({reason}). Start it again: labkit down; labkit up")
    elif info.cluster == "kind":
        from labkit.clusters import kind

        if kind.find(home, info.name) is None:
            raise kind.gone(info.name)
    else:
        from labkit.clusters import existing

        existing.connect(home, info.name)


def _start(
    home: Path,
    name: str,
    choice: Choice,
    *,
    version: str | None = None,
    settings: Mapping[str, Any] | None = None,
    owner: int | None = None,
    say: Say | None = None,
) -> tuple[ClusterInfo, bool]:
    if choice.cluster == "embedded":
        changes = dict(settings or {}) | ({"version": version} if version else {})
        return launch.start(home, name, changes, owner=owner)
    if settings:
        flags = ", ".join("--" + setting.replace("_", "-") for setting in settings)
        raise WrongUse(f"{flags}: only an embedded cluster takes it. For kind, write it into the file that LABKIT_KIND_CONFIG names.")
    if choice.cluster == "kind":
        from labkit.clusters import kind
        from labkit.clusters.kind_image import KindOptions

        return kind.start(home, name, KindOptions.from_environment(version), say or _say_on_terminal)
    from labkit.clusters import existing

    return existing.connect(home, choice.context), False


def _stop(home: Path, name: str, choice: Choice) -> None:
    if choice.cluster == "embedded":
        launch.stop(home, name)
    elif choice.cluster == "kind":
        from labkit.clusters import kind

        kind.stop(home, name)


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def _say_on_terminal(text: str) -> None:
    if sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)
