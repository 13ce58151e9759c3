"""Upstream's tables for the atomic writer: which paths, which layout, what an update touches."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from labkit.machinery.volume_host import DirectoryVolumes
from labkit.node.atomic_writer import AtomicWriter, check_path, read_ledger
from labkit.node.volumes import EMPTY_DIR, PROJECTED, File, VolumeError, VolumeId
from tests.unit.node.world import START, Dice

VOLUME = VolumeId("uid-web", PROJECTED, "kube-api-access")


class Target:
    """A volume in a folder of the test's own."""

    def __init__(self, folder: Path) -> None:
        self.path, self.ledger, self.dice = folder / "volume", folder / "owners.json", Dice()
        self.path.mkdir()

    def write(self, files: dict[str, bytes | File], group: int | None = None) -> bool:
        payload = {path: file if isinstance(file, File) else File(file, 0o644) for path, file in files.items()}
        return AtomicWriter(self.path, self.ledger).write(payload, group=group, now=START, random=self.dice)

    def visible(self) -> dict[str, bytes]:
        """What a container finds, by path."""
        found = {}
        for top in self.path.iterdir():
            if top.name.startswith(".."):
                continue
            target = self.path / str(top.readlink())
            for path in [target, *target.rglob("*")] if target.is_dir() else [target]:
                if path.is_file():
                    found[str(Path(top.name) / path.relative_to(target)) if target.is_dir() else top.name] = path.read_bytes()
        return found

    def data(self) -> str:
        return str((self.path / "..data").readlink())


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path)


def test_a_missing_folder(tmp_path: Path) -> None:
    """T-AWR-2"""
    with pytest.raises(FileNotFoundError):
        AtomicWriter(tmp_path / "nope", tmp_path / "ledger")


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("i/am/well/behaved.txt", id="T-AWR-3"),
        pytest.param("keepyourheaddownandfollowtherules.txt", id="T-AWR-4"),
        pytest.param("a//b", id="PRJ-13 doubled slash"),
        pytest.param("a/..b", id="dots inside"),
        pytest.param(".dotfile", id="T-AWR-24"),
    ],
)
def test_paths_that_are_allowed(path: str) -> None:
    check_path(path)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("a/" * 2048 + "b", id="T-AWR-5"),
        pytest.param("a" * 256, id="T-AWR-6"),
        pytest.param("/dev/null", id="T-AWR-7"),
        pytest.param("..sneaky.txt", id="T-AWR-8"),
        pytest.param("hello/there/../../../../../../etc/passwd", id="T-AWR-9"),
        pytest.param("", id="T-AWR-11"),
        pytest.param("foo/../bar", id="T-AWR-20"),
        pytest.param("..", id="the parent"),
    ],
)
def test_paths_that_are_not(path: str, target: Target) -> None:
    with pytest.raises(VolumeError, match=r"^invalid path: "):
        target.write({"good": b"x", path: b"y"})
    assert list(target.path.iterdir()) == []


def test_layout(target: Target) -> None:
    """PRJ-10, T-AWR-58"""
    assert target.write({"token": b"t", "foo/bar": b"1", "foo/deep/er": b"2"})
    assert re.fullmatch(r"\.\.2026_11_22_10_00_00\.\d+", target.data())
    assert {path.name: str(path.readlink()) for path in target.path.iterdir() if path.is_symlink()} == {
        "..data": target.data(),
        "token": "..data/token",
        "foo": "..data/foo",
    }
    assert stat.S_IMODE((target.path / target.data()).stat().st_mode) == 0o755
    assert target.visible() == {"token": b"t", "foo/bar": b"1", "foo/deep/er": b"2"}


@pytest.mark.parametrize(
    "mode",
    [pytest.param(0o777, id="T-AWR-23 0777"), pytest.param(0o400, id="T-AWR-23 0400"), pytest.param(0o600, id="0600")],
)
def test_modes_are_exact(mode: int, target: Target) -> None:
    before = os.umask(0o077)
    try:
        target.write({"sub/file": File(b"x", mode)})
    finally:
        os.umask(before)
    assert stat.S_IMODE((target.path / target.data() / "sub/file").stat().st_mode) == mode
    assert stat.S_IMODE((target.path / target.data() / "sub").stat().st_mode) == 0o755


DEEP = {"foo.txt": b"foo", "bar/zab.txt": b"zab", "zip/1/2/3/4/bar.txt": b"bar"}


@pytest.mark.parametrize(
    ("second", "written"),
    [
        pytest.param(DEEP, False, id="T-AWR-33"),
        pytest.param({**DEEP, "blu/zip.txt": b"zip"}, True, id="T-AWR-34"),
        pytest.param({**DEEP, "bar/1/2/zip.txt": b"zip"}, True, id="T-AWR-36"),
        pytest.param({path: DEEP[path] for path in ("foo.txt", "zip/1/2/3/4/bar.txt")}, True, id="T-AWR-37"),
        pytest.param({path: DEEP[path] for path in ("foo.txt", "bar/zab.txt")}, True, id="T-AWR-15"),
        pytest.param({}, True, id="T-AWR-41"),
        pytest.param({**DEEP, "foo.txt": b"new"}, True, id="changed"),
    ],
)
def test_update(second: dict[str, bytes], written: bool, target: Target) -> None:
    target.write(dict(DEEP))
    before = target.data()
    assert target.write(dict(second)) is written
    assert target.visible() == second
    assert (target.data() != before) is written
    directories = [path.name for path in target.path.iterdir() if path.is_dir() and not path.is_symlink()]
    assert directories == [target.data()]


def test_a_mode_alone_changes_nothing(target: Target) -> None:
    """PRJ-11"""
    target.write({"a": File(b"x", 0o644)})
    assert not target.write({"a": File(b"x", 0o600)})


def test_lost_links_come_back(target: Target) -> None:
    """T-AWR-61"""
    target.write({"a": b"x"})
    (target.path / "a").unlink()
    assert not target.write({"a": b"x"})
    assert target.visible() == {"a": b"x"}


def test_a_leftover_of_a_killed_process_is_no_obstacle(target: Target) -> None:
    target.write({"a": b"x"})
    (target.path / "..data_tmp").symlink_to("..gone")
    assert target.write({"a": b"y"})
    assert target.visible() == {"a": b"y"}


def test_owners(target: Target) -> None:
    """PRJ-6 to PRJ-8"""
    target.write({"token": File(b"t", 0o600, 1000), "ca.crt": File(b"c", 0o644)}, group=2000)
    owners = {key.replace(target.data(), "TS"): (owner.uid, owner.gid) for key, owner in read_ledger(target.ledger).items()}
    everyone = ("", "..data", "TS", "TS/ca.crt", "ca.crt")
    assert owners == {**dict.fromkeys(everyone, (0, 2000)), "TS/token": (1000, 2000), "token": (1000, 2000)}
    modes = {name: stat.S_IMODE((target.path / target.data() / name).stat().st_mode) for name in ("token", "ca.crt", "")}
    assert modes == {"token": 0o640, "ca.crt": 0o644, "": 0o2755}


def test_the_ledger_forgets_what_is_gone(target: Target) -> None:
    target.write({"token": File(b"1", 0o600, 1000)})
    target.write({"token": File(b"2", 0o600, 1000)})
    assert set(read_ledger(target.ledger)) == {"token", f"{target.data()}/token"}
    target.write({})
    assert not target.ledger.exists()


def test_the_host_lays_volumes_out_as_a_kubelet(tmp_path: Path) -> None:
    """PRJ-9"""
    host = DirectoryVolumes(tmp_path)
    host.write(VOLUME, {"token": File(b"t", 0o600, 1000)}, group=2000, now=START, random=Dice())
    root = tmp_path / "pods/uid-web/volumes/kubernetes.io~projected/kube-api-access"
    assert (root / "token").is_symlink()
    tree = host.tree(VOLUME)
    assert tree is not None
    data = tree.entry("..data")
    assert data is not None
    assert (data.kind, data.gid) == ("link", 2000)
    file = tree.entry(f"{data.target}/token")
    assert file is not None
    assert (file.mode, file.uid, file.gid, file.size) == (0o640, 1000, 2000, 1)
    assert tree.read(f"{data.target}/token") == b"t"
    top = tree.entry("")
    assert top is not None
    assert (top.mode, top.links, top.size) == (0o3777, 3, 100)
    assert tree.entry("nope") is None
    assert host.pods() == ["uid-web"]
    host.remove_pod("uid-web")
    assert host.pods() == []
    assert host.tree(VOLUME) is None


def test_a_volume_that_fails_at_first_is_not_there(tmp_path: Path) -> None:
    """T-PRJ-40"""
    host = DirectoryVolumes(tmp_path)
    with pytest.raises(VolumeError):
        host.write(VOLUME, {"../x": File(b"", 0o644)}, group=None, now=START, random=Dice())
    assert host.tree(VOLUME) is None


def test_an_empty_directory_is_made_once(tmp_path: Path) -> None:
    host, volume = DirectoryVolumes(tmp_path), VolumeId("uid-web", EMPTY_DIR, "cache")
    host.make_directory(volume, group=2000)
    (host.path(volume) / "kept").touch()
    host.make_directory(volume, group=2000)
    tree = host.tree(volume)
    assert tree is not None
    assert tree.names("") == ["kept"]
    top = tree.entry("")
    assert top is not None
    assert (top.mode, top.gid) == (0o2777, 2000)


@pytest.mark.parametrize("uid", ["", ".", "..", "../..", "a/b"])
def test_a_strange_uid_removes_nothing(uid: str, tmp_path: Path) -> None:
    host = DirectoryVolumes(tmp_path / "root")
    host.write(VOLUME, {"a": File(b"", 0o644)}, group=None, now=START, random=Dice())
    host.remove_pod(uid)
    assert host.pods() == ["uid-web"]
