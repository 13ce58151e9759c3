"""A context of the user's kubeconfig: copied, never changed."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from labkit.clusters import connect_or_start, require_alive, up
from labkit.clusters.embedded import launch
from labkit.clusters.errors import NoCluster, WrongUse
from labkit.clusters.info import ClusterInfo

CONTEXT = "team/eu:prod"


@pytest.fixture
def users(stub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's kubeconfig with two contexts, the other one current; CONTEXT is a stand-in that answers."""
    info, _ = up()
    config = yaml.safe_load(info.kubeconfig.read_text())
    config["contexts"] = [
        {"name": CONTEXT, "context": {"cluster": "labkit-lab", "user": "labkit-lab", "namespace": "theirs"}},
        {"name": "other", "context": {"cluster": "gone", "user": "nobody"}},
    ]
    config["clusters"].append({"name": "gone", "cluster": {"server": "https://127.0.0.1:1"}})
    config["users"].append({"name": "nobody", "user": {"token": "x"}})
    config["current-context"] = "other"
    path = tmp_path / "users.kubeconfig"
    path.write_text(yaml.safe_dump(config))
    monkeypatch.setenv("KUBECONFIG", str(path))
    return path


def test_connected(users: Path, stub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = users.read_bytes()
    monkeypatch.setenv("LABKIT_CLUSTER", f"context:{CONTEXT}")
    found = connect_or_start()
    server = launch.start(stub, "lab")[0].server
    copy = stub / "contexts" / "team_eu_prod.kubeconfig"
    assert found == ClusterInfo(CONTEXT, "context", "1.37.2", server, copy)
    assert users.read_bytes() == before
    assert copy.stat().st_mode & 0o777 == 0o600
    config = yaml.safe_load(copy.read_text())
    assert config["current-context"] == CONTEXT
    assert [len(config[part]) for part in ("contexts", "clusters", "users")] == [1, 1, 1]


def test_no_such_context(users: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_CLUSTER", "context:none")
    with pytest.raises(WrongUse, match=r"There is no context 'none' in your kubeconfig.*kubectl config get-contexts"):
        connect_or_start()


def test_nobody_answers(users: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_CLUSTER", "context:other")
    with pytest.raises(NoCluster, match=r"context 'other' \(https://127\.0\.0\.1:1\) does not answer"):
        connect_or_start()


def test_it_stops_answering(users: Path, stub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_CLUSTER", f"context:{CONTEXT}")
    info = connect_or_start()
    launch.stop(stub, "lab")
    with pytest.raises(NoCluster, match="does not answer"):
        require_alive(info)
