"""The command line: `labkit up | down | status | …`. Exit codes: 0 fine, 1 a behaviour or test fails, 2 wrong use, 3 no cluster."""

from labkit.cli.group import main

__all__ = ["main"]
