"""Docker and kind: each thing that can be wrong with them is one sentence with its remedy, in the order in which they are needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit.clusters.errors import MissingTool
from labkit.clusters.tools import find_tools, last_line
from labkit.kube.versions import Version
from tests.unit.clusters.fixtures import program

DOCKER = "echo 27.1.1"
KIND = "echo kind v0.33.0 go1.26.0 linux/amd64"


def tools(folder: Path, monkeypatch: pytest.MonkeyPatch, docker: str | None, kind: str | None) -> None:
    for name, script in (("docker", docker), ("kind", kind)):
        if script is not None:
            program(folder, name, script)
    folder.mkdir(exist_ok=True)
    monkeypatch.setenv("PATH", str(folder))


def test_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools(tmp_path, monkeypatch, DOCKER, KIND)
    found = find_tools("1.37.2")
    assert (found.docker, found.kind, found.kind_version) == (tmp_path / "docker", tmp_path / "kind", Version(0, 33))


@pytest.mark.parametrize(
    ("docker", "kind", "message"),
    [
        pytest.param(None, None, "There is no docker on PATH.*Install Docker, or use --cluster embedded", id="no-docker-comes-first"),
        pytest.param(
            "echo Cannot connect to the Docker daemon. >&2; exit 1",
            None,
            r"installed but does not answer \(Cannot connect to the Docker daemon\)\. Start Docker",
            id="docker-off",
        ),
        pytest.param("echo permission denied while trying >&2; exit 1", KIND, "you may not use it. Join its group", id="docker-forbidden"),
        pytest.param("exec /bin/sleep 60", KIND, "has not answered for 1 seconds. Start Docker", id="docker-hangs"),
        pytest.param(DOCKER, None, "There is no kind on PATH, and labkit downloads none. Install it", id="no-kind"),
        pytest.param(
            DOCKER, "echo kind v0.31.0 go1.25", r"kind 0\.31\.0 .* is too old for Kubernetes 1\.37\.2.* need kind 0\.32", id="old-kind"
        ),
        pytest.param(DOCKER, "echo hello", "does not say its version, so it may not be kind", id="another-kind"),
        pytest.param(DOCKER, "exit 1", "does not say its version", id="broken-kind"),
    ],
)
def test_unfit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, docker: str | None, kind: str | None, message: str) -> None:
    tools(tmp_path, monkeypatch, docker, kind)
    with pytest.raises(MissingTool, match=message):
        find_tools("1.37.2", seconds=1)


@pytest.mark.parametrize("node", ["1.34.4", "1.35.9"])
def test_an_old_kind_serves_old_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, node: str) -> None:
    tools(tmp_path, monkeypatch, DOCKER, "echo kind v0.31.0")
    assert find_tools(node).kind_version == Version(0, 31)


def test_prereleases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools(tmp_path, monkeypatch, DOCKER, "echo kind v0.34.0-alpha+2c9e0 go1.26")
    assert find_tools().kind_version == Version(0, 34)


def test_last_line() -> None:
    assert (last_line("a\n b. \n\n"), last_line(" \n")) == ("b", "it says nothing")
