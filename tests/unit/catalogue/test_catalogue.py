"""The catalogue's data as a whole: what every record has to have, and that the records name each other rightly."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest

from labkit import catalogue
from labkit.catalogue import Behaviour, Source, Status, UnknownBehaviour, Window

BEHAVIOURS = list(catalogue.behaviours().values())


def test_everything_is_there() -> None:
    assert len(BEHAVIOURS) == 199
    assert [len(catalogue.documents()), len(catalogue.commands()), len(catalogue.flags())] == [5, 27, 7]
    assert [len(catalogue.manifests()), len(catalogue.contradictions())] == [19, 25]
    assert Counter(one.status for one in BEHAVIOURS) == {
        Status.HOLDS: 138,
        Status.HOLDS_WITH_CHANGES: 27,
        Status.PROPOSAL_ONLY: 17,
        Status.DOC_DEFECT: 9,
        Status.REMOVED: 8,
    }


@pytest.mark.parametrize("one", BEHAVIOURS, ids=lambda one: one.id)
def test_a_behaviour_can_be_told_to_a_learner(one: Behaviour) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", one.id)
    assert one.statement.endswith("."), "a statement is a sentence"
    assert not re.match(r"(It|They|This|That|Then) ", one.statement), "it stands alone below a cell"
    assert one.sources
    assert one.needs
    if one.status in {Status.REMOVED, Status.DOC_DEFECT, Status.HOLDS_WITH_CHANGES}:
        assert one.today, "what has changed has to be said"
    if one.status is Status.REMOVED:
        assert one.window.until, "what is gone went at some time"


@pytest.mark.parametrize("file", ["000_", "001_", "002_", "003_", "004_", ".txt", "seed"])
def test_nothing_names_a_file_that_readers_do_not_have(file: str) -> None:
    texts = [f"{one.statement} {one.today} {one.note} {one.demonstrate}" for one in BEHAVIOURS]
    texts += [f"{one.detail} {one.resolution}" for one in catalogue.contradictions()]
    texts += [f"{one.output_shown} {one.note}" for one in catalogue.commands()]
    texts += [f"{one.damage} {one.intended}" for one in catalogue.manifests().values()]
    assert [text for text in texts if file in text] == []


def test_records_name_behaviours_that_exist() -> None:
    named = {name for command in catalogue.commands() for name in command.behaviours}
    named |= {name for manifest in catalogue.manifests().values() for name in manifest.behaviours}
    named |= {name for contradiction in catalogue.contradictions() for name in contradiction.behaviours}
    assert named <= set(catalogue.behaviours())


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        pytest.param("sa-controller-default-recreate", "sa-controller-default-recreated", id="a letter is missing"),
        pytest.param("pod-optout", "automount-pod-optout", id="the beginning is missing"),
        pytest.param("mount-path", "admission-mount-path", id="half remembered"),
    ],
)
def test_an_unknown_id_is_told_what_may_have_been_meant(wanted: str, meant: str) -> None:
    with pytest.raises(UnknownBehaviour, match=re.escape(meant)):
        catalogue.behaviour(wanted)


def test_an_id_like_no_other_is_told_where_the_ids_are() -> None:
    with pytest.raises(UnknownBehaviour, match=r"behaviours\(\)"):
        catalogue.behaviour("qqq")


@pytest.mark.parametrize(
    ("window", "text", "inside", "outside"),
    [
        pytest.param(Window("1.0", None), "1.0 →", "1.37", None, id="open"),
        pytest.param(Window("1.6", "1.23"), "1.6 → 1.23", "1.23.17", "1.24", id="closed"),
        pytest.param(Window("1.9", None), "1.9 →", "1.10", "1.8", id="numbers, not letters"),
        pytest.param(Window("1.21", "1.21"), "1.21", "1.21", "1.22", id="one version"),
        pytest.param(Window(None, None), "never so", None, "1.37", id="never"),
    ],
)
def test_window(window: Window, text: str, inside: str | None, outside: str | None) -> None:
    assert str(window) == text
    assert inside is None or inside in window
    assert outside is None or outside not in window


def test_the_source_of_a_claim_is_short() -> None:
    guide = catalogue.documents()["user-guide"]
    one = BEHAVIOURS[0]
    assert str(Source(guide, 39)) == "user guide, line 39"
    assert one.source == "user guide, line 1, and 1 more"


def test_importing_labkit_loads_nothing() -> None:
    code = "import sys, labkit; print(*sorted(m for m in sys.modules if m.split('.')[0] in {'labkit', 'yaml', 'kubernetes', 'rich'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["labkit"]
