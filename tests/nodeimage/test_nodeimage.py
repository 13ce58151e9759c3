"""The parts of the builder that compute: no Docker, no network, no root."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from tests.nodeimage import image_archive, kind_config, machine, runc_held, versions
from tests.nodeimage.cache import Cache, digest
from tests.nodeimage.components import etcd, reference
from tests.nodeimage.elf import resolve
from tests.nodeimage.ensured import Ensured
from tests.nodeimage.errors import NodeImageError
from tests.nodeimage.image_archive import Image
from tests.nodeimage.lock import Module, directives
from tests.nodeimage.versions import Kubernetes

WITHOUT_SYS_RESOURCE = "CapPrm:\t000001fffeffffff\nCapBnd:\t000001fffeffffff\n"
WITH_ALL = "CapBnd:\t000001ffffffffff\n"


@pytest.mark.parametrize("text", ["1.37.2", "v1.37.2"])
def test_a_release_is_read(text: str) -> None:
    release = Kubernetes.parse(text)
    assert (str(release), release.tag, release.staging) == ("1.37.2", "v1.37.2", "v0.37.2")


@pytest.mark.parametrize("text", ["1.37", "latest", "1.38.0-rc.0", ""])
def test_what_is_no_release_is_refused(text: str) -> None:
    with pytest.raises(NodeImageError):
        Kubernetes.parse(text)


def test_digest_tells_parts_apart_and_does_not_see_places(tmp_path: Path) -> None:
    for place in ("one", "two"):
        (tmp_path / place / "sub").mkdir(parents=True)
        (tmp_path / place / "sub/file").write_text("content")
    assert digest("ab", "c") != digest("a", "bc")
    assert digest(tmp_path / "one") == digest(tmp_path / "two")
    (tmp_path / "two/sub/file").rename(tmp_path / "two/sub/other")
    assert digest(tmp_path / "one") != digest(tmp_path / "two")


def test_an_entry_is_whole_or_not_there(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    def interrupted() -> None:
        with cache.making("go", "k") as folder:
            (folder / "half").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert list((tmp_path / "go").iterdir()) == []
    (tmp_path / "go/.k.left-over").mkdir()
    with cache.making("go", "k") as folder:
        (folder / "file").touch()
    assert [path.name for path in (tmp_path / "go").rglob("*")] == ["k", "file"]


def test_capabilities_are_read_by_bit() -> None:
    assert runc_held.held(WITH_ALL) - runc_held.held(WITHOUT_SYS_RESOURCE) == {"CAP_SYS_RESOURCE"}
    assert machine.bounding_capabilities(WITH_ALL) >> machine.CAP_SYS_RESOURCE & 1
    assert not machine.bounding_capabilities(WITHOUT_SYS_RESOURCE) >> machine.CAP_SYS_RESOURCE & 1


def test_a_container_asks_for_no_more_than_is_held() -> None:
    process = {"args": ["sh"], "capabilities": {"bounding": ["CAP_CHOWN", "CAP_SYS_RESOURCE"], "ambient": None}}
    assert runc_held.without(process, frozenset({"CAP_CHOWN"})) == {
        "args": ["sh"],
        "capabilities": {"bounding": ["CAP_CHOWN"], "ambient": []},
    }
    assert runc_held.without({"args": ["sh"]}, frozenset()) == {"args": ["sh"]}


@pytest.mark.parametrize("arguments", [["create", "--bundle", "/b", "id"], ["create", "--bundle=/b", "id"], ["-b", "/b"]])
def test_options_are_found_in_both_spellings(arguments: list[str]) -> None:
    assert runc_held.value(arguments, "--bundle", "-b") == "/b"


def test_links_are_followed_below_the_root(tmp_path: Path) -> None:
    (tmp_path / "usr/lib").mkdir(parents=True)
    (tmp_path / "usr/lib/x.so.1").touch()
    (tmp_path / "lib").symlink_to("usr/lib")
    (tmp_path / "usr/x.so").symlink_to("/lib/x.so.1")
    (tmp_path / "usr/up").symlink_to("../usr/x.so")
    assert resolve(tmp_path, "/usr/up") == "/usr/lib/x.so.1"
    with pytest.raises(NodeImageError):
        resolve(tmp_path, "/lib/missing")


def test_an_archive_is_the_same_each_time(tmp_path: Path) -> None:
    (tmp_path / "program").write_bytes(b"\x7fELF")
    image = Image("labkit.local/x:1", {"/bin/x": tmp_path / "program"}, {"/bin/y": "x"}, ("/bin/x",), {"a": "b"})
    image_archive.write([image], "amd64", tmp_path / "one.tar")
    image_archive.write([image], "amd64", tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as tar:
        manifest = json.load(_member(tar, "manifest.json"))[0]
        config = json.load(_member(tar, manifest["Config"]))
        with tarfile.open(fileobj=_member(tar, manifest["Layers"][0])) as layer:
            assert layer.getnames() == ["bin", "tmp", "bin/x", "bin/y"]
    assert manifest["RepoTags"] == ["labkit.local/x:1"]
    assert config["config"]["Entrypoint"] == ["/bin/x"]


def _member(tar: tarfile.TarFile, name: str):  # type: ignore[no-untyped-def]  # IO[bytes], never None for a file
    return tar.extractfile(name)


def test_only_a_machine_that_needs_it_gets_odd_settings() -> None:
    release = Kubernetes.parse("1.37.2")
    ordinary = kind_config.write(release, cgroup_v1=False, may_raise_limits=True)
    odd = kind_config.write(release, cgroup_v1=True, may_raise_limits=False)
    assert "KubeletConfiguration" not in ordinary
    assert odd.startswith(ordinary)
    assert "failCgroupV1: false" in odd
    assert "KubeletInUserNamespace: true" in odd


def test_exports_survive_a_shell() -> None:
    exports = Ensured("labkit.local/node:v1", "/a b/bin", "").exports()
    assert "export PATH='/a b/bin':\"$PATH\"" in exports
    assert "export LABKIT_KIND_CONFIG=''" in exports


def test_a_lock_takes_siblings_from_the_same_release() -> None:
    release = Kubernetes.parse("1.37.2")
    upstream = "module k8s.io/kubernetes\n\ngo 1.26.0\n\nreplace (\n\tk8s.io/api => ./staging/src/k8s.io/api\n)\n"
    text = directives(Module("k8s.io/kubernetes", release.tag, (reference(release),)), upstream)
    assert "replace k8s.io/api => k8s.io/api v0.37.2" in text
    assert "tool k8s.io/kubernetes/cmd/kube-apiserver" in text
    assert "go 1.26.0" in text
    other = directives(Module("go.etcd.io/etcd/server/v3", "v3.7.3", (etcd(),)), "go 1.26.0\nreplace a => ../a\n")
    assert "replace" not in other


def test_the_course_version_is_locked() -> None:
    for build in (reference(Kubernetes.parse(versions.KUBERNETES)), etcd()):
        assert (build.folder / "go.sum").is_file()
        assert (build.folder / "go.mod").is_file()
