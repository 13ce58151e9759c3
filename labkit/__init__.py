"""labkit: a course about Kubernetes ServiceAccounts whose every sentence runs, and the machinery that it explains.

A notebook begins with `from labkit import connect, documented`. Nothing is imported before it is used, so that this takes no time.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labkit.lab.connecting import connect
    from labkit.lab.documenting import documented
    from labkit.lab.exercises import check, solution
    from labkit.lab.predictions import predict, reveal
    from labkit.lab.refusals import refused
    from labkit.lab.showing import show

__all__ = ["check", "connect", "documented", "predict", "refused", "reveal", "show", "solution"]

_HOMES = {
    "check": "labkit.lab.exercises",
    "connect": "labkit.lab.connecting",
    "documented": "labkit.lab.documenting",
    "predict": "labkit.lab.predictions",
    "refused": "labkit.lab.refusals",
    "reveal": "labkit.lab.predictions",
    "show": "labkit.lab.showing",
    "solution": "labkit.lab.exercises",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(_HOMES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
