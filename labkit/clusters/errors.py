"""Mistakes and mishaps that end in one sentence: what is wrong, and the next step. No traceback, an exit code each.

The exit codes are the command line's: 0 fine, 1 a documented behaviour or a test fails, 2 wrong use, 3 no cluster or not reachable.
"""

from __future__ import annotations

from typing import ClassVar


class UserError(Exception):
    """Something that the person at the keyboard can put right. `str()` is the whole message: what is wrong, and what to do."""

    exit_code: ClassVar[int] = 1

    def _render_traceback_(self) -> list[str]:
        """How a notebook shows it: the sentence alone. IPython asks for this."""
        return [str(self)]


class WrongUse(UserError):
    """An option, a setting or a name that makes no sense as given."""

    exit_code = 2


class HomeError(WrongUse):
    """LABKIT_HOME, or a folder in it, cannot be used."""


class ClusterError(UserError):
    """There is no cluster, or it cannot be reached."""

    exit_code = 3


class NoCluster(ClusterError):
    """Nothing of that name runs."""


class ClusterGone(ClusterError):
    """It ran, and runs no more."""


class StartFailed(ClusterError):
    """It was started and did not become ready."""


class Busy(ClusterError):
    """Another labkit holds the lock."""


class MissingTool(ClusterError):
    """Docker, kind or kubectl is missing, too old, or does not answer."""
