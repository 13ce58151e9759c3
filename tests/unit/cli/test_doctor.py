"""`labkit doctor`: what is missing stops the course, or only what needs it."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from labkit.cli import doctor, main
from labkit.clusters.errors import MissingTool


def findings(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, dict[str, str]]]:
    code = main(["doctor", "--json"])
    return code, {one["check"]: one for one in json.loads(capsys.readouterr().out)}


def test_a_bare_machine_can_do_the_course(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    code, found = findings(capsys)
    assert code == 0
    assert {name: found[name]["result"] for name in ("python", "home", "kubectl", "network", "docker", "kind")} == {
        "python": "ok",
        "home": "ok",
        "kubectl": "ok",
        "network": "ok",
        "docker": "note",
        "kind": "note",
    }
    assert "There is no docker on PATH" in found["docker"]["text"]


def test_a_home_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "file"))
    code, found = findings(capsys)
    assert (code, found["home"]["result"]) == (3, "fail")


def test_no_kubectl(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def none() -> Path:
        raise MissingTool("There is none.")

    monkeypatch.setattr("labkit.clusters.kubectl.kubectl_path", none)
    code, found = findings(capsys)
    assert (code, found["kubectl"]) == (3, {"check": "kubectl", "result": "fail", "text": "There is none."})


def test_a_taken_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.MonkeyPatch.context() as patch:
        patch.setattr(doctor, "LAB_PORT", taken.getsockname()[1])
        found = doctor.check_port()
    assert (found.result, "make lab PORT=" in found.text) == ("note", True)


def test_the_table_needs_no_colour(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["doctor"])
    lines = capsys.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines} <= {"ok", "note", "fail"}
    assert [line.split()[1] for line in lines][:2] == ["python", "home"]
