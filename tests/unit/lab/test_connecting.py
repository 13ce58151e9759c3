"""`connect`: a fresh namespace each time, and nothing touched that is not the lesson's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from labkit import connect
from labkit.clusters.info import ClusterInfo
from labkit.lab import connecting
from labkit.lab.errors import LabError, NotConnected
from labkit.lab.session import Session, current_session
from tests.unit.lab.cluster_of_dicts import DictApi

NAMESPACES = "/api/v1/namespaces"


class Cluster(DictApi):
    """Gives a new namespace what controllers give it, and honours label selectors."""

    def request(self, method, path, body=None, *, query=None, **rest):  # type: ignore[no-untyped-def]  # as DictApi's
        answer = super().request(method, path, body, query=query, **rest)
        if method == "POST" and path == NAMESPACES:
            name = body["metadata"]["name"]
            body["status"] = {"phase": "Active"}
            self.objects[f"{NAMESPACES}/{name}/serviceaccounts/default"] = {"metadata": {"name": "default", "namespace": name}}
            self.objects[f"{NAMESPACES}/{name}/configmaps/kube-root-ca.crt"] = {"metadata": {"name": "kube-root-ca.crt"}}
        if method == "GET" and query and "labelSelector" in query:
            wanted = dict(pair.split("=") for pair in query["labelSelector"].split(","))
            answer["items"] = [i for i in answer["items"] if wanted.items() <= (i["metadata"].get("labels") or {}).items()]
        return answer


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    made = Cluster()
    info = ClusterInfo("lab", "embedded", "1.37.2", "https://127.0.0.1:1", Path("/nowhere"))
    monkeypatch.setattr("labkit.clusters.connect_or_start", lambda: info)
    monkeypatch.setattr(connecting, "Api", SimpleNamespace(from_kubeconfig=lambda _: made))
    monkeypatch.setattr("labkit.lab.connecting.atexit.register", lambda *_: None)
    before = connecting.use(None)
    yield made
    connecting.use(before)


def namespaces(cluster: Cluster) -> set[str]:
    return {path.rpartition("/")[2] for path in cluster.objects if path.count("/") == 4}


def test_one_line_says_where_the_lesson_runs(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    lab = connect("02")
    assert capsys.readouterr().out == f'cluster "lab", Kubernetes 1.37 · namespace {lab.namespace}\n'
    assert namespaces(cluster) == {lab.namespace}
    assert connecting.current_lab("this") is lab


def test_a_rerun_gets_a_fresh_namespace_and_clears_its_own_only(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_SESSION", "neighbour")
    neighbour = connect("02").namespace
    monkeypatch.setenv("LABKIT_SESSION", "me")
    other_lesson, first = connect("03").namespace, connect("02").namespace
    cluster.objects[f"{NAMESPACES}/production"] = {"metadata": {"name": "production"}}
    second = connect("02").namespace
    assert second != first
    assert namespaces(cluster) == {"production", neighbour, other_lesson, second}


def test_what_holds_a_left_over_namespace_is_let_go(cluster: Cluster) -> None:
    left = connect("02").namespace
    cluster.objects[f"{NAMESPACES}/{left}"]["status"]["phase"] = "Terminating"
    door = f"{NAMESPACES}/{left}/configmaps/door"
    cluster.objects[door] = {"metadata": {"name": "door", "finalizers": ["labkit.local/hold", "somebody/else"]}}
    connect("02")
    assert ("PATCH", door, {"metadata": {"finalizers": ["somebody/else"]}}) in cluster.asked


def test_the_end_of_a_kernel_clears_what_it_made(cluster: Cluster) -> None:
    old = connect("02")
    old.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": old.unique("closing")}})
    cluster.objects[f"{NAMESPACES}/later"] = {"metadata": {"name": "later", "labels": old.session.labels("02")}, "status": {}}
    connecting._leave(old, os.getpid())
    assert namespaces(cluster) == {"later"}


@pytest.mark.parametrize("lesson", ["2", "two", "", "002"])
def test_a_lesson_has_two_digits(cluster: Cluster, lesson: str) -> None:
    with pytest.raises(LabError, match='connect\\(lesson="02"\\)'):
        connect(lesson)


def test_without_connect_there_is_no_lab(cluster: Cluster) -> None:
    with pytest.raises(NotConnected, match="check"):
        connecting.current_lab("check(…)")


def test_the_session_is_kept(home: Path) -> None:
    first = current_session()
    assert current_session() == first
    assert (home / "session.json").stat().st_mode & 0o777 == 0o600
    assert first.namespace("02") == current_session().namespace("02") != first.namespace("03")
    assert first.namespace("02", attempt=1) != first.namespace("02")


@pytest.mark.parametrize("lesson", ["00", "14"])
def test_a_namespace_is_named_as_the_normalisation_expects(lesson: str) -> None:
    from labkit.lab.normalise import normalise

    names = {Session(f"session-{number}").namespace(lesson) for number in range(200)}
    assert len(names) > 195
    assert {normalise(name) for name in names} == {f"lesson-{lesson}-SUFFIX"}


def test_a_session_that_cannot_be_a_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_SESSION", "a/b")
    with pytest.raises(LabError, match="LABKIT_SESSION"):
        current_session()
