"""What goes into the pure core and what comes out of it: no socket, no event loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from labkit.kube.objects import Obj
from labkit.kube.users import UserInfo


@dataclass(frozen=True, slots=True)
class Peer:
    """A client certificate that TLS has verified: its subject's common name and organisations, and its SHA-256 in hex."""

    common_name: str
    organizations: tuple[str, ...] = ()
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """A request. Header names are in lower case. `user` is set by in-process clients alone: they are who they are."""

    method: str
    path: str
    query: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | Obj = b""
    peer: Peer | None = None
    user: UserInfo | None = None

    def param(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else default

    def flag(self, name: str) -> bool:
        """Whether a boolean query parameter is on, as Go's ParseBool reads it; a bare `?name` counts as on."""
        values = self.query.get(name)
        return bool(values) and values[0] not in ("0", "f", "F", "false", "FALSE", "False")  # type: ignore[index]  # not None here


@dataclass(frozen=True, slots=True)
class Response:
    """An answer with its whole body. `warnings` become Warning headers, `audit` is for whoever listens."""

    status: int
    body: Obj | bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    warnings: tuple[str, ...] = ()
    audit: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WatchStream:
    """An answer that goes on: the changes of a resource after `resource_version`.

    `table` and `include_object` say how the client wants its events; `timeout_seconds` is 0 for no limit.
    `initial` lists the events that the client gets at once (the present state, where it asked for it).
    """

    resource: str
    namespace: str
    resource_version: int
    label_selector: str = ""
    field_selector: str = ""
    initial: tuple[Obj, ...] = ()
    bookmarks: bool = False
    initial_events_end: bool = False
    table: bool = False
    include_object: str = "Metadata"
    timeout_seconds: float = 0.0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ExecStream:
    """A command to run in a container, over a WebSocket."""

    pod: Obj
    container: str
    command: tuple[str, ...]
    stdin: bool = False
    stdout: bool = False
    stderr: bool = False
    tty: bool = False


@dataclass(frozen=True, slots=True)
class LogStream:
    """A container's log."""

    pod: Obj
    container: str
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    tail_lines: int | None = None
    limit_bytes: int | None = None
    since_seconds: int | None = None


Answer = Response | WatchStream | ExecStream | LogStream
