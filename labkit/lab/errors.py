"""What goes wrong in a lesson, in one sentence. In a notebook these show no traceback."""

from __future__ import annotations

from labkit.clusters.errors import ClusterError, WrongUse


class LabError(WrongUse):
    """A lesson's tool was used in a way that makes no sense; the message says what would."""


class NotConnected(LabError):
    """A tool needs the lesson's cluster, and `connect()` has not run."""

    def __init__(self, what: str) -> None:
        super().__init__(f'{what} needs a cluster: run the cell with connect(lesson="…") first.')


class NoAnswer(ClusterError):
    """The cluster did not answer at all."""


class TookTooLong(AssertionError):
    """Something that was waited for did not happen in time."""

    def _render_traceback_(self) -> list[str]:
        return [str(self)]
