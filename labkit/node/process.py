"""What a command in a container is made of: what it asks from outside, where it prints, what it may see."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from labkit.node.container_files import ContainerFiles
from labkit.node.shell_tree import Script

T = TypeVar("T")
HELP = "This node runs no images: labkit shows a Pod's files and lets them talk to the API. A real cluster runs the rest (CLUSTER=kind)."
NOT_SERVED, NOT_FOUND = 126, 127


@dataclass(frozen=True, slots=True)
class Fetch:
    """A request to the cluster's API, over TLS that has been checked already."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The API's answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait `seconds`."""

    seconds: float


Process: TypeAlias = Generator[Fetch | Pause, Any, T]


@dataclass(frozen=True, slots=True)
class Container:
    """Where a command runs: the container's files and environment, its name on the network, and what it knows of the API.

    `api_hosts` are the names and addresses under which the API is reached, each with its port; `api_ca` signs its certificate.
    """

    files: ContainerFiles
    environment: tuple[tuple[str, str], ...]
    hostname: str
    now: datetime
    api_hosts: frozenset[str]
    api_ca: str
    directory: str = "/"


@dataclass(slots=True)
class Streams:
    """What a command reads and where it prints."""

    stdin: bytes = b""
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)


class CommandNotFoundError(Exception):
    """The image has no such program: the container's runtime says so, not the container."""


class ExitError(Exception):
    """The script ends here."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Shell:
    """One running shell: its variables, its directory, the last command's exit code, and the commands that it knows.

    `capture` runs a script in a shell of its own: how a word gets what `$(…)` prints.
    """

    container: Container
    capture: Capture
    name: str = "sh"
    variables: dict[str, str] = field(default_factory=dict)
    exported: set[str] = field(default_factory=set)
    arguments: tuple[str, ...] = ()
    directory: str = "/"
    status: int = 0
    options: frozenset[str] = frozenset()
    steps: int = 0
    tools: Mapping[str, Tool] = field(default_factory=dict)

    def path(self, name: str) -> str:
        """An absolute path for a name that was given."""
        return name if name.startswith("/") else f"{self.directory.rstrip('/')}/{name}"

    def environment(self) -> list[tuple[str, str]]:
        """The exported variables, in the order in which this shell's own table holds them."""
        return [(name, value) for name, value in sorted(self.variables.items(), key=lambda item: _bucket(item[0])) if name in self.exported]


@dataclass(frozen=True, slots=True)
class Call:
    """A command with its arguments, as a tool gets it."""

    name: str
    arguments: Sequence[str]
    streams: Streams
    shell: Shell

    @property
    def files(self) -> ContainerFiles:
        """The container's files."""
        return self.shell.container.files

    def print(self, text: str | bytes) -> None:
        """Write to standard output."""
        self.streams.out += text.encode() if isinstance(text, str) else text

    def complain(self, text: str) -> int:
        """Write a line to standard error, with the tool's name in front; returns 1."""
        self.streams.err += f"{self.name}: {text}\n".encode()
        return 1

    def refuse(self, what: str) -> int:
        """Say honestly that this is beyond the node's shell; returns the exit code for that."""
        self.streams.err += f"labkit: {what}. {HELP}\n".encode()
        return NOT_SERVED

    def read(self, name: str) -> bytes:
        """A file's bytes; `-` is standard input.

        Raises:
            FileError: there is none to read.
        """
        return self.streams.stdin if name == "-" else self.files.read(self.shell.path(name))


Tool: TypeAlias = Callable[[Call], "int | Process[int]"]
Capture: TypeAlias = Callable[[Script, Streams, Shell], Process[int]]


def _bucket(name: str) -> int:
    """Where busybox's ash keeps a variable: its table has 39 places, and `env` prints them in turn."""
    return (ord(name[0]) * 16 + sum(map(ord, name))) % 39
