"""Reading the lessons, and joining what they claim with what runs have shown."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from labkit.catalogue import behaviours
from labkit.lab import evidence, report_forms
from labkit.lab.errors import LabError
from labkit.lab.evidence import Evidence, Outcome
from labkit.lab.report import Report, build_report, make_report
from labkit.lab.scan import Claim, scan_notebooks, scan_source
from labkit.lab.working_copy import notebooks_folder

A, B, C = list(behaviours())[:3]


@pytest.mark.parametrize(
    ("source", "found"),
    [
        pytest.param("with documented('a'):\n    assert x", [("a", True)], id="one"),
        pytest.param("with documented('a', 'b'):\n    assert x", [("a", True), ("b", True)], id="two at once"),
        pytest.param("with documented('a'):\n    pass", [("a", False)], id="nothing asserted"),
        pytest.param("with documented('a'):\n    assert True", [("a", False)], id="nothing proved"),
        pytest.param("with documented('a'):\n    for x in y:\n        assert x", [("a", True)], id="in a loop"),
        pytest.param("with documented('a'):\n    with refused(403):\n        f()", [("a", True)], id="a refusal inside"),
        pytest.param("with documented('a'), refused(403):\n    f()", [("a", True)], id="a refusal beside"),
        pytest.param("%kubectl get pods\nwith documented('a'):\n    assert x", [("a", True)], id="after a magic"),
        pytest.param("if x:\n    %kubectl get pods\n", [], id="a magic in a block"),
        pytest.param("%%kubectl apply -f -\nwith: {documented: a}", [], id="a cell magic is no Python"),
        pytest.param("with other('a'):\n    assert x", [], id="something else"),
        pytest.param("with labkit.documented('a'):\n    assert x", [("a", True)], id="by its full name"),
    ],
)
def test_scan_source(source: str, found: list[tuple[str, bool]]) -> None:
    assert list(scan_source(source)) == found


def test_a_computed_id_cannot_be_found_by_reading() -> None:
    with pytest.raises(ValueError, match="write the ids out"):
        list(scan_source("with documented(name):\n    assert x"))


def notebook(folder: Path, name: str, *cells: tuple[str, str]) -> None:
    folder.mkdir(exist_ok=True)
    written = {"cells": [{"cell_type": kind, "source": source.splitlines(keepends=True)} for kind, source in cells]}
    (folder / name).write_text(json.dumps(written))


def test_cells_are_counted_as_jupyter_counts_them(tmp_path: Path) -> None:
    cells = ("markdown", "# x"), ("code", "1"), ("markdown", "y"), ("code", f"with documented('{A}'):\n    assert x")
    notebook(tmp_path, "02-x.ipynb", *cells)
    notebook(tmp_path, "notes.ipynb", *cells)
    assert [claim.place for claim in scan_notebooks(tmp_path)] == ["02-x.ipynb:2"]


def shown(of: str, cluster: str = "kind", outcome: Outcome = Outcome.SHOWN, text: str = "x") -> Evidence:
    return Evidence(of, "02", cluster, "1.37", outcome, text)


def made(*of: Evidence, claims: tuple[Claim, ...] = ()) -> Report:
    return make_report(claims, of, {one: behaviours()[one] for one in (A, B, C)})


def test_matrix() -> None:
    claims = Claim(A, "02-x.ipynb", 5, asserts=True), Claim(A, "02-x.ipynb", 9, asserts=True), Claim(B, "04-y.ipynb", 1, asserts=True)
    report = made(shown(A), shown(A, "embedded"), shown(A, text="y"), shown(B, outcome=Outcome.FAILED), claims=claims)
    assert report.columns == ["embedded 1.37", "kind 1.37"]
    assert report.as_json()["behaviours"][0]["cells"] == ["02-x.ipynb:5", "02-x.ipynb:9"]
    assert report.as_json()["behaviours"][0]["results"] == [
        {"cluster": "embedded", "version": "1.37", "outcome": "shown", "evidence": "x"},
        {"cluster": "kind", "version": "1.37", "outcome": "shown", "evidence": "x; y"},
    ]
    assert [row.behaviour.id for row in report.failed] == [B]
    assert report.exit_code == 1
    assert report_forms.summary(report) == (
        "2 of 3 documented behaviours are claimed by a lesson. embedded 1.37: 1 shown, 0 failed. kind 1.37: 1 shown, 1 failed."
    )


def test_one_failure_among_successes_is_a_failure() -> None:
    report = made(shown(A), shown(A, outcome=Outcome.FAILED, text="not true"), shown(A))
    [result] = report.rows[0].results
    assert (result.outcome, result.evidence) == (Outcome.FAILED, "not true")


@pytest.mark.parametrize(
    ("claim", "problem"),
    [
        pytest.param(Claim("no-such-thing", "02-x.ipynb", 1, asserts=True), "not in the catalogue", id="unknown"),
        pytest.param(Claim(A, "02-x.ipynb", 1, asserts=False), "asserts nothing", id="empty"),
    ],
)
def test_a_wrong_claim_is_a_problem(claim: Claim, problem: str) -> None:
    report = made(claims=(claim,))
    assert problem in report.problems[0]
    assert report.exit_code == 1


def test_forms() -> None:
    report = made(shown(A), shown(B, outcome=Outcome.FAILED, text="a < b"), claims=(Claim(A, "02-x.ipynb", 5, asserts=True),))
    text = report_forms.text(report)
    assert f"✗ {B} on kind 1.37: a < b" in text
    assert any(row.split() == [A, "02:5", "✓"] for row in text.splitlines())
    page = report_forms.html(report)
    assert "a &lt; b" in page
    assert page.count("<tr id=") == 3
    suite = ET.fromstring(report_forms.junit(report))[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("3", "1", "1")


def test_results_of_several_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_RESULTS", str(tmp_path / "results.jsonl"))
    evidence.record(shown(A))
    evidence.record(shown(B, "embedded"))
    assert list(evidence.read(tmp_path / "results.jsonl")) == [shown(A), shown(B, "embedded")]
    assert list(evidence.read(tmp_path / "nothing.jsonl")) == []
    (tmp_path / "other.jsonl").write_text('{"id": "x"}\n')
    with pytest.raises(LabError, match="line 1"):
        list(evidence.read(tmp_path / "other.jsonl"))


def test_the_lessons_claim_what_is_in_the_catalogue_and_assert_it() -> None:
    report = build_report(notebooks_folder(), Path("no results"))
    assert report.problems == ()
    assert report.claimed >= 30
