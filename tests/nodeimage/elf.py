"""Programs taken out of a Debian root together with the shared libraries that they load."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.nodeimage.errors import NodeImageError


def resolve(root: Path, path: str) -> str:
    """Follow links below `root` as a process with that root would: an absolute link starts at `root` again.

    Raises:
        NodeImageError: there is no such file.
    """
    done = Path("/")
    todo = [part for part in Path(path).parts if part != "/"]
    for _ in range(1000):
        if not todo:
            return str(done)
        part = todo.pop(0)
        if part == "..":
            done = done.parent
            continue
        here = root / str(done / part).lstrip("/")
        if here.is_symlink():
            target = here.readlink()
            if target.is_absolute():
                done = Path("/")
            todo = [word for word in target.parts if word != "/"] + todo
        elif here.exists():
            done = done / part
        else:
            break
    raise NodeImageError(f"{path} is not in the Debian root; did a package change?")


def with_libraries(root: Path, paths: Iterable[str]) -> dict[str, Path]:
    """Each program and each library it needs: the path at which it is looked for, and the file on this machine."""
    found: dict[str, Path] = {}
    for path in paths:
        real = resolve(root, path)
        found[path] = root / real.lstrip("/")
        # ldd fails for a static program, and that is its answer: no library.
        listed = subprocess.run(["chroot", str(root), "ldd", real], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+) \(0x", listed):
            found[library] = root / resolve(root, library).lstrip("/")
    return found
