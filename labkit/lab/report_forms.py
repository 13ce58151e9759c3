"""The report in the forms that people and machines read: text, HTML, JUnit."""

from __future__ import annotations

from html import escape
from io import StringIO
from xml.etree import ElementTree as ET

from labkit.catalogue import Status
from labkit.lab.evidence import Outcome
from labkit.lab.report import Report, Row

SIGNS = {Outcome.SHOWN: "✓", Outcome.FAILED: "✗"}
UNTOLD = "·"
STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3em .6em; border-bottom: 1px solid rgba(128,128,128,.35); }
.shown { background: rgba(46,160,67,.22); } .failed { background: rgba(248,81,73,.25); } .quiet { opacity: .65; }
"""


def text(report: Report, *, width: int = 120, only_claimed: bool = False) -> str:
    """The matrix for a terminal, and the numbers below it."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    table.add_column("behaviour", overflow="fold")
    table.add_column("lesson", overflow="fold")
    for column in report.columns:
        table.add_column(column, justify="center")
    for row in report.rows:
        if row.cells or row.results or not only_claimed:
            table.add_row(Text(row.behaviour.id), Text(_lessons(row)), *(Text(_sign(row, column)) for column in report.columns))
    console = Console(file=StringIO(), width=width, color_system=None, force_terminal=False, force_jupyter=False, _environ={})
    with console.capture() as captured:
        console.print(table)
    lines = [line.rstrip() for line in captured.get().rstrip("\n").split("\n")]
    return "\n".join([*lines, "", summary(report), *_failures(report), *(f"! {problem}" for problem in report.problems)])


def summary(report: Report) -> str:
    """`26 of 199 documented behaviours are claimed by a lesson. embedded 1.37: 26 shown, 0 failed.`"""
    parts = [f"{report.claimed} of {len(report.rows)} documented behaviours are claimed by a lesson."]
    for column in report.columns:
        outcomes = [found.outcome for row in report.rows if (found := row.result(column))]
        parts.append(f"{column}: {outcomes.count(Outcome.SHOWN)} shown, {outcomes.count(Outcome.FAILED)} failed.")
    return " ".join(parts)


def html(report: Report) -> str:
    """The matrix as a page that needs nothing else, for a light screen and a dark one."""
    head = "".join(f"<th>{escape(column)}</th>" for column in report.columns)
    body = "".join(_html_row(row, report.columns) for row in report.rows)
    problems = "".join(f"<li>{escape(problem)}</li>" for problem in report.problems)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>What the documents say, and what clusters do</title>'
        f"<style>{STYLE}</style></head><body><h1>What the documents say, and what clusters do</h1><p>{escape(summary(report))}</p>"
        + (f"<ul>{problems}</ul>" if problems else "")
        + f"<table><thead><tr><th>behaviour</th><th>versions</th><th>source</th><th>lesson</th>{head}</tr></thead>"
        f"<tbody>{body}</tbody></table></body></html>\n"
    )


def junit(report: Report) -> str:
    """One test case for each behaviour on each cluster; what no lesson claims is skipped."""
    suites = ET.Element("testsuites", name="labkit report")
    for column in report.columns or ["not run"]:
        suite = ET.SubElement(suites, "testsuite", name=column)
        failures = skipped = 0
        for row in report.rows:
            case = ET.SubElement(suite, "testcase", classname=column, name=row.behaviour.id)
            found = row.result(column)
            if found is None:
                skipped += 1
                ET.SubElement(case, "skipped", message="no lesson claims it" if not row.cells else "its lesson did not run")
            elif found.outcome is Outcome.FAILED:
                failures += 1
                ET.SubElement(case, "failure", message=row.behaviour.statement).text = found.evidence
        suite.attrib |= {"tests": str(len(report.rows)), "failures": str(failures), "skipped": str(skipped)}
    return ET.tostring(suites, encoding="unicode", xml_declaration=True) + "\n"


def _html_row(row: Row, columns: list[str]) -> str:
    cells = []
    for column in columns:
        found = row.result(column)
        kind, tip = (found.outcome.value, found.evidence) if found else ("quiet", "")
        cells.append(f'<td class="{kind}" title="{escape(tip, quote=True)}">{_sign(row, column)}</td>')
    claimed = row.behaviour
    status = "" if claimed.status is Status.HOLDS else f' <span class="quiet">{claimed.status.value}</span>'
    today = f'<br><span class="quiet">today: {escape(claimed.today)}</span>' if claimed.today else ""
    return (
        f'<tr id="{claimed.id}"><td>{escape(claimed.statement)}{status}{today}<br><code class="quiet">{claimed.id}</code></td>'
        f"<td>{escape(str(claimed.window))}</td><td>{escape(claimed.source)}</td><td>{escape(_lessons(row))}</td>{''.join(cells)}</tr>"
    )


def _failures(report: Report) -> list[str]:
    return [
        f"✗ {row.behaviour.id} on {result.where}: {result.evidence}"
        for row in report.failed
        for result in row.results
        if result.outcome is Outcome.FAILED
    ]


def _sign(row: Row, column: str) -> str:
    found = row.result(column)
    return SIGNS[found.outcome] if found else UNTOLD


def _lessons(row: Row) -> str:
    """`02:5, 04:12`: the lesson's number and the cell's."""
    return ", ".join(f"{place[:2]}:{place.rpartition(':')[2]}" for place in row.cells)
