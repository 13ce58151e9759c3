"""The shell's own commands and those about the process: variables, identity, environment."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from labkit.node.container_files import FileError
from labkit.node.image import GROUPS, USERS, program
from labkit.node.process import Call, ExitError, Pause, Process
from labkit.node.shell_syntax import NAME


def true(_call: Call) -> int:
    """Success."""
    return 0


def false(_call: Call) -> int:
    """Failure."""
    return 1


def echo(call: Call) -> int:
    """`echo [-n] [-e] WORDS`."""
    words = list(call.arguments)
    newline, escapes = True, False
    while words and words[0].startswith("-") and words[0][1:] and set(words[0][1:]) <= set("neE"):
        flags = words.pop(0)
        newline, escapes = newline and "n" not in flags, escapes or "e" in flags
    text = " ".join(words)
    call.print((unescape(text) if escapes else text) + ("\n" if newline else ""))
    return 0


def printf(call: Call) -> int:
    """`printf FORMAT WORDS`, with %s, %d, %b and %%."""
    if not call.arguments:
        return call.complain("usage: printf FORMAT [ARG]...")
    form, *words = call.arguments
    form = unescape(form)
    while True:
        text, used = _formatted(form, words)
        call.print(text)
        words = words[used:]
        if not words or not used:
            return 0


def _formatted(form: str, words: list[str]) -> tuple[str, int]:
    out, used, at = "", 0, 0
    while at < len(form):
        if form[at] != "%" or at + 1 >= len(form):
            out, at = out + form[at], at + 1
            continue
        end = at + 1
        while end < len(form) - 1 and form[end] in "-0123456789.":
            end += 1
        flags, kind = form[at + 1 : end], form[end]
        at = end + 1
        if kind == "%":
            out += "%"
            continue
        word = words[used] if used < len(words) else ""
        used += 1
        value: str | int = unescape(word) if kind == "b" else int(word or 0) if kind in "dioux" else word
        out += f"%{flags}{'s' if kind in 'bs' else kind}" % value
    return out, used


def unescape(text: str) -> str:
    r"""Backslash escapes as echo -e and printf read them: `\n`, `\t`, `\\`, `\0NNN`, `\xNN`."""
    simple = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "a": "\a", "b": "\b", "e": "\x1b", "f": "\f", "v": "\v", '"': '"'}
    out, at = "", 0
    while at < len(text):
        following = text[at + 1 : at + 2]
        if text[at] != "\\" or not following:
            out, at = out + text[at], at + 1
        elif following in simple:
            out, at = out + simple[following], at + 2
        else:
            base, digits = (16, "0123456789abcdefABCDEF") if following == "x" else (8, "01234567")
            end = at + 2 if following in "x0" else at + 1
            start = end
            while end < len(text) and text[end] in digits and end - start < (2 if base == 16 else 3):
                end += 1
            if following == "0" or end > start:
                out, at = out + chr(int(text[start:end] or "0", base) & 255), end
            else:
                out, at = out + text[at], at + 1
    return out


def cd(call: Call) -> int:
    """Change the directory."""
    target = call.arguments[0] if call.arguments else call.shell.variables.get("HOME", "/")
    path = call.shell.path(target)
    try:
        if call.files.status(path).kind != "directory":
            raise FileError("Not a directory")
    except FileError:
        call.streams.err += f"{call.shell.name}: cd: can't cd to {target}: No such file or directory\n".encode()
        return 1
    call.shell.directory = call.files.canonical(path)
    call.shell.variables["PWD"] = call.shell.directory
    return 0


def pwd(call: Call) -> int:
    """Print the directory."""
    call.print(f"{call.shell.directory}\n")
    return 0


def end(call: Call) -> int:
    """`exit [CODE]`."""
    raise ExitError(int(call.arguments[0]) & 255 if call.arguments else call.shell.status)


def export(call: Call) -> int:
    """`export NAME[=VALUE]`."""
    for argument in call.arguments:
        name, equals, value = argument.partition("=")
        if not NAME.fullmatch(name):
            return call.complain(f"{argument}: bad variable name")
        if equals:
            call.shell.variables[name] = value
        call.shell.exported.add(name)
    return 0


def unset(call: Call) -> int:
    """Forget variables."""
    for name in call.arguments:
        call.shell.variables.pop(name, None)
        call.shell.exported.discard(name)
    return 0


def set_options(call: Call) -> int:
    """`set -e`, `set -u`, `set -o pipefail` and their opposites; without arguments all variables."""
    if not call.arguments:
        call.print("".join(f"{name}='{value}'\n" for name, value in sorted(call.shell.variables.items())))
        return 0
    options = set(call.shell.options)
    arguments = list(call.arguments)
    while arguments:
        argument = arguments.pop(0)
        change = options.add if argument.startswith("-") else options.discard
        for flag in argument[1:]:
            if flag == "o" and arguments:
                name = arguments.pop(0)
                change({"errexit": "e", "nounset": "u"}.get(name, name))
            elif flag in "eu":
                change(flag)
            elif flag != "x":
                return call.complain(f"illegal option {argument}")
    call.shell.options = frozenset(options)
    return 0


def env(call: Call) -> int:
    """`env`: the environment. In a shell it is printed in that shell's order, else as the container got it."""
    if call.arguments:
        return call.refuse("env runs no commands here")
    call.print("".join(f"{name}={value}\n" for name, value in environment(call)))
    return 0


def environment(call: Call) -> list[tuple[str, str]]:
    """The environment that a program started here gets."""
    in_shell = "SHLVL" in call.shell.variables
    return call.shell.environment() if in_shell else list(call.shell.container.environment)


def user_id(call: Call) -> int:
    """`id`, `id -u`, `id -g`, `id -G`, each with `-n` for names."""
    flags = {flag for argument in call.arguments if argument.startswith("-") for flag in argument[1:]}
    if [argument for argument in call.arguments if not argument.startswith("-")]:
        return call.refuse("id knows only the container's own user")
    who = call.files.identity
    if not flags:
        groups = ",".join(_named(group, GROUPS) for group in who.groups)
        call.print(f"uid={_named(who.uid, USERS)} gid={_named(who.gid, GROUPS)}{f' groups={groups}' if groups else ''}\n")
        return 0
    if "u" in flags:
        return _print_ids(call, (who.uid,), USERS, flags)
    return _print_ids(call, (who.gid,) if "g" in flags else who.groups, GROUPS, flags)


def _print_ids(call: Call, ids: tuple[int, ...], names: Mapping[int, str], flags: set[str]) -> int:
    shown = []
    code = 0
    for one in ids:
        if "n" in flags and one not in names:
            code = call.complain(f"unknown ID {one}")
        shown.append(names.get(one, str(one)) if "n" in flags else str(one))
    call.print(" ".join(shown) + "\n")
    return code


def _named(one: int, names: Mapping[int, str]) -> str:
    return f"{one}({names[one]})" if one in names else str(one)


def whoami(call: Call) -> int:
    """The user's name."""
    uid = call.files.identity.uid
    if uid not in USERS:
        return call.complain(f"unknown uid {uid}")
    call.print(f"{USERS[uid]}\n")
    return 0


def hostname(call: Call) -> int:
    """The container's host name: the Pod's name."""
    call.print(f"{call.shell.container.hostname}\n")
    return 0


def date(call: Call) -> int:
    """`date [-u] [-I…] [+FORMAT]`, in UTC, as the container's clock has it: the cluster's."""
    form = "%a %b %e %H:%M:%S UTC %Y"
    for argument in call.arguments:
        if argument.startswith("+"):
            form = argument[1:]
        elif argument.startswith("-I"):
            form = "%Y-%m-%d" if argument == "-I" else "%Y-%m-%dT%H:%M:%S+00:00"
        elif argument != "-u":
            return call.refuse("date takes -u, -I and +FORMAT here")
    now = call.shell.container.now
    form = form.replace("%s", str(int(now.timestamp()))).replace("%e", f"{now.day:2}")
    call.print(now.strftime(form) + "\n")
    return 0


def sleep(call: Call) -> Process[int]:
    """`sleep SECONDS`."""
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    total = 0.0
    for argument in call.arguments:
        number, unit = (argument[:-1], argument[-1]) if argument[-1:] in units else (argument, "s")
        try:
            total += float(number) * units[unit]
        except ValueError:
            return call.complain(f"invalid number '{argument}'")
    yield Pause(total)
    return 0


def command(call: Call) -> int:
    """`command -v NAME`, `which NAME`: where a program is."""
    names = [name for name in call.arguments if not name.startswith("-")]
    code = 0
    for name in names:
        found = program(name) or (f"/bin/{name}" if name in call.shell.tools and call.name == "command" else None)
        if found is None:
            code = 127 if call.name == "command" else 1
        else:
            call.print(f"{found if call.name == 'which' or name == 'curl' else name}\n")
    return code


TOOLS: Mapping[str, Callable[[Call], int | Process[int]]] = {
    ":": true,
    "cd": cd,
    "command": command,
    "date": date,
    "echo": echo,
    "env": env,
    "exit": end,
    "export": export,
    "false": false,
    "hostname": hostname,
    "id": user_id,
    "printf": printf,
    "pwd": pwd,
    "set": set_options,
    "sleep": sleep,
    "true": true,
    "unset": unset,
    "which": command,
    "whoami": whoami,
}
