"""`labkit explain`: rules and behaviours for people and for programs."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator

import pytest

from labkit.catalogue import behaviour, rule
from labkit.cli import explain, main


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """main() takes SIGTERM for itself, and a test run has its own idea of it."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command prints; it ends well."""
    assert main(["explain", *arguments]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


@pytest.mark.parametrize("which", ["ADM-13", "adm-13"])
def test_a_rule(capsys: pytest.CaptureFixture[str], which: str) -> None:
    out = told(capsys, which)
    assert out.startswith("ADM-13  Mounting\nAdmission of Pods by the plugin ServiceAccount\n\n  For every init container and ")
    assert "\nupstream      plugin/pkg/admission/serviceaccount/admission.go, mountServiceAccountToken\n" in out
    assert "labkit/admission/service_account.py:" in out
    assert ", mount_volume\n" in out
    assert max(map(len, out.splitlines())) <= explain.WIDTH


@pytest.mark.parametrize(
    ("which", "line"),
    [
        pytest.param("NOD-4", "versions      1.33 →; read from 1.36\n", id="versions"),
        pytest.param("NOD-4", 'real 1.37.2   The text is `<user> is not authorized to request tokens for audience "A"`.\n', id="corrected"),
        pytest.param("CLI-1", "nothing-to-do It is about client libraries, and labkit is none.\n", id="cited-nowhere"),
    ],
)
def test_what_else_a_rule_tells(capsys: pytest.CaptureFixture[str], which: str, line: str) -> None:
    assert line in told(capsys, which)


def test_a_rule_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(told(capsys, "SAC-3", "--json"))
    assert (found["id"], found["statement"], found["uncited"]) == ("SAC-3", rule("SAC-3").statement, None)
    file = "pkg/controller/serviceaccount/serviceaccounts_controller.go"
    assert found["upstream"] == [{"file": file, "function": "syncNamespace"}]
    places = {(one["file"], one["where"], one["about"]) for one in found["cited"]}
    assert ("labkit/controllers/service_accounts.py", "sync_namespace", False) in places


def test_a_behaviour(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, "sa-controller-default-recreated")
    assert out.startswith("sa-controller-default-recreated\n\n  The ServiceAccount controller manages")
    assert "\nstatus        holds\nversions      1.0 →\nstated in     admin guide 1.21, line 107\n" in out
    assert "\nlessons       02-the-default-account.ipynb:" in out


def test_a_behaviour_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(told(capsys, "sa-controller-default-recreated", "--json"))
    assert found["statement"] == behaviour("sa-controller-default-recreated").statement
    assert [cell.partition(":")[0] for cell in found["cells"]] == ["02-the-default-account.ipynb"]


def test_lessons_that_are_not_there() -> None:
    out = explain.behaviour_as_text(behaviour("sa-controller-default-recreated"), None)
    assert "lessons       not here: labkit runs without a clone" in out
    assert "lessons       none claims it yet" in explain.behaviour_as_text(behaviour("sa-controller-default-recreated"), [])


@pytest.mark.parametrize(
    ("which", "said"),
    [
        pytest.param("ADM-99", "There is no rule 'ADM-99'. There are ADM-1 to ADM-28", id="number"),
        pytest.param("ADM13", "Did you mean ADM-13", id="hyphen"),
        pytest.param("sa-controller-default-recreate", "Did you mean sa-controller-default-recreated", id="behaviour"),
    ],
)
@pytest.mark.parametrize("form", [(), ("--json",)], ids=["text", "json"])
def test_an_unknown_id(capsys: pytest.CaptureFixture[str], which: str, said: str, form: tuple[str, ...]) -> None:
    assert main(["explain", which, *form]) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err
