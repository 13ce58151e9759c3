"""`grep`, with its three kinds of patterns."""

from __future__ import annotations

import re
from collections.abc import Mapping

from labkit.node.process import Call
from labkit.node.shell_text import Filter, honest, inputs_of, lines_of, options


def grep(call: Call) -> int:
    """`grep [-cEFilnoqvwx] PATTERN FILES`."""
    found = options(call, "EFciloqvwxnhs", "em")
    names = list(found.names)
    if "e" in found.values:
        pattern = found.values["e"]
    elif names:
        pattern = names.pop(0)
    else:
        return call.complain("usage: grep [-cEFilnoqvwx] PATTERN [FILE]...")
    expression = _expression(pattern, found.flags, extended="E" in found.flags or call.name == "egrep")
    matched, several, inverted = False, len(names) > 1 and "h" not in found.flags, "v" in found.flags
    inputs, failed = inputs_of(call, names)
    for name, data in inputs:
        prefix = f"{name}:" if several else ""
        hits = [(number, line) for number, line in enumerate(lines_of(data), start=1) if bool(expression.search(line)) != inverted]
        matched = matched or bool(hits)
        if "q" in found.flags:
            continue
        if "c" in found.flags:
            call.print(f"{prefix}{len(hits)}\n")
        elif "l" in found.flags:
            call.print(f"{name}\n" if hits else "")
        else:
            for number, line in hits:
                shown = [piece[0] for piece in expression.finditer(line) if piece[0]] if "o" in found.flags else [line]
                for piece in shown:
                    call.print(f"{prefix}{f'{number}:' if 'n' in found.flags else ''}".encode() + piece + b"\n")
    if failed and not (matched and "q" in found.flags):
        return 2
    return int(not matched)


def _expression(pattern: str, flags: set[str], *, extended: bool) -> re.Pattern[bytes]:
    alternatives = []
    for line in pattern.split("\n"):
        if "F" in flags:
            alternatives.append(re.escape(line))
        elif extended:
            alternatives.append(_classes(line))
        else:  # basic: what is special without a backslash in Python is special with one here
            swapped = re.sub(r"\\?[(){}+?|]", lambda match: match[0][1:] if len(match[0]) > 1 else f"\\{match[0]}", line)
            alternatives.append(_classes(swapped))
    whole = "|".join(f"(?:{one})" for one in alternatives)
    if "x" in flags:
        whole = rf"\A(?:{whole})\Z"
    elif "w" in flags:
        whole = rf"(?<!\w)(?:{whole})(?!\w)"
    return re.compile(whole.encode(), re.IGNORECASE if "i" in flags else 0)


_CLASSES: Mapping[str, str] = {
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "A-Za-z0-9",
    "space": r"\s",
    "upper": "A-Z",
    "lower": "a-z",
}


def _classes(pattern: str) -> str:
    for name, inside in _CLASSES.items():
        pattern = pattern.replace(f"[:{name}:]", inside)
    return pattern


TOOLS: Mapping[str, Filter] = {"egrep": honest(grep), "grep": honest(grep)}
