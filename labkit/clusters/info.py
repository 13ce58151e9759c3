"""What a caller is told of a cluster."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

ClusterKind = Literal["embedded", "kind", "context"]
State = Literal["running", "stopped", "died", "unreachable"]
DEFAULT_NAME = "lab"


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """A cluster that can be talked to.

    `version` is the server's own, such as `1.37.2`; `kubeconfig` is a file of mode 0600 whose current context is this cluster;
    `pid` is the embedded cluster's process, None for the others.
    """

    name: str
    cluster: ClusterKind
    version: str
    server: str
    kubeconfig: Path
    pid: int | None = None

    def as_json(self) -> dict[str, Any]:
        """As `labkit up --json` prints it."""
        return asdict(self) | {"kubeconfig": str(self.kubeconfig)}


@dataclass(frozen=True, slots=True)
class Status:
    """A cluster that labkit knows of, and how it is. `note` is a sentence for people: what happened, what to do."""

    name: str
    cluster: ClusterKind
    state: State
    note: str
    info: ClusterInfo | None = None

    def as_json(self) -> dict[str, Any]:
        """As `labkit status --json` prints it: the keys of `up --json`, empty where nothing runs, with `state` and `note`."""
        empty = {"name": self.name, "cluster": self.cluster, "version": None, "server": None, "kubeconfig": None, "pid": None}
        return (self.info.as_json() if self.info else empty) | {"state": self.state, "note": self.note}
