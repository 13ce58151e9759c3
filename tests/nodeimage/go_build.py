"""Go commands built from modules that are locked in `go/`.

Each folder `go/<name>-<version>` holds a go.mod that pins every module and a go.sum with their hashes. The go command
checks the downloads against these, so what is built is what was locked, whichever proxy served it. What was built is
kept by a hash of the folder, the flags and the toolchain; the compiler's own cache stays where the user's go keeps it.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path

from tests.nodeimage.cache import Cache, digest
from tests.nodeimage.errors import NodeImageError
from tests.nodeimage.steps import Steps

LOCKS = Path(__file__).parent / "go"

FLAGS = ("-trimpath", "-buildvcs=false")
"""No path of this machine and nothing of this repository's history in a binary: the same input gives the same bytes."""

ENVIRONMENT = {"CGO_ENABLED": "0", "GOFLAGS": "", "GOWORK": "off"}
"""Static binaries, which need no library in their image; and none of the user's go settings that would change them."""


@dataclass(frozen=True)
class GoBuild:
    """Commands of one locked module, built together so that they share what they compile."""

    title: str
    folder: Path
    commands: tuple[tuple[str, str], ...]
    """Each command's name and its package."""
    symbols: tuple[tuple[str, str], ...] = ()
    """Variables set by the linker: where a project puts the version that it reports."""

    @property
    def link_flags(self) -> str:
        """With -s -w: no debugger runs in the node, and the binaries are a third smaller."""
        return " ".join(["-s", "-w", "-buildid=", *(f"-X {name}={value}" for name, value in self.symbols)])

    def key(self) -> str:
        """A hash of all that decides the result.

        Raises:
            NodeImageError: the module is not locked, or there is no go command that can build it.
        """
        if not (self.folder / "go.mod").is_file():
            raise NodeImageError(f"There is no lock {self.folder.name}; `python3 -m tests.nodeimage lock` with the version writes it.")
        commands = [f"{name}={package}" for name, package in self.commands]
        return digest(self.folder, *commands, *FLAGS, self.link_flags, _toolchain(self.folder))


def build(wanted: GoBuild, cache: Cache, steps: Steps) -> Path:
    """The folder with the commands, built unless it is there."""
    key = wanted.key()
    with cache.lock(f"go/{key}"):
        if cache.path("go", key).is_dir():
            steps.cached(wanted.title)
        else:
            with steps.step(wanted.title), cache.making("go", key) as folder:
                _compile(wanted, folder, steps)
    return cache.path("go", key)


def _compile(wanted: GoBuild, folder: Path, steps: Steps) -> None:
    """Build all in one invocation, which compiles what they share once and keeps every core busy.

    go names each binary after its package; only a command alone can have a name of its own ("etcd", from a package "v3").
    """
    name, _ = wanted.commands[0]
    output = str(folder / name) if len(wanted.commands) == 1 else f"{folder}/"
    packages = [package for _, package in wanted.commands]
    steps.run(
        *("go", "build", "-v", *FLAGS, "-ldflags", wanted.link_flags, "-o", output, *packages),
        cwd=wanted.folder,
        env=os.environ | ENVIRONMENT,
    )
    missing = [name for name, _ in wanted.commands if not (folder / name).is_file()]
    if missing:
        raise NodeImageError(f"go build said nothing was wrong, but did not make {', '.join(missing)}.")


@once
def _toolchain(folder: Path) -> str:
    """The go release that builds this module, and for which machine.

    Raises:
        NodeImageError: there is no go, or it is older than the module wants and may not fetch a newer one.
    """
    try:
        asked = subprocess.run(["go", "env", "GOVERSION", "GOOS", "GOARCH"], cwd=folder, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        raise NodeImageError("There is no go command; install Go (the go line of go/*/go.mod says which release).") from None
    except subprocess.CalledProcessError as error:
        raise NodeImageError(f"The go command cannot build {folder.name}: {error.stderr.strip()}") from None
    return asked.stdout


def architecture() -> str:
    """The machine's architecture as Go and image configurations call it."""
    return _toolchain(LOCKS / "hold").split()[2]
