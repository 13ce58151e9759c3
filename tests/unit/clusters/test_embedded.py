"""The embedded cluster as a process, with nothing replaced: what `labkit up` promises."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.clusters import ClusterInfo, StartFailed, down, kubectl_path, running, status, up
from labkit.clusters.embedded import launch
from labkit.clusters.kubeconfig import read_credentials
from labkit.clusters.probe import Probe


@pytest.fixture
def info(home: Path) -> Iterator[ClusterInfo]:
    yield up()[0]
    down()


def kubectl(info: ClusterInfo, *arguments: str) -> str:
    command = [str(kubectl_path()), f"--kubeconfig={info.kubeconfig}", f"--cache-dir={info.kubeconfig.parent / 'cache'}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_ready_when_it_returns(info: ClusterInfo) -> None:
    assert Probe(read_credentials(info.kubeconfig)).missing() == ""
    assert info.version.startswith("1.37.")
    assert kubectl(info, "get", "nodes", "--output=name") == "node/lab-control-plane\n"
    assert "kubernetes-admin" in kubectl(info, "auth", "whoami")


def test_a_version_that_made_secrets_by_itself(home: Path) -> None:
    info = up(version="1.20")[0]
    try:
        listed = kubectl(info, "get", "serviceaccount", "default", "--output=jsonpath={.secrets[*].name}")
        assert re.fullmatch("default-token-[a-z0-9]{5}", listed), "TKL-4"
        kubectl(info, "run", "web", "--image=labkit.local/tools:1")
        volumes = kubectl(info, "get", "pod", "web", "--output=jsonpath={.spec.volumes[*].secret}")
        assert json.loads(volumes) == {"secretName": listed, "defaultMode": 0o644}, "ERAADM-10"
        assert "legacy-service-account-token-tracking" not in kubectl(info, "get", "configmaps", "--all-namespaces")
    finally:
        down()


def test_tracking_begins_with_the_cluster(info: ClusterInfo) -> None:
    data = kubectl(
        info, "get", "configmap", "kube-apiserver-legacy-service-account-token-tracking", "-nkube-system", "--output=jsonpath={.data.since}"
    )
    assert re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", data), "LEG-1"


def test_an_acknowledged_write_survives_kill_9(info: ClusterInfo) -> None:
    kubectl(info, "create", "namespace", "kept")
    assert info.pid
    os.kill(info.pid, signal.SIGKILL)
    while running():
        time.sleep(0.01)
    assert [one.state for one in status()] == ["died"]
    again, started = up()
    assert started
    assert again.server == info.server
    assert kubectl(again, "get", "namespace", "kept", "--output=name") == "namespace/kept\n"


def test_it_ends_quickly_with_watches_open(info: ClusterInfo) -> None:
    command = [str(kubectl_path()), f"--kubeconfig={info.kubeconfig}", "get", "namespaces", "--watch", "--output=name"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as watch:
        assert watch.stdout
        assert watch.stdout.readline() == "namespace/default\n"
        begin = time.monotonic()
        down()
        assert time.monotonic() - begin < 4
        watch.kill()


def test_an_open_watch_is_no_idleness(home: Path) -> None:
    info, _ = up(settings={"idle_seconds": 1.0})
    command = [str(kubectl_path()), f"--kubeconfig={info.kubeconfig}", "get", "namespaces", "--watch", "--output=name"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as watch:
        assert watch.stdout
        watch.stdout.readline()
        time.sleep(1.5)
        assert running() == info
        watch.kill()
    deadline = time.monotonic() + 20
    while running():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "nobody asked it anything" in status()[0].note


def test_a_taken_port(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(StartFailed, match="Its port is taken by another program"):
        up(settings={"port": taken.getsockname()[1]})
    assert status() == []


def test_a_second_daemon_on_the_same_state(info: ClusterInfo, tmp_path: Path) -> None:
    state = info.kubeconfig.parent / "state"
    with pytest.raises(StartFailed, match="Another process already serves the state"):
        launch.start(tmp_path / "another-home", "lab", {"state_dir": state})
