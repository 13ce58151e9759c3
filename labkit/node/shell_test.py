"""`test` and `[`: conditions about files, strings and numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from labkit.node.container_files import READ, SEARCH, FileError
from labkit.node.process import Call
from labkit.node.volumes import Entry

WRITE = 2


def test(call: Call) -> int:
    """`test EXPRESSION`, `[ EXPRESSION ]`: files, strings, numbers, `!`, `-a`, `-o`."""
    words = list(call.arguments)
    if call.name == "[" and (not words or words.pop() != "]"):
        call.streams.err += b"sh: missing ]\n"
        return 2
    try:
        return 1 if not words else int(not _Expression(call, words).value())
    except ValueError as error:
        call.streams.err += f"{call.shell.name}: {error}\n".encode()
        return 2


class _Expression:
    """An expression of `test`, read from left to right."""

    def __init__(self, call: Call, words: Sequence[str]) -> None:
        self.call, self.words, self.at = call, words, 0

    def value(self) -> bool:
        found = self._either()
        if self.at < len(self.words):
            raise ValueError(f"{self.words[self.at]}: unknown operand")
        return found

    def _either(self) -> bool:
        found = self._both()
        while self._take("-o"):
            found = self._both() or found
        return found

    def _both(self) -> bool:
        found = self._one()
        while self._take("-a"):
            found = self._one() and found
        return found

    def _take(self, word: str) -> bool:
        taken = self.at < len(self.words) and self.words[self.at] == word
        self.at += taken
        return taken

    def _one(self) -> bool:
        left = len(self.words) - self.at
        if left >= 3 and self.words[self.at + 1] in _BINARY:
            first, operator, second = self.words[self.at : self.at + 3]
            self.at += 3
            return _compare(first, operator, second)
        if left >= 2 and self._take("!"):
            return not self._one()
        if left >= 2 and self._take("("):
            found = self._either()
            if not self._take(")"):
                raise ValueError("closing paren expected")
            return found
        if left >= 2 and self.words[self.at] in _UNARY:
            operator, operand = self.words[self.at : self.at + 2]
            self.at += 2
            return _UNARY[operator](self.call, operand)
        if not left:
            raise ValueError("argument expected")
        self.at += 1
        return bool(self.words[self.at - 1])


_BINARY = ("=", "==", "!=", "-eq", "-ne", "-lt", "-le", "-gt", "-ge")


def _compare(first: str, operator: str, second: str) -> bool:
    if operator in ("=", "==", "!="):
        return (first == second) == (operator != "!=")
    for word in (first, second):
        if not word.strip().lstrip("-+").isdigit():
            raise ValueError(f"{word}: bad number")
    one, other = int(first), int(second)
    if operator in ("-eq", "-ne"):
        return (one == other) == (operator == "-eq")
    return {"-lt": one < other, "-le": one <= other, "-gt": one > other, "-ge": one >= other}[operator]


def _about(check: Callable[[Call, Entry], bool], *, follow: bool = True) -> Callable[[Call, str], bool]:
    def judge(call: Call, name: str) -> bool:
        try:
            return bool(name) and check(call, call.files.status(call.shell.path(name), follow=follow))
        except FileError:
            return False

    return judge


_UNARY: Mapping[str, Callable[[Call, str], bool]] = {
    "-e": _about(lambda _, __: True),
    "-f": _about(lambda _, entry: entry.kind == "file"),
    "-d": _about(lambda _, entry: entry.kind == "directory"),
    "-L": _about(lambda _, entry: entry.kind == "link", follow=False),
    "-h": _about(lambda _, entry: entry.kind == "link", follow=False),
    "-s": _about(lambda _, entry: entry.size > 0),
    "-r": _about(lambda call, entry: call.files.may(entry, READ)),
    "-w": _about(lambda call, entry: call.files.may(entry, WRITE)),
    "-x": _about(lambda call, entry: call.files.may(entry, SEARCH) and (call.files.identity.uid != 0 or bool(entry.mode & 0o111))),
    "-z": lambda _, text: not text,
    "-n": lambda _, text: bool(text),
}


TOOLS: Mapping[str, Callable[[Call], int]] = {"[": test, "test": test}
