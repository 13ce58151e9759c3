"""LABKIT_HOME: where it is, who may read it, and one lock for each cluster."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.clusters.errors import Busy, HomeError, WrongUse
from labkit.clusters.home import checked_name, labkit_home, lock, private_folder, read_json, try_lock, write_json, write_private


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "a" / "b"))
    assert labkit_home() == tmp_path / "a" / "b"
    assert [mode(tmp_path / "a"), mode(tmp_path / "a" / "b")] == [0o700, 0o700]


def test_relative_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LABKIT_HOME", "here")
    assert labkit_home() == tmp_path / "here"


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has another place for it")
def test_default_is_the_users_data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LABKIT_HOME", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert labkit_home() == tmp_path / "labkit"


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(HomeError, match="is a file, and labkit needs a folder there"):
            private_folder(path)


def test_no_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write anywhere
    with pytest.raises(HomeError, match=r"cannot write to .* \(Permission denied\)\. .*LABKIT_HOME="):
        private_folder(tmp_path)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs a place where nobody can write")
def test_a_place_where_nobody_can_write() -> None:
    with pytest.raises(HomeError, match="LABKIT_HOME="):
        private_folder(Path("/proc/labkit"))


def test_written_whole_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    write_private(path, "old")
    write_private(path, "new")
    assert (path.read_text(), mode(path), list(tmp_path.iterdir())) == ("new", 0o600, [path])


def test_a_folder_that_is_gone(tmp_path: Path) -> None:
    with pytest.raises(HomeError, match="cannot write to"):
        write_private(tmp_path / "gone" / "file", "x")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        pytest.param('{"a": 1}', {"a": 1}, id="object"),
        pytest.param('{"a": ', None, id="half-written"),
        pytest.param("[1]", None, id="not-an-object"),
        pytest.param(b"\xff\xfe", None, id="not-text"),
    ],
)
def test_reading_json(tmp_path: Path, content: str | bytes, found: dict[str, int] | None) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert read_json(path) == found
    assert read_json(tmp_path / "none.json") is None


def test_json_survives(tmp_path: Path) -> None:
    write_json(tmp_path / "x", {"port": 1, "why": "…"})
    assert read_json(tmp_path / "x") == {"port": 1, "why": "…"}


@pytest.mark.parametrize("name", ["lab", "a", "t-1", "a" * 49])
def test_names(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", "Lab", "-a", "a-", "a_b", "../x", "a.b", "a" * 50, "lab\n"])
def test_names_that_no_cluster_can_have(name: str) -> None:
    with pytest.raises(WrongUse, match="cannot be called"):
        checked_name(name)


def test_a_lock_is_for_one(tmp_path: Path) -> None:
    said: list[str] = []
    with lock(tmp_path, "x", "at work"):
        assert try_lock(tmp_path / "locks" / "x.lock") is None
        with pytest.raises(Busy, match="Another labkit has been at work"), lock(tmp_path, "x", "at work", seconds=0.05, say=said.append):
            pytest.fail("two have it")
        with lock(tmp_path, "y", "at work", seconds=0.05):
            pass
    with lock(tmp_path, "x", "at work", seconds=0):
        pass
    assert said == ["Another labkit is at work; waiting for it …"]


def test_a_child_that_inherits_a_lock_holds_it(tmp_path: Path) -> None:
    with lock(tmp_path, "x", "at work") as held:
        child = subprocess.Popen(
            [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE, pass_fds=[held]
        )  # fmt: skip
    with child:
        assert try_lock(tmp_path / "locks" / "x.lock") is None
        child.communicate()
    with lock(tmp_path, "x", "at work", seconds=0):
        pass
