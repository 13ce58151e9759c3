"""The small shell that stands in for a container: it reads what a Pod's process could read, and says so when asked for more.

A running command is a generator, like a rule: it yields what it needs from outside (`Fetch`, `Pause`), is sent the answers, and returns
its exit code. What it prints is what busybox (1.35) and curl in the lessons' image print.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from labkit.node import shell_builtins, shell_curl, shell_files, shell_grep, shell_test, shell_text
from labkit.node.container_files import FileError, OpaqueError
from labkit.node.image import program
from labkit.node.process import HELP, NOT_FOUND, Call, CommandNotFoundError, Container, ExitError, Process, Shell, Streams, Tool
from labkit.node.shell_syntax import SyntaxRefusedError, parse
from labkit.node.shell_tree import Command, For, Group, If, Pipeline, Redirection, Script, Simple
from labkit.node.shell_words import expand_all, fields

MAX_STEPS = 100_000  # of a script, so that none keeps the server for itself


def execute(command: Sequence[str], container: Container, stdin: bytes, streams: Streams) -> Process[int]:
    """Run a command as `kubectl exec` does: no shell unless one is named. Returns the exit code.

    Raises:
        CommandNotFoundError: the image has no such program.
    """
    streams.stdin = stdin
    shell = Shell(container, _capture, directory=container.directory, tools=TOOLS)
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
    shell = replace(
        call.shell,
        name=name,
        variables=inherited,
        exported=set(inherited),
        arguments=tuple(arguments),
        status=0,
        options=frozenset(options),
    )
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


def _capture(script: Script, streams: Streams, shell: Shell) -> Process[int]:
    code = yield from _isolated(Group(script, subshell=False), streams, shell)
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
            words = yield from expand_all(command.words, streams, shell)
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
    words = yield from expand_all(command.words, streams, shell)
    values: dict[str, str] = {}
    for name, word in command.assignments:
        values[name] = "".join((yield from fields(word, streams, shell, split=False)))
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
        (target,) = (yield from fields(redirection.target, streams, shell, split=False)) or [""]
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


TOOLS: Mapping[str, Tool] = {
    **shell_builtins.TOOLS,
    **shell_files.TOOLS,
    **shell_grep.TOOLS,
    **shell_test.TOOLS,
    **shell_text.TOOLS,
    "ash": run_shell,
    "curl": shell_curl.curl,
    "sh": run_shell,
}
