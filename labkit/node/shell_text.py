"""Filters: head, tail, wc, cut, tr, base64, grep, sort, uniq and checksums, in busybox's words."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from labkit.node.container_files import FileError
from labkit.node.process import Call
from labkit.node.shell_builtins import unescape


class Options(NamedTuple):
    """A command line, taken apart: flags, options with their values, and the rest."""

    flags: set[str]
    values: dict[str, str]
    names: list[str]


class UnknownOptionError(Exception):
    """An option that this node's version of a command does not know."""


def options(call: Call, flags: str, valued: str = "") -> Options:
    """The command line by getopt's rules; a number alone (`-5`) is `-n`'s value.

    Raises:
        UnknownOptionError: neither in `flags` nor in `valued`.
    """
    found = Options(set(), {}, [])
    words = list(call.arguments)
    while words:
        word = words.pop(0)
        if word == "--":
            found.names.extend(words)
            break
        if not word.startswith("-") or word == "-":
            found.names.append(word)
            continue
        if word[1:].isdigit() and "n" in valued:
            found.values["n"] = word[1:]
            continue
        for place, flag in enumerate(word[1:], start=2):
            if flag in valued:
                found.values[flag] = word[place:] or (words.pop(0) if words else "")
                break
            if flag not in flags:
                raise UnknownOptionError(flag)
            found.flags.add(flag)
    return found


Filter = Callable[[Call], int]


def honest(tool: Filter) -> Filter:
    """Have an unknown option refused instead of guessed."""

    def run(call: Call) -> int:
        try:
            return tool(call)
        except UnknownOptionError as error:
            return call.refuse(f"{call.name} knows no -{error} here")

    return run


def inputs_of(call: Call, names: list[str], opening: str = "{name}: {error}") -> tuple[list[tuple[str, bytes]], int]:
    """What there is to read, by name, and 1 if something could not be read (which has been said)."""
    found, code = [], 0
    for name in names or ["-"]:
        try:
            found.append((name, call.read(name)))
        except FileError as error:
            code = call.complain(f"{name}: {error}" if str(error) == "Is a directory" else opening.format(name=name, error=error))
    return found, code


def lines_of(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    return lines[:-1] if lines[-1] == b"" else lines


def head(call: Call) -> int:
    """`head [-n N] [-c N] FILES`."""
    found = options(call, "qv", "nc")
    inputs, code = inputs_of(call, found.names)
    for number, (name, data) in enumerate(inputs):
        if len(found.names) > 1:
            call.print(("\n" if number else "") + f"==> {name} <==\n")
        if "c" in found.values:
            call.print(data[: int(found.values["c"])])
        else:
            call.print(b"".join(data.splitlines(keepends=True)[: int(found.values.get("n", "10"))]))
    return code


def tail(call: Call) -> int:
    """`tail [-n N] [-c N] FILES`; `+N` counts from the start."""
    found = options(call, "q", "nc")
    inputs, code = inputs_of(call, found.names, "can't open '{name}': {error}")
    for _, data in inputs:
        amount = found.values.get("c", found.values.get("n", "10"))
        pieces = [data[place : place + 1] for place in range(len(data))] if "c" in found.values else data.splitlines(keepends=True)
        count = int(amount.lstrip("+-"))
        kept = pieces[max(count - 1, 0) :] if amount.startswith("+") else pieces[len(pieces) - min(count, len(pieces)) :]
        call.print(b"".join(kept))
    if not inputs:
        call.complain("no files")
    return code


def wc(call: Call) -> int:
    """`wc [-clw] FILES`."""
    found = options(call, "clw")
    wanted = [kind for kind in "lwc" if kind in (found.flags or set("lwc"))]
    totals = dict.fromkeys(wanted, 0)

    def show(counts: Mapping[str, int], name: str) -> None:
        numbers = str(counts[wanted[0]]) if len(wanted) == 1 else " ".join(f"{counts[kind]:9}" for kind in wanted)
        call.print(numbers + (f" {name}" if name != "-" else "") + "\n")

    inputs, code = inputs_of(call, found.names)
    for name, data in inputs:
        counts = {"l": data.count(b"\n"), "w": len(data.split()), "c": len(data)}
        totals = {kind: totals[kind] + counts[kind] for kind in wanted}
        show(counts, name)
    if len(found.names) > 1:
        show(totals, "total")
    return code


def cut(call: Call) -> int:
    """`cut -d C -f LIST`, `cut -c LIST`, `cut -b LIST`; `-s` drops lines without the delimiter."""
    found = options(call, "s", "dfcb")
    listed = found.values.get("f") or found.values.get("c") or found.values.get("b")
    if not listed:
        return call.complain("expected a list of bytes, characters, or fields")
    spans = [_span(part) for part in listed.split(",")]
    delimiter = (found.values.get("d") or "\t").encode()
    inputs, code = inputs_of(call, found.names)
    for _, data in inputs:
        for line in lines_of(data):
            if "f" not in found.values:
                pieces, glue = [line[place : place + 1] for place in range(len(line))], b""
            elif delimiter in line:
                pieces, glue = line.split(delimiter), delimiter
            elif "s" in found.flags:
                continue
            else:
                call.print(line + b"\n")
                continue
            chosen = [piece for place, piece in enumerate(pieces, start=1) if any(first <= place <= last for first, last in spans)]
            call.print(glue.join(chosen) + b"\n")
    return code


def _span(part: str) -> tuple[int, float]:
    first, dash, last = part.partition("-")
    return int(first or "1"), (int(last) if last else float("inf")) if dash else int(first)


def tr(call: Call) -> int:
    """`tr [-dsc] SET1 [SET2]`."""
    found = options(call, "dscC")
    if not found.names:
        return call.complain("usage: tr [-cds] STRING1 [STRING2]")
    first = _set(found.names[0])
    if found.flags & {"c", "C"}:
        first = [chr(code) for code in range(256) if chr(code) not in first]
    second = _set(found.names[1]) if len(found.names) > 1 else []
    if second:
        second += [second[-1]] * (len(first) - len(second))
    mapping = dict(zip(first, second, strict=False)) if second else {}
    squeezed = set(second or first) if "s" in found.flags else set()
    out: list[str] = []
    for character in call.streams.stdin.decode("latin-1"):
        if "d" in found.flags and character in first:
            continue
        new = mapping.get(character, character)
        if not (new in squeezed and out and out[-1] == new):
            out.append(new)
    call.print("".join(out).encode("latin-1"))
    return 0


def _set(text: str) -> list[str]:
    classes = {
        "[:upper:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        "[:lower:]": "abcdefghijklmnopqrstuvwxyz",
        "[:digit:]": "0123456789",
        "[:space:]": "\t\n\v\f\r ",
        "[:alpha:]": "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
        "[:alnum:]": "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    }
    found: list[str] = []
    at = 0
    while at < len(text):
        name = next((name for name in classes if text.startswith(name, at)), None)
        if name:
            found += classes[name]
            at += len(name)
        elif text[at + 1 : at + 2] == "-" and at + 2 < len(text):
            found += [chr(code) for code in range(ord(text[at]), ord(text[at + 2]) + 1)]
            at += 3
        else:
            length = 2 if text[at] == "\\" and at + 1 < len(text) else 1
            found += unescape(text[at : at + length])
            at += length
    return found


def base64_(call: Call) -> int:
    """`base64 [-d] [-w N] FILE`."""
    found = options(call, "d", "w")
    for _, data in inputs_of(call, found.names)[0]:
        if "d" in found.flags:
            return _decode(call, data)
        text = base64.b64encode(data).decode()
        width = int(found.values.get("w", "76"))
        lines = [text[start : start + width] for start in range(0, len(text), width)] if width else [text]
        call.print("\n".join(lines) + ("\n" if width else ""))
        return 0
    return 1


def _decode(call: Call, data: bytes) -> int:
    """Decode up to the first character that does not belong; what does not fill three bytes is cut off, with a complaint."""
    kept = b"".join(data.split())
    match = re.match(rb"[A-Za-z0-9+/]*={0,2}", kept)
    good = match[0] if match else b""
    whole = good[: len(good) // 4 * 4]
    with contextlib.suppress(binascii.Error):
        call.print(base64.b64decode(whole))
    return 0 if whole == kept else call.complain("truncated input")


def sort(call: Call) -> int:
    """`sort [-nru] FILES`."""
    found = options(call, "nru")
    lines: list[bytes] = []
    inputs, failed = inputs_of(call, found.names)
    if failed:
        return 2
    for _, data in inputs:
        lines += lines_of(data)
    if "n" in found.flags:
        lines.sort()
        lines.sort(key=lambda line: float(match[0]) if (match := re.match(rb"\s*-?\d+(\.\d+)?", line)) else 0.0, reverse="r" in found.flags)
    else:
        lines.sort(reverse="r" in found.flags)
    if "u" in found.flags:
        lines = list(dict.fromkeys(lines))
    call.print(b"".join(line + b"\n" for line in lines))
    return 0


def uniq(call: Call) -> int:
    """`uniq [-c]`."""
    found = options(call, "c")
    runs: list[tuple[bytes, int]] = []
    inputs, code = inputs_of(call, found.names)
    for _, data in inputs:
        for line in lines_of(data):
            if runs and runs[-1][0] == line:
                runs[-1] = (line, runs[-1][1] + 1)
            else:
                runs.append((line, 1))
    call.print(b"".join((f"{count:7} ".encode() if "c" in found.flags else b"") + line + b"\n" for line, count in runs))
    return code


def checksum(call: Call) -> int:
    """`md5sum FILES`, `sha256sum FILES`."""
    found = options(call, "")
    inputs, code = inputs_of(call, found.names, "can't open '{name}': {error}")
    for name, data in inputs:
        digest = hashlib.new(call.name.removesuffix("sum"), data, usedforsecurity=False)
        call.print(f"{digest.hexdigest()}  {name}\n")
    return code


TOOLS: Mapping[str, Filter] = {
    name: honest(tool)
    for name, tool in {
        "base64": base64_,
        "cut": cut,
        "head": head,
        "md5sum": checksum,
        "sha1sum": checksum,
        "sha256sum": checksum,
        "sort": sort,
        "tail": tail,
        "tr": tr,
        "uniq": uniq,
        "wc": wc,
    }.items()
}
