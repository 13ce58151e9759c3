"""`%kubectl`: what it runs, what it shows, what it keeps."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import yaml

from labkit.clusters.info import ClusterInfo
from labkit.lab import connecting
from labkit.lab.errors import LabError, NotConnected
from labkit.lab.kubectl import Kubectl, Ran
from labkit.lab.lab import Lab
from labkit.lab.magics import fill, run_line
from labkit.lab.masking import Token, mask

JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
SCRIPT = """#!/bin/sh
case "$1" in
  env) env ;;
  token) printf %s "$TOKEN_FOR_TEST$2" ;;
  fail) echo out; echo err >&2; exit 3 ;;
  cat) cat ;;
  sleep) echo begun; sleep 30 ;;
  *) printf '%s\\n' "$@" ;;
esac
"""


@pytest.fixture
def kubectl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kubectl:
    program = tmp_path / "kubectl"
    program.write_text(SCRIPT)
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr("labkit.clusters.kubectl_path", lambda: program)
    kubeconfig = tmp_path / "kubeconfig"
    contexts = [{"name": "lab", "context": {"cluster": "lab", "user": "lab"}}, {"name": "other", "context": {}}]
    kubeconfig.write_text(yaml.safe_dump({"current-context": "lab", "contexts": contexts}))
    return Kubectl(ClusterInfo("lab", "embedded", "1.37.2", "https://127.0.0.1:1", kubeconfig), "lesson-02-x7k2p")


@pytest.fixture
def notebook(kubectl: Kubectl, lab: Lab, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setattr(Lab, "kubectl", kubectl)
    return {"lab": lab, "name": "robot"}


def test_settings_of_the_user_do_not_reach_it(kubectl: Kubectl, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key, value in {"KUBECONFIG": "/elsewhere", "KUBECTL_EXTERNAL_DIFF": "meld", "LC_ALL": "de_DE.UTF-8", "LANGUAGE": "de"}.items():
        monkeypatch.setenv(key, value)
    seen = dict(line.split("=", 1) for line in kubectl("env").stdout.splitlines())
    assert seen["LC_ALL"] == "C"
    assert seen["KUBERC"] == "off"
    assert seen["KUBECACHEDIR"].startswith(str(home))
    assert not {"KUBECTL_EXTERNAL_DIFF", "LANGUAGE"} & set(seen)
    settings = Path(seen["KUBECONFIG"])
    assert settings.stat().st_mode & 0o777 == 0o600
    assert [context["context"].get("namespace") for context in yaml.safe_load(settings.read_text())["contexts"]] == [
        "lesson-02-x7k2p",
        None,
    ]


def test_it_does_not_raise_and_shows_the_exit_code(notebook: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    run_line("fail", None, notebook)
    assert capsys.readouterr().out == "out\nerr\n[exit 3]\n"


def test_what_takes_too_long_is_stopped(kubectl: Kubectl) -> None:
    ran = kubectl("sleep", timeout=0.3)
    assert (ran.stdout, ran.code) == ("begun\n", 124)
    assert "stopped" in ran.stderr


def test_a_cell_is_its_standard_input(notebook: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    run_line("cat", "metadata:\n  name: {name}\n", notebook)
    assert capsys.readouterr().out == "metadata:\n  name: robot\n"


def test_into_keeps_the_value_and_shows_none_of_it(notebook: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    run_line(f"token {JWT} into=kept", None, notebook)
    assert notebook["kept"] == JWT
    assert isinstance(notebook["kept"], Token)
    assert capsys.readouterr().out == f"eyJ…({len(JWT)} characters)\n"
    run_line("fail into=nothing", None, notebook)
    assert "nothing" not in notebook, "a command that failed keeps nothing"


def test_a_line_is_split_as_a_shell_splits_it(notebook: dict[str, object], capsys: pytest.CaptureFixture[str]) -> None:
    run_line("""patch sa {name} -p '{"imagePullSecrets": [{"name": "x"}]}' --as=a\\ b""", None, notebook)
    assert capsys.readouterr().out.splitlines() == ["patch", "sa", "robot", "-p", '{"imagePullSecrets": [{"name": "x"}]}', "--as=a b"]
    with pytest.raises(LabError, match="no command"):
        run_line("get 'pods", None, notebook)


def test_without_connect_it_says_what_is_missing() -> None:
    before = connecting.use(None)
    with pytest.raises(NotConnected, match="%kubectl"):
        run_line("get pods", None, {})
    connecting.use(before)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        pytest.param("get sa {name}", "get sa robot", id="a name"),
        pytest.param("-n {place.namespace}", "-n x", id="an attribute"),
        pytest.param("{.data.token}", "{.data.token}", id="jsonpath"),
        pytest.param("{range .items[*]}{.metadata.name}{end}", "{range .items[*]}{.metadata.name}{end}", id="jsonpath with words"),
        pytest.param('{"spec": {"a": 1}}', '{"spec": {"a": 1}}', id="JSON"),
        pytest.param("{unknown}", "{unknown}", id="no such name"),
        pytest.param("{place.unknown}", "{place.unknown}", id="no such attribute"),
        pytest.param("$(id) ${HOME}", "$(id) ${HOME}", id="a shell's own"),
        pytest.param("{token}", JWT, id="a token is filled in whole"),
    ],
)
def test_fill(text: str, filled: str) -> None:
    class Place:
        namespace = "x"

    assert fill(text, {"name": "robot", "place": Place(), "token": Token(JWT)}) == filled


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        pytest.param(f"token: {JWT}\n", f"token: eyJ…({len(JWT)} characters)\n", id="a token"),
        pytest.param("token: ZXlK" + "a" * 40 + "==", "token: ZXlK…(46 characters)", id="a token in a Secret"),
        pytest.param("ca.crt: LS0t" + "b" * 400, "ca.crt: LS0t…(404 characters)", id="a certificate in a Secret"),
        pytest.param(
            "-----BEGIN CERTIFICATE-----\n    MIIC\n    -----END CERTIFICATE-----\n",
            "-----BEGIN CERTIFICATE-----…(66 characters)\n",
            id="a certificate",
        ),
        pytest.param(
            "-----BEGIN RSA PRIVATE KEY-----\nMIIC\n-----END RSA PRIVATE KEY-----",
            "-----BEGIN RSA PRIVATE KEY-----…(66 characters)",
            id="a private key",
        ),
        pytest.param("namespace: ZGVmYXVsdA==", "namespace: ZGVmYXVsdA==", id="other base64"),
        pytest.param("uid: 12aab054-571d-4bef-b671-fa66ea1c0188", "uid: 12aab054-571d-4bef-b671-fa66ea1c0188", id="an id"),
    ],
)
def test_mask(text: str, shown: str) -> None:
    assert mask(text) == shown


def test_a_token_shows_itself_masked_and_works_as_text() -> None:
    token = Token(JWT)
    assert repr(token) == f"eyJ…({len(JWT)} characters)"
    assert f"Bearer {token}" == "Bearer " + JWT
    assert repr(Token("secret-secret")) == "(a token of 13 characters)"


def test_what_is_printed_ends_in_a_line_end() -> None:
    assert str(Ran("true", "", 0)) == "true\n"
    assert str(Ran("", "", 0)) == ""
    assert repr(Ran("a\n", "b", 1)) == "a\nb\n[exit 1]"
