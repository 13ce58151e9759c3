"""Results kept by the content of what they were made from.

An entry is a folder `<kind>/<key>`, where the key is a hash of every input. So nothing is ever out of date: a changed
input is another key, and an entry that exists is whole, because it is made under another name and renamed when
finished. Two runs at once wait for each other by a lock on the entry, which the kernel gives back when a process dies.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def default_root() -> Path:
    """`LABKIT_CACHE`, or labkit's folder among the user's caches."""
    if chosen := os.environ.get("LABKIT_CACHE"):
        return Path(chosen).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "labkit"


def digest(*parts: str | bytes | Path) -> str:
    """A short hash of texts, bytes, and files or whole folders.

    Each part is preceded by its length, so that ("ab", "c") and ("a", "bc") differ. A folder counts with the relative names
    of its files and their content, not with its place or its times: a clone elsewhere finds the same entries.
    """
    total = hashlib.sha256()

    def add(data: bytes) -> None:
        total.update(len(data).to_bytes(8, "big"))
        total.update(data)

    for part in parts:
        if isinstance(part, Path) and part.is_dir():
            for file in sorted(part.rglob("*")):
                if file.is_file() and "__pycache__" not in file.parts:
                    add(file.relative_to(part).as_posix().encode())
                    add(file.read_bytes())
        elif isinstance(part, Path):
            add(part.read_bytes())
        else:
            add(part.encode() if isinstance(part, str) else part)
    return total.hexdigest()[:16]


class Cache:
    """The folder of all entries."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def path(self, kind: str, key: str) -> Path:
        """Where the entry is, or would be."""
        return self.root / kind / key

    @contextmanager
    def lock(self, name: str) -> Iterator[None]:
        """Hold `name` alone; says so once when another run has it."""
        file = self.root / "locks" / name.replace("/", "_")
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("w") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print(f"   waiting for another run, which is making {name} …", file=sys.stderr, flush=True)
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    @contextmanager
    def making(self, kind: str, key: str) -> Iterator[Path]:
        """A new folder that becomes the entry when the block ends well, and is removed when it does not.

        Call it under the entry's lock. Left-overs of a run that was killed are removed first.
        """
        final = self.path(kind, key)
        final.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{key}."
        for left_over in final.parent.glob(f"{prefix}*"):
            shutil.rmtree(left_over)
        made = Path(tempfile.mkdtemp(prefix=prefix, dir=final.parent))
        try:
            yield made
            made.chmod(0o755)
            made.rename(final)
        except BaseException:
            shutil.rmtree(made, ignore_errors=True)
            raise
