"""The rules as data: all of them, readable alone; and each is cited by the code, or the reason why not is written down."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from labkit import catalogue
from labkit.catalogue import UncitedState, UnknownRule, UpstreamRule, Window
from labkit.catalogue.citations import CITED, PACKAGE, Citation, citations, scan
from labkit.catalogue.loading import FAMILIES, rule_family
from labkit.kube.versions import Version

RULES = list(catalogue.rules().values())


def test_everything_is_there() -> None:
    assert len(RULES) == len(catalogue.rules()) == 237
    counts = "ADM 28 ERAADM 19 SAC 9 TKC 14 TKL 11 LEG 11 SGN 5 LCL 1 BCL 4 OID 7 AUT 28 USR 5 TRV 4 TRQ 22 NOD 5 KTM 10 PRJ 14 RCA 6 RBC 6"
    words = f"{counts} VAL 16 ERA 9 CLI 3".split()
    assert Counter(one.family for one in RULES) == dict(zip(words[::2], map(int, words[1::2]), strict=True))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_is_numbered_without_gaps(family: str) -> None:
    assert list(rule_family(family)) == [f"{family}-{number + 1}" for number in range(len(rule_family(family)))]


@pytest.mark.parametrize("one", RULES, ids=lambda one: one.id)
def test_a_rule_can_be_read_alone(one: UpstreamRule) -> None:
    assert one.title, one.topic
    assert re.match(r"[A-Z`<\d]", one.statement), "it begins as a sentence does"
    assert one.statement.endswith((".", ".)")), "and ends as one"
    assert "**" not in one.statement + one.title, "no marks of the text that it comes from"
    assert one.statement.count("`") % 2 == 0
    assert not re.search(r"\bSAs?\b", re.sub(r"`[^`]*`", "", one.statement)), "a ServiceAccount is called so"
    assert not re.search(r"\b(section|appendix|see above|see below)\b", one.statement, re.IGNORECASE), "it leans on no other text"


@pytest.mark.parametrize("one", RULES, ids=lambda one: one.id)
def test_what_a_rule_names_exists(one: UpstreamRule) -> None:
    texts = [one.statement, *(found.text for found in one.corrected)]
    named = {f"{match[1]}-{match[2]}" for text in texts for match in CITED.finditer(text)}
    assert named <= set(catalogue.rules())


@pytest.mark.parametrize("one", [one for one in RULES if one.window], ids=lambda one: one.id)
def test_a_window_has_a_beginning_before_its_end(one: UpstreamRule) -> None:
    assert one.window is not None
    assert one.window.since is not None
    assert one.window.until is None or Version.parse(one.window.since) <= Version.parse(one.window.until)


def test_a_rule_knows_its_source() -> None:
    mounting = catalogue.rule("ADM-13")
    assert (mounting.title, mounting.family, mounting.window) == ("Mounting", "ADM", None)
    assert [str(place) for place in mounting.upstream] == ["plugin/pkg/admission/serviceaccount/admission.go, mountServiceAccountToken"]
    assert [str(place) for place in catalogue.rule("ERAADM-19").upstream] == ["IsOnlyServiceAccountTokenSources"]
    assert catalogue.rule("ERAADM-2").window == Window("1.0", "1.8")


@pytest.mark.parametrize(
    ("which", "version", "told"),
    [
        pytest.param("NOD-4", "1.37.2", 'is not authorized to request tokens for audience "A"', id="audience-refusal"),
        pytest.param("NOD-1", "1.37.2", "PodCertificateRequest", id="nodes-read-accounts"),
        pytest.param("RBC-6", "1.37.2", "rbac: RBAC: …", id="reason-names-authorizer"),
        pytest.param("VAL-5", "1.37.2", "come after the others", id="required-comes-last"),
        pytest.param("RBC-3", "1.37.2", "kubeadm:apiserver-kubelet-client", id="kubeadm-binding"),
        pytest.param("ADM-24", "1.34.4", "HTTP 500 without a reason", id="bare-refusal"),
        pytest.param("VAL-6", "1.34.4", "defaulting makes it `Opaque` first", id="omitted-type"),
    ],
)
def test_real_servers_are_right(which: str, version: str, told: str) -> None:
    assert [one.version for one in catalogue.rule(which).corrected if told in one.text] == [version]


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        pytest.param("adm-13", "Did you mean ADM-13?", id="small letters"),
        pytest.param("ADM-99", "There are ADM-1 to ADM-28", id="beyond the last"),
        pytest.param("LCL-2", "There is LCL-1 alone", id="of one"),
        pytest.param("ADN-13", "ADM-13", id="a slip"),
        pytest.param("ADM13", "ADM-13", id="no hyphen"),
        pytest.param("?", "rules()", id="like no other"),
    ],
)
def test_an_unknown_id_is_told_what_may_have_been_meant(wanted: str, meant: str) -> None:
    with pytest.raises(UnknownRule, match=re.escape(meant)):
        catalogue.rule(wanted)


def test_one_rule_reads_one_file() -> None:
    program = (
        "from labkit.catalogue import rule, loading; assert not loading.rule_family.cache_info().currsize; rule('SAC-1');"
        " print(loading.rule_family.cache_info().currsize, loading.rules.cache_info().currsize)"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "1 0\n"


SOURCE = '''"""About it all (ADM-1 to ADM-3), and SAC-2."""

LIMIT = 3  # TKC-12, but not T-TKC-13 or XADM-4


class Plugin:
    """ADM-5 to 7."""

    def admit(self):
        """Steps.

        1. The first (ADM-20); again ADM-20.
        """
        yield Note("VAL-13", f"done {self} (ADM-8)")
'''


def test_what_counts_as_a_citation() -> None:
    assert list(scan(SOURCE, "a.py")) == [
        Citation("ADM-1", "a.py", 1, about=True),
        Citation("ADM-2", "a.py", 1, about=True),
        Citation("ADM-3", "a.py", 1, about=True),
        Citation("SAC-2", "a.py", 1),
        Citation("TKC-12", "a.py", 3),
        Citation("ADM-5", "a.py", 7, "Plugin"),
        Citation("ADM-6", "a.py", 7, "Plugin"),
        Citation("ADM-7", "a.py", 7, "Plugin"),
        Citation("ADM-20", "a.py", 12, "Plugin.admit"),
        Citation("VAL-13", "a.py", 14, "Plugin.admit"),
        Citation("ADM-8", "a.py", 14, "Plugin.admit"),
    ]


def test_a_citation_can_be_told() -> None:
    told = [str(one) for one in scan(SOURCE, "a.py")]
    assert (told[0], told[3], told[-1]) == ("a.py:1, what the module is about", "a.py:1", "a.py:14, Plugin.admit")


def test_every_id_in_labkit_is_a_rule() -> None:
    named: dict[str, Path] = {}
    for path in PACKAGE.rglob("*"):
        if path.suffix in {".py", ".yaml", ".json", ".md"}:
            for match in CITED.finditer(path.read_text("utf-8")):
                named |= {f"{match[1]}-{number}": path for number in (match[2], match[3]) if number}
    assert len(named) > 150, "the search finds them"
    assert {one: path for one, path in named.items() if one not in catalogue.rules()} == {}


def test_a_rule_is_cited_or_says_why_not() -> None:
    cited = {one.rule for one in citations() if not one.about}
    listed = set(catalogue.uncited())
    assert listed <= set(catalogue.rules())
    assert sorted(cited & listed) == [], "cited by now: take them off labkit/catalogue/data/uncited.yaml"
    assert sorted(set(catalogue.rules()) - cited - listed) == [], "no code names them: do so, or tell why in data/uncited.yaml"


def test_no_rule_is_listed_twice() -> None:
    text = PACKAGE.joinpath("catalogue/data/uncited.yaml").read_text("utf-8")
    assert max(Counter(re.findall(r"[A-Z]+-\d+(?=[],])", text)).values()) == 1
    assert {one.state for one in catalogue.uncited().values()} == set(UncitedState)
    assert all(one.reason.endswith(".") for one in catalogue.uncited().values())
