"""`labkit explain`: what a rule or a documented behaviour says, and where it is found: upstream, in labkit's code, in the lessons."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import click

from labkit.catalogue import Behaviour, UnknownBehaviour, UnknownRule, UpstreamRule, behaviour, behaviours, rule, uncited
from labkit.catalogue.citations import Citation, citations
from labkit.catalogue.loading import FAMILIES
from labkit.cli.options import json_option
from labkit.clusters.errors import WrongUse

WIDTH, LABEL = 110, 14


@click.command()
@click.argument("id", metavar="ID")
@json_option
def explain(id: str, as_json: bool) -> None:  # noqa: A002  # its name in the catalogue
    """Tell what ID says: a rule such as ADM-13, or a behaviour such as sa-controller-default-recreated.

    Of a rule: since when, where upstream does it, what a real server did differently, and where labkit's code cites it. Of a behaviour:
    since when, which document states it, how today differs, and which lesson shows it.
    """
    try:
        found = lookup(id)
    except (UnknownRule, UnknownBehaviour) as error:
        raise WrongUse(str(error)) from None
    if isinstance(found, UpstreamRule):
        cited = citations(rule=found.id)
        click.echo(json.dumps(rule_as_json(found, cited), ensure_ascii=False) if as_json else rule_as_text(found, cited))
    else:
        cells = claiming_cells(found.id)
        click.echo(json.dumps(behaviour_as_json(found, cells), ensure_ascii=False) if as_json else behaviour_as_text(found, cells))


def lookup(id: str) -> UpstreamRule | Behaviour:  # noqa: A002  # its name in the catalogue
    """The rule or behaviour of this id; a rule's letters may be small.

    Raises:
        UnknownRule: the id begins as rules do, and there is none.
        UnknownBehaviour: it begins otherwise, and there is no such behaviour.
    """
    letters = re.match(r"[A-Za-z]*", id)
    if id not in behaviours() and letters and letters[0].upper() in FAMILIES:
        return rule(id.upper())
    return behaviour(id)


def claiming_cells(id: str) -> list[str] | None:  # noqa: A002
    """The lessons' cells that claim a behaviour; None where the lessons are not at hand."""
    from labkit.lab.scan import scan_notebooks
    from labkit.lab.working_copy import WorkingCopyError, notebooks_folder

    try:
        folder = notebooks_folder()
    except WorkingCopyError:
        return None
    return list(dict.fromkeys(claim.place for claim in scan_notebooks(folder) if claim.id == id))


def rule_as_text(found: UpstreamRule, cited: Iterable[Citation]) -> str:
    """A rule for people."""
    reason = uncited().get(found.id)
    lines = [("versions", _versions(found))]
    lines += [("upstream", str(place)) for place in found.upstream]
    lines += [(f"real {one.version}", one.text) for one in found.corrected]
    lines += [("labkit", str(place)) for place in cited]
    if reason:
        lines.append((reason.state.value, reason.reason))
    return "\n".join([f"{found.id}  {found.title}", found.topic, "", _wrapped(found.statement), "", _listed(lines)])


def rule_as_json(found: UpstreamRule, cited: Iterable[Citation]) -> dict[str, Any]:
    """A rule for programs."""
    reason = uncited().get(found.id)
    return {
        "id": found.id,
        "title": found.title,
        "topic": found.topic,
        "statement": found.statement,
        "read_from": found.read_from,
        "since": found.window.since if found.window else None,
        "until": found.window.until if found.window else None,
        "upstream": [asdict(place) for place in found.upstream],
        "corrected": [asdict(one) for one in found.corrected],
        "cited": [{"file": one.file, "line": one.line, "where": one.where, "about": one.about} for one in cited],
        "uncited": {"state": reason.state.value, "reason": reason.reason} if reason else None,
    }


def behaviour_as_text(found: Behaviour, cells: list[str] | None) -> str:
    """A behaviour for people."""
    lines = [("status", found.status.value), ("versions", str(found.window))]
    lines += [("stated in", str(source)) for source in found.sources]
    lines += [(label, text) for label, text in (("today", found.today), ("note", found.note), ("shown by", found.demonstrate)) if text]
    if cells is None:
        lines.append(("lessons", "not here: labkit runs without a clone of its repository"))
    else:
        lines += [("lessons", cell) for cell in cells] or [("lessons", "none claims it yet")]
    return "\n".join([found.id, "", _wrapped(found.statement), "", _listed(lines)])


def behaviour_as_json(found: Behaviour, cells: list[str] | None) -> dict[str, Any]:
    """A behaviour for programs; `cells` is null where the lessons are not at hand."""
    return {
        "id": found.id,
        "statement": found.statement,
        "status": found.status.value,
        "since": found.window.since,
        "until": found.window.until,
        "sources": [{"document": source.document.key, "title": source.document.title, "line": source.line} for source in found.sources],
        "today": found.today,
        "note": found.note,
        "demonstrate": found.demonstrate,
        "cells": cells,
    }


def _versions(found: UpstreamRule) -> str:
    read = f"read from {found.read_from}"
    return f"{found.window}; {read}" if found.window else read


def _wrapped(text: str, first: str = "  ", rest: str = "  ") -> str:
    return textwrap.fill(text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False)


def _listed(lines: list[tuple[str, str]]) -> str:
    """A label and its text, wrapped beside it; a label stands once for the lines that share it."""
    texts, before = [], ""
    for label, text in lines:
        texts.append(_wrapped(text, f"{'' if label == before else label:<{LABEL}}", " " * LABEL))
        before = label
    return "\n".join(texts)


__all__ = ["behaviour_as_json", "behaviour_as_text", "claiming_cells", "explain", "lookup", "rule_as_json", "rule_as_text"]
