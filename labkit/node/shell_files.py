"""Commands about files: cat, ls, stat, test, readlink and the like, in busybox's words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from labkit.node.container_files import FileError
from labkit.node.image import GROUPS, USERS
from labkit.node.process import Call
from labkit.node.volumes import Entry

_KINDS: Mapping[str, tuple[str, str]] = {
    "file": ("-", "regular file"),
    "directory": ("d", "directory"),
    "link": ("l", "symbolic link"),
}
_RECENT = timedelta(days=365) / 2


def cat(call: Call) -> int:
    """`cat [-n] FILES`."""
    names = [name for name in call.arguments if name == "-" or not name.startswith("-")] or ["-"]
    code = 0
    for name in names:
        try:
            call.print(call.read(name))
        except FileError as error:
            told = "read error: Is a directory" if str(error) == "Is a directory" else f"can't open '{name}': {error}"
            code = call.complain(told)
    return code


def ls(call: Call) -> int:
    """`ls [-1aAdlLn] FILES`, one name a line, as busybox prints when nobody looks (no terminal)."""
    flags = {flag for argument in call.arguments if argument.startswith("-") for flag in argument[1:]}
    if unknown := flags - set("1aAdlLnFhrp"):
        return call.refuse(f"ls knows no -{min(unknown)} here")
    names = [argument for argument in call.arguments if not argument.startswith("-")] or ["."]
    code = 0
    files: list[tuple[str, Entry]] = []
    directories: list[str] = []
    for name in names:
        path = call.shell.path(name)
        try:
            followed = "L" in flags or ("l" not in flags and "d" not in flags)
            entry = call.files.status(path, follow=followed or name.endswith("/"))
        except FileError as error:
            code = call.complain(f"{name}: {error}")
            continue
        if entry.kind == "directory" and "d" not in flags:
            directories.append(name)
        else:
            files.append((name, entry))
    ordered = sorted(files, key=lambda item: item[0], reverse="r" in flags)
    call.print("".join(_line(call, name, entry, flags) for name, entry in ordered))
    for number, name in enumerate(sorted(directories, reverse="r" in flags)):
        if len(names) > 1:
            call.print(("\n" if files or number else "") + f"{name}:\n")
        code = _list(call, name, flags) or code
    return code


def _list(call: Call, name: str, flags: set[str]) -> int:
    path = call.shell.path(name)
    try:
        children = call.files.names(path)
    except FileError as error:
        return call.complain(f"can't open '{name}': {error}")
    if not flags & {"a", "A"}:
        children = [child for child in children if not child.startswith(".")]
    if "a" in flags:
        children = [".", "..", *children]
    code, lines, blocks = 0, [], 0
    for child in sorted(children, reverse="r" in flags):
        inside = f"{path.rstrip('/')}/{child}"
        try:
            entry = call.files.status(inside, follow="L" in flags)
        except FileError as error:
            code = call.complain(f"{name.rstrip('/')}/{child}: {error}")
            continue
        blocks += _kibibytes(entry)
        lines.append(_line(call, child, entry, flags))
    if flags & {"l", "n"}:
        call.print(f"total {blocks}\n")
    call.print("".join(lines))
    return code


def _kibibytes(entry: Entry) -> int:
    """What an entry takes on disk: whole pages; links and the directories of memory volumes nothing."""
    if entry.kind == "link" or (entry.kind == "directory" and entry.size % 4096):
        return 0
    return -(-entry.size // 4096) * 4


def _line(call: Call, name: str, entry: Entry, flags: set[str]) -> str:
    shown = name
    if "F" in flags or ("p" in flags and entry.kind == "directory"):
        shown += {"directory": "/", "link": "@", "file": "*" if entry.mode & 0o111 else ""}[entry.kind]
    if not flags & {"l", "n"}:
        return f"{shown}\n"
    if entry.kind == "link":
        shown = f"{name} -> {entry.target}"
    user, group = (str(entry.uid), str(entry.gid)) if "n" in flags else (_name(entry.uid, USERS), _name(entry.gid, GROUPS))
    age = call.shell.container.now - entry.modified
    when = entry.modified.strftime("%b %e %H:%M" if timedelta() <= age <= _RECENT else "%b %e  %Y")
    return f"{permissions(entry)} {entry.links:4} {user:8.8} {group:8.8} {entry.size:9} {when} {shown}\n"


def permissions(entry: Entry) -> str:
    """`-rw-r--r--`."""
    letters = [letter if entry.mode >> (8 - place) & 1 else "-" for place, letter in enumerate("rwxrwxrwx")]
    for bit, place, letter in ((0o4000, 2, "s"), (0o2000, 5, "s"), (0o1000, 8, "t")):
        if entry.mode & bit:
            letters[place] = letter if letters[place] == "x" else letter.upper()
    return _KINDS[entry.kind][0] + "".join(letters)


def _name(one: int, names: Mapping[int, str]) -> str:
    return names.get(one, str(one))


def stat(call: Call) -> int:
    """`stat [-L] [-c FORMAT] FILES`."""
    arguments, form, follow = list(call.arguments), None, False
    names: list[str] = []
    while arguments:
        argument = arguments.pop(0)
        if argument.startswith("-") and len(argument) > 1:
            for place, flag in enumerate(argument[1:], start=2):
                if flag == "L":
                    follow = True
                elif flag == "c":
                    form = argument[place:] or (arguments.pop(0) if arguments else "")
                    break
                else:
                    return call.refuse("stat takes -L and -c here")
        else:
            names.append(argument)
    if form is None:
        return call.refuse("stat needs -c FORMAT here")
    code = 0
    for name in names:
        try:
            entry = call.files.status(call.shell.path(name), follow=follow)
        except FileError as error:
            code = call.complain(f"can't stat '{name}': {error}")
            continue
        call.print(_described(form, name, entry) + "\n")
    return code


def _described(form: str, name: str, entry: Entry) -> str:
    kind = _KINDS[entry.kind][1]
    fields: Mapping[str, str] = {
        "a": f"{entry.mode:o}",
        "A": permissions(entry),
        "u": str(entry.uid),
        "g": str(entry.gid),
        "U": USERS.get(entry.uid, "UNKNOWN"),
        "G": GROUPS.get(entry.gid, "UNKNOWN"),
        "n": name,
        "N": f"'{name}' -> '{entry.target}'" if entry.kind == "link" else f"'{name}'",
        "s": str(entry.size),
        "h": str(entry.links),
        "F": "regular empty file" if kind == "regular file" and not entry.size else kind,
        "Y": str(int(entry.modified.timestamp())),
        "y": entry.modified.strftime("%Y-%m-%d %H:%M:%S.%f000 +0000"),
        "%": "%",
    }
    out, at = "", 0
    while at < len(form):
        if form[at] == "%" and form[at + 1 : at + 2] in fields:
            out, at = out + fields[form[at + 1]], at + 2
        else:
            out, at = out + form[at], at + 1
    return out


def readlink(call: Call) -> int:
    """`readlink [-f] [-n] FILE`."""
    flags = {flag for argument in call.arguments if argument.startswith("-") for flag in argument[1:]}
    names = [argument for argument in call.arguments if not argument.startswith("-")]
    code = 0
    for name in names:
        path = call.shell.path(name)
        try:
            if "f" in flags or call.name == "realpath":
                found = _canonical(call, path)
            else:
                entry = call.files.status(path, follow=False)
                if entry.kind != "link":
                    raise FileError("Invalid argument")
                found = entry.target
        except FileError as error:
            code = call.complain(f"{name}: {error}") if call.name == "realpath" else 1
            continue
        call.print(found + ("" if "n" in flags else "\n"))
    return code


def _canonical(call: Call, path: str) -> str:
    """The path without links; its last element may be missing."""
    try:
        return call.files.canonical(path)
    except FileError:
        parent, _, name = path.rstrip("/").rpartition("/")
        above = call.files.canonical(parent or "/")
        if call.files.status(above).kind != "directory":
            raise
        return f"{above.rstrip('/')}/{name}"


def basename(call: Call) -> int:
    """`basename PATH [SUFFIX]`."""
    name = call.arguments[0].rstrip("/").rpartition("/")[2] if call.arguments else ""
    suffix = call.arguments[1] if len(call.arguments) > 1 else ""
    call.print(f"{name.removesuffix(suffix) if name != suffix else name}\n")
    return 0


def dirname(call: Call) -> int:
    """`dirname PATH`."""
    parent, slash, _ = (call.arguments[0] if call.arguments else "").rstrip("/").rpartition("/")
    call.print(f"{parent or slash or '.'}\n")
    return 0


def touch(call: Call) -> int:
    """`touch FILES`, `rm FILES` and the like: refused, by a read-only volume where there is one."""
    names = [argument for argument in call.arguments if not argument.startswith("-")]
    code = 0
    for name in names:
        if not call.files.read_only(call.shell.path(name)):
            return call.refuse(f"{call.name} would write, and nothing is written here")
        shown = f"can't remove '{name}'" if call.name == "rm" else name
        code = call.complain(f"{shown}: Read-only file system")
    return code


TOOLS: Mapping[str, Callable[[Call], int]] = {
    "basename": basename,
    "cat": cat,
    "dirname": dirname,
    "ls": ls,
    "readlink": readlink,
    "realpath": readlink,
    "rm": touch,
    "stat": stat,
    "touch": touch,
}
