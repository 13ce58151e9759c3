"""What a script is, once it has been read: words and commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Text:
    """Characters as they are; quoted ones neither split nor match file names."""

    text: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class Variable:
    """`$name`, `${name:-rest}`, `${#name}`."""

    name: str
    quoted: bool
    op: str = ""
    rest: str = ""


@dataclass(frozen=True, slots=True)
class Substitution:
    """`$(script)`: what the script prints."""

    script: Script
    quoted: bool


Part: TypeAlias = Text | Variable | Substitution
Word: TypeAlias = tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Redirection:
    """`<file`, `>/dev/null`, `2>&1`: which stream goes where. A target of `&1` or `&2` is the other stream."""

    stream: int
    write: bool
    target: Word


@dataclass(frozen=True, slots=True)
class Simple:
    """Assignments, words and redirections."""

    assignments: tuple[tuple[str, Word], ...]
    words: tuple[Word, ...]
    redirections: tuple[Redirection, ...]


@dataclass(frozen=True, slots=True)
class If:
    """`if …; then …; else …; fi`."""

    condition: Script
    then: Script
    otherwise: Script


@dataclass(frozen=True, slots=True)
class For:
    """`for name in words; do …; done`."""

    name: str
    words: tuple[Word, ...]
    body: Script


@dataclass(frozen=True, slots=True)
class Group:
    """`{ …; }` or `( … )`; the second keeps its variables to itself."""

    body: Script
    subshell: bool
    redirections: tuple[Redirection, ...] = ()


Command: TypeAlias = Simple | If | For | Group


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Commands, each reading what the one before prints; `!` turns the outcome round."""

    commands: tuple[Command, ...]
    negated: bool


@dataclass(frozen=True, slots=True)
class Script:
    """Pipelines, each with the operator before it: `;`, `&&` or `||`."""

    steps: tuple[tuple[str, Pipeline], ...]
