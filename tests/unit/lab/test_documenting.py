"""`documented`: what it prints, what it records, what it says when a sentence no longer holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from labkit import documented, refused
from labkit.catalogue import behaviour
from labkit.kube.status import Forbidden, not_found
from labkit.lab.documenting import NoLongerSo, line
from labkit.lab.errors import LabError, NotConnected
from labkit.lab.lab import Lab

DEFAULT = "sa-controller-default-in-every-namespace"


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "build" / "results.jsonl"
    monkeypatch.setenv("LABKIT_RESULTS", str(path))
    return path


def records(path: Path) -> list[dict[str, object]]:
    return [json.loads(text) for text in path.read_text().splitlines()]


def test_a_claim_that_holds_is_one_line_and_one_record(lab: Lab, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["default"]
    with documented(DEFAULT):
        assert "default" in names
    assert capsys.readouterr().out == "✓ Every namespace has a ServiceAccount named default. (1.0 →) · user guide, line 39, and 3 more\n"
    assert records(results) == [
        {
            "id": DEFAULT,
            "lesson": "02",
            "cluster": "embedded",
            "version": "1.37",
            "outcome": "shown",
            "evidence": "'default' in names",
            "cell": None,
        }
    ]


def test_several_claims_share_their_assertions(lab: Lab, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with documented(DEFAULT, "admission-mount-path"):
        assert lab.lesson == "02"
        assert lab.namespace
    assert len(capsys.readouterr().out.splitlines()) == 2
    assert [one["evidence"] for one in records(results)] == ["lab.lesson == '02'; lab.namespace"] * 2


def test_a_sentence_that_no_longer_holds(lab: Lab, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["robot"]
    with pytest.raises(NoLongerSo) as caught, documented(DEFAULT):
        assert "default" in names
    message = str(caught.value)
    assert "Every namespace has a ServiceAccount named default." in message
    assert "1.37.2" in message
    assert "not true: 'default' in names, names = ['robot']" in message
    assert records(results)[0]["outcome"] == "failed"
    assert capsys.readouterr().out == "", "no tick"
    assert caught.value._render_traceback_() == message.splitlines()


def test_an_answer_of_the_server_is_evidence(lab: Lab, results: Path) -> None:
    def ask() -> bool:
        raise not_found("pods", "web")

    with pytest.raises(NoLongerSo, match='404 NotFound: pods "web" not found'), documented(DEFAULT):
        assert ask()


def test_a_mistake_of_the_lesson_is_no_evidence(lab: Lab, results: Path) -> None:
    with pytest.raises(ZeroDivisionError), documented(DEFAULT):
        assert 1 / 0
    assert not results.exists()


def test_evidence_holds_no_secret(lab: Lab, results: Path) -> None:
    token = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
    with pytest.raises(NoLongerSo) as caught, documented(DEFAULT):
        assert token == "x"
    assert token not in str(caught.value)
    assert token not in results.read_text()


def test_nothing_is_called_again_for_the_evidence(lab: Lab, results: Path) -> None:
    calls = []

    def look() -> int:
        calls.append(1)
        return len(calls)

    with pytest.raises(NoLongerSo), documented(DEFAULT):
        assert look() == 2
    assert len(calls) == 1


def test_a_block_without_an_assertion_proves_nothing(lab: Lab) -> None:
    with pytest.raises(LabError, match="asserts nothing"), documented(DEFAULT):
        pass


def test_an_expected_refusal_is_an_assertion(lab: Lab, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with documented("admission-sa-must-exist"), refused(403):
        raise Forbidden("pods is forbidden: so there\nand much more")
    assert capsys.readouterr().out.splitlines()[0] == "403 Forbidden: pods is forbidden: so there"
    assert records(results)[0]["evidence"] == "refused(403)"


def test_a_refusal_that_does_not_come_fails_the_claim(lab: Lab, results: Path) -> None:
    expected = "expected to refuse this with 403 Forbidden, and it did not"
    with pytest.raises(NoLongerSo, match=expected), documented(DEFAULT), refused(403):
        pass


def test_an_unknown_id_is_found_before_the_block_runs(lab: Lab) -> None:
    with pytest.raises(LabError, match="Did you mean"):
        documented("sa-controller-default-in-each-namespace")


def test_without_a_cluster_nothing_can_be_claimed() -> None:
    with pytest.raises(NotConnected, match="connect"), documented(DEFAULT):
        assert DEFAULT


@pytest.mark.parametrize(
    ("claimed", "begins", "ends"),
    [
        pytest.param(DEFAULT, "✓ Every", "and 3 more", id="holds"),
        pytest.param("kubectl-version-check", "✓ kubectl version", "since 1.28", id="with changes"),
        pytest.param("automount-neither-false-rule", "✓ Documented, but not so: ", "since 1.6", id="a mistake of the document"),
        pytest.param("kubectl-sa-secrets-column-one", "✓ Once: ", "no column since 1.35", id="removed"),
        pytest.param("design-username-field", "✓ Proposed, never built: ", "", id="only proposed"),
    ],
)
def test_line(claimed: str, begins: str, ends: str) -> None:
    shown = line(behaviour(claimed))
    assert shown.startswith(begins)
    assert shown.endswith(ends)
