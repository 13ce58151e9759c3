"""`show(…)`: pictures where people would rather look than read. HTML in a notebook, plain text everywhere else, the same each time.

Colours are translucent, so that they sit on a light theme and on a dark one; nothing is said by colour alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from io import StringIO
from typing import Any

from labkit.lab.anatomy import Anatomy
from labkit.lab.comparing import DEFAULTING, Line, compare
from labkit.lab.errors import LabError
from labkit.lab.masking import mask

__all__ = ["WIDTH", "Picture", "show"]

WIDTH = 100  # columns of text
GREEN, RED, GREY, BLUE, AMBER = (
    "rgba(46,160,67,.22)",
    "rgba(248,81,73,.20)",
    "rgba(128,128,128,.16)",
    "rgba(56,139,253,.18)",
    "rgba(210,153,34,.20)",
)
PARTS = {"header": BLUE, "claims": GREEN, "signature": AMBER}


@dataclass(frozen=True, slots=True)
class Picture:
    """Something to look at. As the last line of a cell it shows itself; `str()` is its text."""

    text: str
    html: str

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        return {"text/plain": self.text, "text/html": self.html}

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return self.text


def show(*things: Any, defaults: bool = True, columns: Sequence[str] = ()) -> Picture:
    """Draw one thing, or compare two.

    - `show(before, after)`: two objects, such as a manifest and what the server made of it. Every added line says who added it;
      `defaults=False` leaves out what mere defaulting added.
    - `show(token)` or `show(lab.decode(token))`: what is written in a token.
    - `show(rows)`: a table, of dicts, or of tuples with `columns`.

    Raises:
        LabError: there is no picture for such things.
    """
    match things:
        case (Mapping() as before, Mapping() as after):
            return _comparison(compare(before, after, defaults=defaults))
        case (Anatomy() as anatomy,):
            return _anatomy(anatomy)
        case (str() as token,):
            from labkit.lab.connecting import current_lab

            return _anatomy(current_lab("show(token)").decode(token))
        case ([*rows],) if rows and isinstance(rows[0], Mapping):
            names = list(columns) or list(rows[0])
            return _table(names, [[row.get(name, "") for name in names] for row in rows])
        case ([*rows],) if rows and columns:
            return _table(columns, rows)
    raise LabError("show(…) draws a token, a table (a list of dicts), or two objects side by side: show(before, after).")


def _comparison(lines: Sequence[Line]) -> Picture:
    room = max((len(line.text) for line in lines), default=0) + 4
    texts, rows = [], []
    for line in lines:
        note = f"← {line.writer}" if line.starts and line.writer else ""
        texts.append(f"{line.mark} {line.text:<{room}}{note}".rstrip())
        colour = {"+": GREY if line.writer == DEFAULTING else GREEN, "-": RED}.get(line.mark, "transparent")
        rows.append(
            f'<div style="background:{colour};display:flex;justify-content:space-between">'
            f'<span style="white-space:pre">{line.mark} {escape(line.text)}</span>'
            f'<span style="opacity:.75;padding:0 .6em;text-align:right">{escape(note)}</span></div>'
        )
    return Picture("\n".join(texts), _frame("".join(rows)))


def _anatomy(anatomy: Anatomy) -> Picture:
    rows = [(part, name, mask(value), meaning) for part, name, value, meaning in anatomy.rows()]
    lifetime = anatomy.lifetime
    over = ", which are over" if anatomy.expired else ""
    last = "It does not expire." if lifetime is None else f"It is good for {lifetime} seconds{over}."
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    texts, before = [], ""
    for part, name, value, meaning in rows:
        shown = part if part != before else ""
        before = part
        texts.append(f"{shown:<{widths[0]}}  {name:<{widths[1]}}  {value:<{widths[2]}}  {meaning}".rstrip())
    cells = "".join(
        f'<tr style="background:{PARTS[part]}"><td style="text-align:left;opacity:.75">{part}</td>'
        f'<td style="text-align:left"><code>{escape(name)}</code></td><td style="text-align:left"><code>{escape(value)}</code></td>'
        f'<td style="text-align:left;opacity:.75">{escape(meaning)}</td></tr>'
        for part, name, value, meaning in rows
    )
    return Picture("\n".join([*texts, last]), f"<table>{cells}</table><p>{escape(last)}</p>")


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Picture:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(Text(str(column)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    # Nothing of the place that it runs in may show: neither its width nor its colours, nor that it is a notebook, where rich would
    # display things by itself.
    console = Console(file=StringIO(), width=WIDTH, color_system=None, force_terminal=False, force_jupyter=False, _environ={})
    with console.capture() as captured:
        console.print(table)
    text = "\n".join(line.rstrip() for line in captured.get().rstrip("\n").split("\n"))
    head = "".join(f'<th style="text-align:left">{escape(str(column))}</th>' for column in columns)
    body = "".join("<tr>" + "".join(_html_cell(value) for value in row) + "</tr>" for row in rows)
    return Picture(text, f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>")


def _cell(value: Any) -> str:
    return {True: "yes", False: "no", None: "–"}.get(value, str(value)) if isinstance(value, bool | None) else str(value)


def _html_cell(value: Any) -> str:
    colour = {True: GREEN, False: RED}.get(value, "transparent") if isinstance(value, bool) else "transparent"
    return f'<td style="text-align:left;background:{colour}">{escape(_cell(value))}</td>'


def _frame(content: str) -> str:
    return f'<div style="font-family:monospace;font-size:90%;line-height:1.45;max-width:60em;overflow-x:auto">{content}</div>'
