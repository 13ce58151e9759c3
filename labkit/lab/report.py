"""`labkit report`: behaviour × cluster × version, from what the lessons claim (read) and what the runs showed (recorded)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.catalogue import Behaviour, behaviours
from labkit.lab.evidence import Evidence, Outcome, read
from labkit.lab.scan import Claim, scan_notebooks


@dataclass(frozen=True, slots=True)
class Result:
    """What one cluster showed of one behaviour; failed if it failed in any cell."""

    cluster: str
    version: str
    outcome: Outcome
    evidence: str

    @property
    def where(self) -> str:
        """`kind 1.37`."""
        return f"{self.cluster} {self.version}"


@dataclass(frozen=True, slots=True)
class Row:
    """One behaviour: the cells that claim it, and what the clusters showed."""

    behaviour: Behaviour
    cells: tuple[str, ...]
    results: tuple[Result, ...]

    def result(self, where: str) -> Result | None:
        """The result on `kind 1.37`."""
        return next((result for result in self.results if result.where == where), None)


@dataclass(frozen=True, slots=True)
class Report:
    """All behaviours in the catalogue's order, and what is wrong with the lessons' claims, one sentence each."""

    rows: tuple[Row, ...]
    problems: tuple[str, ...]

    @property
    def columns(self) -> list[str]:
        """The clusters and versions that there are results of: `embedded 1.37`."""
        return sorted({result.where for row in self.rows for result in row.results})

    @property
    def claimed(self) -> int:
        """How many behaviours some lesson claims."""
        return sum(bool(row.cells) for row in self.rows)

    @property
    def failed(self) -> list[Row]:
        """The behaviours that did not hold somewhere."""
        return [row for row in self.rows if any(result.outcome is Outcome.FAILED for result in row.results)]

    @property
    def exit_code(self) -> int:
        """1 if a documented behaviour failed or a claim is wrong, else 0."""
        return 1 if self.failed or self.problems else 0

    def as_json(self) -> dict[str, Any]:
        """As `labkit report --json` prints it."""
        return {
            "behaviours": [
                {
                    "id": row.behaviour.id,
                    "statement": row.behaviour.statement,
                    "status": row.behaviour.status.value,
                    "cells": list(row.cells),
                    "results": [
                        {"cluster": one.cluster, "version": one.version, "outcome": one.outcome.value, "evidence": one.evidence}
                        for one in row.results
                    ],
                }
                for row in self.rows
            ],
            "problems": list(self.problems),
        }


def build_report(notebooks: Path, results: Path) -> Report:
    """The report on the lessons of a folder, with the results that a run left.

    Raises:
        LabError: the results file holds something else.
        ValueError: a lesson computes the id that it claims.
    """
    return make_report(scan_notebooks(notebooks), read(results))


def make_report(claims: Iterable[Claim], evidence: Iterable[Evidence], known: Mapping[str, Behaviour] | None = None) -> Report:
    """Join claims and evidence; `known` is the catalogue."""
    catalogue = behaviours() if known is None else known
    claims = list(claims)
    cells: dict[str, list[str]] = {}
    for claim in claims:
        cells.setdefault(claim.id, []).append(claim.place)
    found: dict[tuple[str, str, str], list[Evidence]] = {}
    for one in evidence:
        found.setdefault((one.id, one.cluster, one.version), []).append(one)
    rows = tuple(
        Row(
            behaviour,
            tuple(dict.fromkeys(cells.get(id, ()))),
            tuple(_result(ones) for (of, _, _), ones in sorted(found.items()) if of == id),
        )
        for id, behaviour in catalogue.items()  # noqa: A001  # its name in the catalogue
    )
    unknown = [f"{claim.place} claims {claim.id!r}, which is not in the catalogue" for claim in claims if claim.id not in catalogue]
    empty = [f"{claim.place} claims {claim.id!r} and asserts nothing" for claim in claims if not claim.asserts]
    return Report(rows, (*unknown, *empty))


def _result(ones: list[Evidence]) -> Result:
    failed = [one for one in ones if one.outcome is Outcome.FAILED]
    decisive = failed or ones
    texts = dict.fromkeys(one.evidence for one in decisive)
    return Result(ones[0].cluster, ones[0].version, decisive[0].outcome, "; ".join(texts))
