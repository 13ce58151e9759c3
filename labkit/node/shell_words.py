"""Words of the shell: variables, substitutions, splitting, file names."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping, Sequence

from labkit.node.container_files import FileError, OpaqueError
from labkit.node.process import ExitError, Process, Shell, Streams
from labkit.node.shell_syntax import parse
from labkit.node.shell_tree import Simple, Substitution, Text, Variable, Word


def expand_all(words: Sequence[Word], streams: Streams, shell: Shell) -> Process[list[str]]:
    """What several words become."""
    found: list[str] = []
    for word in words:
        found += yield from fields(word, streams, shell, split=True)
    return found


def fields(word: Word, streams: Streams, shell: Shell, *, split: bool) -> Process[list[str]]:
    """What a word becomes: values put in, and, with `split`, unquoted ones split at blanks and matched against file names."""
    found: list[str] = []
    current: list[tuple[str, bool]] = []
    begun = False

    def finish() -> None:
        nonlocal begun
        if begun or current:
            found.extend(_glob(current, shell) if split else ["".join(text for text, _ in current)])
        current.clear()
        begun = False

    for part in word:
        if isinstance(part, Variable) and part.name == "@" and part.quoted and split:
            for number, argument in enumerate(shell.arguments):
                if number:
                    finish()
                current.append((argument, True))
                begun = True
            continue
        value = yield from _value(part, streams, shell)
        if part.quoted or not split or isinstance(part, Text):
            current.append((value, part.quoted))
            begun = begun or part.quoted or bool(value)
            continue
        pieces = value.split()
        if pieces and value[:1].isspace():
            finish()
        for number, piece in enumerate(pieces):
            if number:
                finish()
            current.append((piece, False))
        if pieces and value[-1:].isspace():
            finish()
    finish()
    return found


def _glob(parts: Sequence[tuple[str, bool]], shell: Shell) -> list[str]:
    plain = "".join(text for text, _ in parts)
    pattern = "".join(_literal(text) if quoted else text for text, quoted in parts)
    if not any(mark in text for text, quoted in parts if not quoted for mark in "*?["):
        return [plain]
    found = [""] if pattern.startswith("/") else [shell.directory.rstrip("/")]
    for step in pattern.strip("/").split("/"):
        found = [f"{parent}/{name}" for parent in found for name in _names(parent or "/", step, shell)]
    if not pattern.startswith("/"):
        found = [path[len(shell.directory.rstrip("/")) + 1 :] for path in found]
    return sorted(found) or [plain]


def _literal(text: str) -> str:
    return "".join(f"[{character}]" if character in "*?[" else character for character in text)


def _names(parent: str, step: str, shell: Shell) -> list[str]:
    try:
        names = shell.container.files.names(parent)
    except (FileError, OpaqueError):
        return []
    return [name for name in names if fnmatch.fnmatchcase(name, step) and (step.startswith(".") or not name.startswith("."))]


def _value(part: Text | Variable | Substitution, streams: Streams, shell: Shell) -> Process[str]:
    if isinstance(part, Text):
        return part.text
    if isinstance(part, Variable):
        value = yield from _variable(part, streams, shell)
        return value
    captured = Streams(b"", bytearray(), streams.err)
    shell.status = yield from shell.capture(part.script, captured, shell)
    return captured.out.decode(errors="surrogateescape").replace("\0", "").rstrip("\n")


def _variable(part: Variable, streams: Streams, shell: Shell) -> Process[str]:
    special: Mapping[str, str] = {
        "?": str(shell.status),
        "#": str(len(shell.arguments)),
        "$": "1",
        "@": " ".join(shell.arguments),
        "*": " ".join(shell.arguments),
        "0": shell.name,
        **{str(number): argument for number, argument in enumerate(shell.arguments, start=1)},
    }
    value = special.get(part.name, shell.variables.get(part.name))
    if part.op == "length":
        return str(len(value or ""))
    if value is None and "u" in shell.options and part.op not in ("-", ":-", "+", ":+"):
        streams.err += f"{shell.name}: {part.name}: parameter not set\n".encode()
        raise ExitError(2)
    empty = value is None or (part.op.startswith(":") and not value)
    if part.op in ("-", ":-", "+", ":+"):
        if empty == part.op.endswith("-"):
            rest = yield from _text(part.rest, streams, shell)
            return rest
        return "" if part.op.endswith("+") else value or ""
    return _cut(value or "", part.op, part.rest)


def _text(text: str, streams: Streams, shell: Shell) -> Process[str]:
    (command,) = parse(f'"{text}"').steps[0][1].commands if text else (Simple((), (), ()),)
    assert isinstance(command, Simple)  # one quoted word is nothing else
    words = yield from expand_all(command.words, streams, shell)
    return "".join(words)


def _cut(value: str, op: str, pattern: str) -> str:
    """`${name#pattern}` and its three siblings: the shortest or longest match off the front or the end."""
    if not op:
        return value
    spans = range(len(value) + 1)
    if op.startswith("#"):
        ends = [end for end in spans if fnmatch.fnmatchcase(value[:end], pattern)]
        return value[(ends[-1] if op == "##" else ends[0]) :] if ends else value
    starts = [start for start in spans if fnmatch.fnmatchcase(value[start:], pattern)]
    return value[: (starts[0] if op == "%%" else starts[-1])] if starts else value
