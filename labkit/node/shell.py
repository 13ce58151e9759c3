"""The small shell that stands in for a container: it reads what a Pod's process could read, and says so when asked for more.

A running command is a generator, like a rule: it yields what it needs from outside (`Fetch`, `Pause`), is sent the answers, and returns
its exit code. What it prints is what busybox (1.35) and curl in the lessons' image print.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from labkit.node.container_files import ContainerFiles, FileError, OpaqueError
from labkit.node.image import program
from labkit.node.shell_syntax import (
    Command,
    For,
    Group,
    If,
    Pipeline,
    Redirection,
    Script,
    Simple,
    Substitution,
    SyntaxRefusedError,
    Text,
    Variable,
    Word,
    parse,
)

T = TypeVar("T")
HELP = "This node runs no images: labkit shows a Pod's files and lets them talk to the API. A real cluster runs the rest (CLUSTER=kind)."
NOT_SERVED, NOT_FOUND = 126, 127
MAX_STEPS = 100_000  # of a script, so that none keeps the server for itself


@dataclass(frozen=True, slots=True)
class Fetch:
    """A request to the cluster's API, over TLS that has been checked already."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The API's answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait `seconds`."""

    seconds: float


Process: TypeAlias = Generator[Fetch | Pause, Any, T]


@dataclass(frozen=True, slots=True)
class Container:
    """Where a command runs: the container's files and environment, its name on the network, and what it knows of the API.

    `api_hosts` are the names and addresses under which the API is reached, each with its port; `api_ca` signs its certificate.
    """

    files: ContainerFiles
    environment: tuple[tuple[str, str], ...]
    hostname: str
    now: datetime
    api_hosts: frozenset[str]
    api_ca: str
    directory: str = "/"


@dataclass(slots=True)
class Streams:
    """What a command reads and where it prints."""

    stdin: bytes = b""
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)


class CommandNotFoundError(Exception):
    """The image has no such program: the container's runtime says so, not the container."""


class ExitError(Exception):
    """The script ends here."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class Shell:
    """One running shell: its variables, its directory, the last command's exit code."""

    container: Container
    name: str = "sh"
    variables: dict[str, str] = field(default_factory=dict)
    exported: set[str] = field(default_factory=set)
    arguments: tuple[str, ...] = ()
    directory: str = "/"
    status: int = 0
    options: frozenset[str] = frozenset()
    steps: int = 0

    def path(self, name: str) -> str:
        """An absolute path for a name that was given."""
        return name if name.startswith("/") else f"{self.directory.rstrip('/')}/{name}"

    def environment(self) -> list[tuple[str, str]]:
        """The exported variables, in the order in which this shell's own table holds them."""
        return [(name, value) for name, value in sorted(self.variables.items(), key=lambda item: _bucket(item[0])) if name in self.exported]


@dataclass(frozen=True, slots=True)
class Call:
    """A command with its arguments, as a tool gets it."""

    name: str
    arguments: Sequence[str]
    streams: Streams
    shell: Shell

    @property
    def files(self) -> ContainerFiles:
        """The container's files."""
        return self.shell.container.files

    def print(self, text: str | bytes) -> None:
        """Write to standard output."""
        self.streams.out += text.encode() if isinstance(text, str) else text

    def complain(self, text: str) -> int:
        """Write a line to standard error, with the tool's name in front; returns 1."""
        self.streams.err += f"{self.name}: {text}\n".encode()
        return 1

    def refuse(self, what: str) -> int:
        """Say honestly that this is beyond the node's shell; returns the exit code for that."""
        self.streams.err += f"labkit: {what}. {HELP}\n".encode()
        return NOT_SERVED

    def read(self, name: str) -> bytes:
        """A file's bytes; `-` is standard input.

        Raises:
            FileError: there is none to read.
        """
        return self.streams.stdin if name == "-" else self.files.read(self.shell.path(name))


def execute(command: Sequence[str], container: Container, stdin: bytes, streams: Streams) -> Process[int]:
    """Run a command as `kubectl exec` does: no shell unless one is named. Returns the exit code.

    Raises:
        CommandNotFoundError: the image has no such program.
    """
    streams.stdin = stdin
    shell = Shell(container, directory=container.directory)
    if program(command[0]) is None:
        raise CommandNotFoundError(command[0])
    shell.variables = dict(container.environment)
    shell.exported = set(shell.variables)
    call = Call(command[0].rpartition("/")[2], command[1:], streams, shell)
    if call.name in ("sh", "ash"):
        code = yield from run_shell(Call(command[0], command[1:], streams, shell))
    else:
        code = yield from _tool(call)
    return code


def run_shell(call: Call) -> Process[int]:
    """`sh -c SCRIPT [NAME [ARGUMENT…]]`, or `sh` with the script as its standard input."""
    arguments = list(call.arguments)
    options: set[str] = set()
    text: str | None = None
    while arguments and arguments[0].startswith("-") and len(arguments[0]) > 1:
        flags = arguments.pop(0)[1:]
        options |= {flag for flag in flags if flag in "eu"}
        if "c" in flags:
            if not arguments:
                return _complain(call, "-c requires an argument", 2)
            text = arguments.pop(0)
            break
    name = call.name
    if text is not None and arguments:
        name = arguments.pop(0)
    elif text is None and arguments:
        return call.refuse("scripts from files are not run here")
    if text is None:
        text = call.streams.stdin.decode(errors="replace")
        call.streams.stdin = b""
    inherited = dict(call.shell.environment()) if call.shell.steps else dict(call.shell.variables)
    shell = Shell(call.shell.container, name, inherited, set(inherited), tuple(arguments), call.shell.directory, options=frozenset(options))
    shell.steps = call.shell.steps
    shell.variables |= {"PWD": shell.directory, "SHLVL": str(int(inherited.get("SHLVL", "0") or 0) + 1)}
    shell.exported |= {"PWD", "SHLVL"}
    try:
        code = yield from _script(parse(text), call.streams, shell)
    except SyntaxRefusedError as error:
        return _complain(call, str(error), 2)
    except ExitError as end:
        return end.code
    return code


def _complain(call: Call, text: str, code: int) -> int:
    call.complain(text)
    return code


def _script(script: Script, streams: Streams, shell: Shell, *, tested: bool = False) -> Process[int]:
    """Run a script. `tested`: its outcome decides something, so that a failure ends nothing (`set -e`)."""
    for number, (operator, pipeline) in enumerate(script.steps):
        if (operator == "&&" and shell.status) or (operator == "||" and not shell.status):
            continue
        following = script.steps[number + 1][0] if number + 1 < len(script.steps) else ";"
        free = tested or pipeline.negated or following != ";"
        shell.status = yield from _pipeline(pipeline, streams, shell, tested=free)
        if shell.status and "e" in shell.options and not free:
            raise ExitError(shell.status)
    return shell.status


def _pipeline(pipeline: Pipeline, streams: Streams, shell: Shell, *, tested: bool) -> Process[int]:
    shell.steps += 1
    if shell.steps > MAX_STEPS:
        raise SyntaxRefusedError(f"labkit: stopped after {MAX_STEPS} commands")
    *firsts, last = pipeline.commands
    data, codes = streams.stdin, []
    for command in firsts:
        part = Streams(data, bytearray(), streams.err)
        codes.append((yield from _isolated(command, part, shell)))
        data = bytes(part.out)
    if firsts:
        piped = Streams(data, streams.out, streams.err)
        codes.append((yield from _isolated(last, piped, shell)))
    else:
        codes.append((yield from _command(last, streams, shell, tested=tested)))
    code = codes[-1]
    if "pipefail" in shell.options:
        code = next((one for one in reversed(codes) if one), 0)
    return int(not code) if pipeline.negated else code


def _isolated(command: Command, streams: Streams, shell: Shell) -> Process[int]:
    """Run a command in a shell of its own: what it sets is lost."""
    inner = replace(shell, variables=dict(shell.variables), exported=set(shell.exported))
    try:
        code = yield from _command(command, streams, inner, tested=False)
    except ExitError as end:
        code = end.code
    shell.steps = inner.steps
    return code


def _command(command: Command, streams: Streams, shell: Shell, *, tested: bool) -> Process[int]:
    match command:
        case Simple():
            code = yield from _simple(command, streams, shell)
            return code
        case If():
            outcome = yield from _script(command.condition, streams, shell, tested=True)
            shell.status = 0
            code = yield from _script(command.otherwise if outcome else command.then, streams, shell, tested=tested)
            return code
        case For():
            words = yield from _expand_all(command.words, streams, shell)
            shell.status = 0
            for word in words:
                shell.variables[command.name] = word
                yield from _script(command.body, streams, shell, tested=tested)
            return shell.status
    redirected = yield from _redirect(command.redirections, streams, shell)
    if isinstance(redirected, int):
        return redirected
    if command.subshell:
        code = yield from _isolated(replace(command, subshell=False, redirections=()), redirected, shell)
        return code
    code = yield from _script(command.body, redirected, shell, tested=tested)
    return code


def _simple(command: Simple, streams: Streams, shell: Shell) -> Process[int]:
    shell.status = 0 if not command.words else shell.status
    words = yield from _expand_all(command.words, streams, shell)
    values: dict[str, str] = {}
    for name, word in command.assignments:
        values[name] = "".join((yield from _fields(word, streams, shell, split=False)))
    redirected = yield from _redirect(command.redirections, streams, shell)
    if isinstance(redirected, int):
        return redirected
    if not words:
        shell.variables |= values
        return shell.status
    inner = shell
    if values:
        inner = replace(shell, variables={**shell.variables, **values}, exported=shell.exported | set(values))
    code = yield from _tool(Call(words[0], words[1:], redirected, inner))
    shell.steps = inner.steps
    return code


def _tool(call: Call) -> Process[int]:
    """Run a built-in or a program."""
    from labkit.node.shell_tools import TOOLS  # the tools need this module's types

    name = call.name.rpartition("/")[2]
    tool = TOOLS.get(name) if "/" not in call.name or program(call.name) else None
    if tool is None:
        if program(call.name) is None and name not in TOOLS:
            call.streams.err += f"{call.shell.name}: {call.name}: not found\n".encode()
            return NOT_FOUND
        return call.refuse(f"no {name} here")
    try:
        result = tool(replace(call, name=name))
        code = result if isinstance(result, int) else (yield from result)
    except OpaqueError as place:
        return call.refuse(f"{place} is not shown here")
    return code


def _redirect(redirections: Sequence[Redirection], streams: Streams, shell: Shell) -> Process[Streams | int]:
    """The streams after the redirections, or the exit code of one that failed."""
    for redirection in redirections:
        (target,) = (yield from _fields(redirection.target, streams, shell, split=False)) or [""]
        if not redirection.write:
            try:
                streams = Streams(shell.container.files.read(shell.path(target)), streams.out, streams.err)
            except FileError as error:
                streams.err += f"{shell.name}: can't open {target}: {_lowered(error)}\n".encode()
                return 1
            continue
        sink = {"/dev/null": bytearray(), "&1": streams.out, "&2": streams.err}.get(target)
        if sink is None:
            streams.err += _cannot_write(shell, target).encode()
            return 1
        streams = replace(streams, out=sink) if redirection.stream == 1 else replace(streams, err=sink)
    return streams


def _cannot_write(shell: Shell, target: str) -> str:
    if shell.container.files.read_only(shell.path(target)):
        return f"{shell.name}: can't create {target}: Read-only file system\n"
    return f"labkit: writing files ({target}) is not supported here. {HELP}\n"


def _lowered(error: FileError) -> str:
    return "no such file" if str(error) == "No such file or directory" else str(error)


def _expand_all(words: Sequence[Word], streams: Streams, shell: Shell) -> Process[list[str]]:
    found: list[str] = []
    for word in words:
        found += yield from _fields(word, streams, shell, split=True)
    return found


def _fields(word: Word, streams: Streams, shell: Shell, *, split: bool) -> Process[list[str]]:
    """What a word becomes: values put in, and, with `split`, unquoted ones split at blanks and matched against file names."""
    fields: list[str] = []
    current: list[tuple[str, bool]] = []
    begun = False

    def finish() -> None:
        nonlocal begun
        if begun or current:
            fields.extend(_glob(current, shell) if split else ["".join(text for text, _ in current)])
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
    return fields


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
    group = Group(part.script, subshell=False)
    shell.status = yield from _isolated(group, captured, shell)
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
    words = yield from _expand_all(command.words, streams, shell)
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


def _bucket(name: str) -> int:
    """Where busybox's ash keeps a variable: its table has 39 places, and `env` prints them in turn."""
    return (ord(name[0]) * 16 + sum(map(ord, name))) % 39
