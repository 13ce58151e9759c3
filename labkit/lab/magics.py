"""`%kubectl get pods` and `%%kubectl apply -f -`: the commands of the documents, as they are typed.

- The line is split as a shell splits it. `{name}` and `{name.attribute}` stand for values of the notebook, where there is such a name:
  `{lab.namespace}`, but neither `{.data.token}` nor a JSON object.
- `into=name` at the end keeps stdout under that name, unmasked; what is shown is masked all the same.
- It prints stdout, then stderr, then `[exit N]` if N is not 0, and does not raise.
"""

from __future__ import annotations

import re
import shlex
from typing import Any

from labkit.lab.connecting import current_lab
from labkit.lab.errors import LabError
from labkit.lab.masking import Token

_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)((?:\.[A-Za-z_]\w*)*)\}")
_INTO = re.compile(r"(?:^|\s)into=([A-Za-z_]\w*)\s*$")


def load(shell: Any) -> None:
    """Make `%kubectl` known to an IPython shell."""
    from IPython.core.magic import no_var_expand

    # IPython's own expansion would take a JSON object for a placeholder, and `$(…)` for a variable.
    @no_var_expand
    def kubectl(line: str, cell: str | None = None) -> None:
        """Run kubectl on the lesson's cluster, in its namespace. The cell's further lines, if any, are its standard input."""
        run_line(line, cell, shell.user_ns)

    shell.register_magic_function(kubectl, magic_kind="line_cell", magic_name="kubectl")


def run_line(line: str, cell: str | None, names: dict[str, Any]) -> None:
    """Run one magic in a notebook whose names are `names`; `into=` adds one.

    Raises:
        LabError: the line cannot be split into words.
        NotConnected: `connect()` has not run.
    """
    lab = current_lab("%kubectl")
    wanted = _INTO.search(line)
    if wanted:
        line = line[: wanted.start()]
    try:
        arguments = shlex.split(fill(line, names))
    except ValueError as error:
        raise LabError(f"This line is no command: {error}.") from None
    ran = lab.kubectl(*arguments, stdin=fill(cell, names) if cell is not None else None)
    print(ran, end="")
    if wanted and ran.code == 0:
        kept = ran.stdout.rstrip("\n")
        names[wanted[1]] = Token(kept) if kept.startswith("eyJ") and "\n" not in kept else kept


def fill(text: str, names: dict[str, Any]) -> str:
    """`text` with its placeholders filled; one whose name the notebook does not have stays as it is."""

    def value(found: re.Match[str]) -> str:
        if found[1] not in names:
            return found[0]
        thing = names[found[1]]
        for attribute in found[2].split(".")[1:]:
            if not hasattr(thing, attribute):
                return found[0]
            thing = getattr(thing, attribute)
        return str(thing)

    return _PLACEHOLDER.sub(value, text)
