"""The command line: `labkit up | down | status | …`. Exit codes: 0 fine, 1 a behaviour or test fails, 2 wrong use, 3 no cluster."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line (default: this process's); its exit code."""
    try:
        from labkit.cli.group import run  # here, so that Ctrl-C while this is imported ends as it does later
    except KeyboardInterrupt:
        return 130
    return run(arguments)
