"""kind, with stand-ins for docker and kind: what labkit asks of them, what it remembers, and what it cleans up. The real ones are in
tests/cluster."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from labkit.clusters import connect_or_start, down, open_cluster, status, up
from labkit.clusters.embedded import launch
from labkit.clusters.errors import MissingTool, StartFailed, WrongUse
from labkit.clusters.info import ClusterInfo
from labkit.clusters.kind_files import Files, Record
from labkit.clusters.kind_image import KindOptions
from tests.unit.clusters.fixtures import ROOT, program
from tests.unit.clusters.stub_cluster import command

pytest.importorskip("pytest_kind", reason="the extra `kind` is not installed")

DOCKER = """
echo "docker $*" >> "$FAKE/calls"
case "$1" in
  version) echo 27.1.1 ;;
  exec) cat "$FAKE/node-images" ;;
  image) grep -qx "$5" "$FAKE/docker-images" ;;
esac
"""
KIND = """
echo "kind $*" >> "$FAKE/calls"
case "$*" in
  version) echo "kind v0.33.0 go1.26 linux/amd64" ;;
  "get clusters") cat "$FAKE/clusters" ;;
  "create cluster"*)
    for argument in "$@"; do case "$argument" in --name=*) echo "${argument#--name=}" >> "$FAKE/clusters" ;; esac; done
    if [ -e "$FAKE/create-hangs" ]; then exec sleep 60; fi
    if [ -e "$FAKE/create-fails" ]; then echo "ERROR: failed to create cluster: no space left" >&2; exit 1; fi
    for argument in "$@"; do case "$argument" in --kubeconfig=*) cp "$FAKE/kubeconfig" "${argument#--kubeconfig=}" ;; esac; done ;;
  "export kubeconfig"*)
    if [ -e "$FAKE/export-fails" ]; then echo "ERROR: container is not running" >&2; exit 1; fi
    for argument in "$@"; do case "$argument" in --kubeconfig=*) cp "$FAKE/kubeconfig" "${argument#--kubeconfig=}" ;; esac; done ;;
  "delete cluster"*) : > "$FAKE/clusters" ;;
esac
"""


@dataclass(frozen=True)
class Fake:
    """The stand-ins' folder."""

    folder: Path

    def calls(self, start: str) -> list[str]:
        return [line for line in self.lines("calls") if line.startswith(start)]

    def lines(self, name: str) -> list[str]:
        return (self.folder / name).read_text().splitlines()

    def set(self, name: str, content: str = "") -> None:
        (self.folder / name).write_text(content)


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterInfo]:
    """What answers in the node's place: an embedded stand-in."""
    home = tmp_path_factory.mktemp("node")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(ROOT))
        info, _ = launch.start(home, "node", command=command("fine"))
    yield info
    launch.stop(home, "node")


@pytest.fixture
def fake(home: Path, node: ClusterInfo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """docker and kind as scripts."""
    folder = tmp_path / "fake"
    program(folder / "bin", "docker", DOCKER)
    program(folder / "bin", "kind", KIND)
    made = Fake(folder)
    for name in ("calls", "clusters"):
        made.set(name)
    made.set("node-images", "labkit.local/tools:1\n")
    made.set("docker-images", "labkit.local/tools:1\n")
    made.set("kubeconfig", node.kubeconfig.read_text())
    monkeypatch.setenv("FAKE", str(folder))
    monkeypatch.setenv("PATH", f"{folder / 'bin'}:{Path(sys.executable).parent}:/usr/bin:/bin")
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "the-users-own"))
    return made


def test_created_found_deleted(fake: Fake, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    info, started = up("t-a", "kind", say=said.append)
    assert (started, info.name, info.cluster, info.version, info.pid) == (True, "t-a", "kind", "1.37.2", None)
    assert info.kubeconfig == home / "kind" / "t-a" / "kubeconfig"
    assert info.kubeconfig.stat().st_mode & 0o777 == 0o600
    assert said == ["Creating kind cluster 't-a' (half a minute; longer if the node image is not here yet) …"]
    assert not Path(os.environ["KUBECONFIG"]).exists()
    monkeypatch.setenv("LABKIT_CLUSTER", "kind")
    fake.set("calls")
    assert connect_or_start("t-a") == info
    assert fake.lines("calls") == []  # a lesson's connect() asks the cluster, not the tools
    assert down("t-a") == ["Deleted kind cluster 't-a'."]
    assert fake.calls("kind delete") == [f"kind delete cluster --name=t-a --kubeconfig={info.kubeconfig}"]
    assert not info.kubeconfig.parent.exists()
    assert not (home / ".pytest-kind" / "t-a").exists()


def test_image_and_configuration(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = tmp_path / "kind.yaml"
    config.touch()
    monkeypatch.setenv("LABKIT_KIND_IMAGE", "example/node:v1.37.2")
    monkeypatch.setenv("LABKIT_KIND_CONFIG", str(config))
    up("t-a", "kind")
    (create,) = fake.calls("kind create")
    assert "--image=example/node:v1.37.2" in create
    assert f"--config {config}" in create


def test_somebody_elses_cluster_is_used_and_stays(fake: Fake) -> None:
    fake.set("clusters", "theirs\n")
    said: list[str] = []
    info, started = up("theirs", "kind", say=said.append)
    assert (started, said) == (False, ["Using kind cluster 'theirs', which is there already."])
    assert down("theirs") == ["kind cluster 'theirs' was there before labkit, so it stays. `kind delete cluster --name theirs` deletes it."]
    assert fake.calls("kind delete") == []
    assert not info.kubeconfig.exists()


def test_a_block_deletes_only_what_it_created(fake: Fake) -> None:
    fake.set("clusters", "theirs\n")
    with open_cluster("kind", name="theirs"):
        pass
    assert fake.calls("kind delete") == []
    with open_cluster("kind", name="t-a"):
        pass
    assert len(fake.calls("kind delete")) == 1


def test_a_failed_creation_leaves_nothing(fake: Fake, home: Path) -> None:
    fake.set("create-fails")
    with pytest.raises(StartFailed, match=r"could not create cluster 't-a' \(ERROR: failed to create cluster: no space left\)"):
        up("t-a", "kind")
    assert fake.lines("clusters") == []
    assert Files(home, "t-a").record() is None


def test_an_image_that_is_not_there(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    fake.set("create-fails")
    monkeypatch.setenv("LABKIT_KIND_IMAGE", "example/node:v1.37.9")
    with pytest.raises(StartFailed, match=r"Docker has no image example/node:v1\.37\.9\. Pull it, or build one"):
        up("t-a", "kind")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_creation_leaves_nothing(fake: Fake, home: Path, number: signal.Signals, code: int) -> None:
    fake.set("create-hangs")
    with subprocess.Popen(
        [sys.executable, "-c", "import sys; from labkit.cli import main; sys.exit(main())", "up", "--cluster", "kind", "--name", "t-a"],
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        until(lambda: fake.lines("clusters") == ["t-a"])
        child.send_signal(number)
        _, said = child.communicate()
    assert child.returncode == code
    assert "Deleting what there is of kind cluster 't-a'" in said
    assert "Traceback" not in said
    assert fake.lines("clusters") == []
    assert Files(home, "t-a").record() is None


def test_a_killed_creation_is_begun_anew(fake: Fake, home: Path) -> None:
    """The record says "being created", and nobody holds the lock."""
    fake.set("clusters", "t-a\n")
    Files(home, "t-a").write(Record(created=True, ready=False))
    assert [one.state for one in status() if one.name == "t-a"] == ["stopped"]
    said: list[str] = []
    assert up("t-a", "kind", say=said.append)[1]
    assert said[0] == "The last creation of kind cluster 't-a' was cut short; what is left of it goes first."
    assert [call.split()[1] for call in fake.calls("kind ") if call.split()[1] in ("create", "delete")] == ["delete", "create"]


def test_a_cluster_that_was_deleted_behind_our_back(fake: Fake, home: Path) -> None:
    up("t-a", "kind")
    fake.set("clusters")
    Files(home, "t-a").kubeconfig.write_text("of a cluster that is gone")
    assert [one.state for one in status()] == ["unreachable"]
    assert up("t-a", "kind")[1]


def test_a_stopped_node(fake: Fake) -> None:
    fake.set("clusters", "t-a\n")
    fake.set("export-fails")
    with pytest.raises(StartFailed, match=r"gives no kubeconfig \(ERROR: container is not running\).*docker start t-a-control-plane"):
        up("t-a", "kind")


def test_the_pods_image_is_brought(fake: Fake) -> None:
    fake.set("node-images")
    said: list[str] = []
    up("t-a", "kind", say=said.append)
    assert fake.calls("kind load") == ["kind load docker-image --name t-a labkit.local/tools:1"]


def test_the_pods_image_is_nowhere(fake: Fake) -> None:
    fake.set("node-images")
    fake.set("docker-images")
    said: list[str] = []
    up("t-a", "kind", say=said.append)
    assert fake.calls("kind load") == []
    assert "python3 -m tests.nodeimage ensure" in said[-1]
    fake.set("docker-images", "labkit.local/tools:1\n")
    assert not up("t-a", "kind")[1]
    assert len(fake.calls("kind load")) == 1
    assert len(fake.calls("kind create")) == 1


def test_without_pytest_kind(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(MissingTool, match=r"pip install 'labkit\[kind\]'"):
        up("t-a", "kind")


def test_another_version_is_running(fake: Fake) -> None:
    up("t-a", "kind")
    with pytest.raises(WrongUse, match=r"runs Kubernetes 1\.37\.2, not 1\.34\.4\. Delete it first"):
        up("t-a", "kind", version="1.34.4")


@pytest.mark.parametrize(
    ("version", "image", "expected"),
    [
        pytest.param(None, "", ("", "1.37"), id="kind's-own"),
        pytest.param("1.37", "", ("", "1.37"), id="the-course's"),
        pytest.param("v1.34.4", "", ("kindest/node:v1.34.4", "1.34.4"), id="a-release"),
        pytest.param("1.34", "example/node:v1.34.9", ("example/node:v1.34.9", "1.34.9"), id="an-image"),
        pytest.param(None, "registry:5000/node:v1.34.4@sha256:abc", ("registry:5000/node:v1.34.4@sha256:abc", "1.34.4"), id="a-digest"),
    ],
)
def test_versions(monkeypatch: pytest.MonkeyPatch, version: str | None, image: str, expected: tuple[str, str]) -> None:
    monkeypatch.setenv("LABKIT_KIND_IMAGE", image)
    monkeypatch.delenv("LABKIT_KIND_CONFIG", raising=False)
    options = KindOptions.from_environment(version)
    assert (options.image, options.node_version) == expected


@pytest.mark.parametrize(("version", "message"), [("1.34", r"write --version 1\.34\.N"), ("old", "is no Kubernetes version")])
def test_versions_without_an_image(monkeypatch: pytest.MonkeyPatch, version: str, message: str) -> None:
    monkeypatch.delenv("LABKIT_KIND_IMAGE", raising=False)
    with pytest.raises(WrongUse, match=message):
        KindOptions.from_environment(version)


def test_a_configuration_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_KIND_CONFIG", "/nowhere/kind.yaml")
    with pytest.raises(WrongUse, match=r"LABKIT_KIND_CONFIG names /nowhere/kind\.yaml"):
        KindOptions.from_environment()


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
