"""The commands of the node's shell, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from labkit.node import shell_builtins, shell_curl, shell_files, shell_text
from labkit.node.shell import Call, Process, run_shell

Tool = Callable[[Call], int | Process[int]]

TOOLS: Mapping[str, Tool] = {
    **shell_builtins.TOOLS,
    **shell_files.TOOLS,
    **shell_text.TOOLS,
    "ash": run_shell,
    "curl": shell_curl.curl,
    "sh": run_shell,
}
