"""Where labkit keeps its state and the learner's work: LABKIT_HOME, folders 0700, files 0600, one lock for each cluster."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from labkit.clusters.errors import Busy, HomeError, WrongUse

POLL_SECONDS = 0.02
LOCK_SECONDS = 120.0
# A cluster's name is part of its node's name, `<name>-control-plane`, which is a DNS label: at most 63 characters.
MAX_NAME = 63 - len("-control-plane")
NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")


def labkit_home() -> Path:
    """The folder that LABKIT_HOME names, else one in the user's data folder; made where it is missing, for its owner only.

    Raises:
        HomeError: it cannot be made or written.
    """
    named = os.environ.get("LABKIT_HOME")
    home = Path(named).expanduser() if named else _user_data_folder() / "labkit"
    return private_folder(home.absolute())


def private_folder(folder: Path) -> Path:
    """`folder`, made with mode 0700 where it is missing, and found writable. What exists keeps its mode.

    Raises:
        HomeError: it cannot be made or written; the message names what to do.
    """
    try:
        _make(folder)
    except (FileExistsError, NotADirectoryError) as error:
        raise HomeError(f"{error.filename} is a file, and labkit needs a folder there. {_remedy(folder)}") from error
    except OSError as error:
        raise unwritable(folder, error) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise unwritable(folder, OSError(errno.EACCES, os.strerror(errno.EACCES)))
    return folder


def unwritable(path: Path, error: OSError) -> HomeError:
    """The sentence for a folder or file that the system refuses to write."""
    return HomeError(f"labkit cannot write to {path} ({error.strerror or error}). {_remedy(path)}")


def write_private(path: Path, content: str) -> None:
    """Write a file of mode 0600 in one step: a reader sees the old content or the new, whatever happens.

    Raises:
        HomeError: the folder refuses it.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mkstemp's files are 0600
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise unwritable(path, error) from error


def write_json(path: Path, data: Mapping[str, Any]) -> None:
    """Write a JSON file of mode 0600 in one step."""
    write_private(path, json.dumps(data, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in a file; None where there is no file, or where it holds something else (half a disk, a stranger's file)."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def checked_name(name: str) -> str:
    """`name`, if a cluster can be called so.

    Raises:
        WrongUse: it cannot.
    """
    if not NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise WrongUse(f"A cluster cannot be called {name!r}. Use small letters, digits and '-', at most {MAX_NAME} of them.")
    return name


@contextmanager
def lock(home: Path, name: str, what: str, *, seconds: float = LOCK_SECONDS, say: Callable[[str], None] | None = None) -> Iterator[int]:
    """Hold the lock called `name`, alone among all processes. `what` completes "Another labkit is …"; `say` is told when there is a wait.

    Yields the descriptor that holds it: a child process that inherits it holds the lock as well, and longer if it lives longer.

    Raises:
        Busy: somebody else held it for `seconds`.
    """
    path = private_folder(home / "locks") / f"{name}.lock"  # never removed: two processes must not lock two files of that name
    descriptor = try_lock(path)
    if descriptor is None and say:
        say(f"Another labkit is {what}; waiting for it …")
    deadline = time.monotonic() + seconds
    while descriptor is None:
        if time.monotonic() >= deadline:
            raise Busy(f"Another labkit has been {what} for more than {seconds:.0f} seconds. See `labkit status`, and try again later.")
        time.sleep(POLL_SECONDS)
        descriptor = try_lock(path)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def try_lock(path: Path) -> int | None:
    """A descriptor that holds the lock until it is closed, or None where another process holds it. The file itself stays."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise unwritable(path, error) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    return descriptor


def _make(folder: Path) -> None:
    """Make the folder and its parents. `Path.mkdir(parents=True)` would give the parents another mode."""
    if folder.is_dir():
        return
    if not folder.parent.is_dir():
        _make(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not folder.is_dir():  # another process was quicker, and that is fine
            raise


def _user_data_folder() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support"
    named = os.environ.get("XDG_DATA_HOME", "")
    return Path(named) if Path(named).is_absolute() else Path.home() / ".local" / "share"


def _remedy(path: Path) -> str:
    return f"Make {path} writable for you, or name another folder: LABKIT_HOME=/path/to/folder"
