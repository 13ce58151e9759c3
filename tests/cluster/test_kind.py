"""The real kind: created, used beside others, interrupted. Each test makes clusters of its own, called t-…, and deletes them."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(os.environ.get("LABKIT_CLUSTER") != "kind", reason="for kind: CLUSTER=kind make test"),
]

LABKIT = [sys.executable, "-c", "import sys; from labkit.cli import main; sys.exit(main())"]


@dataclass(frozen=True)
class Machine:
    """Two homes, and one name for a cluster that nobody else has."""

    name: str
    homes: tuple[Path, Path]

    def labkit(self, *arguments: str, home: int = 0) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*LABKIT, *arguments], env=self.environment(home), capture_output=True, text=True, check=False)

    def environment(self, home: int = 0) -> dict[str, str]:
        own = {key: value for key, value in os.environ.items() if key != "LABKIT_CLUSTER"}
        return own | {"LABKIT_HOME": str(self.homes[home]), "KUBECONFIG": str(self.homes[home] / "the-users-own")}

    def exists(self) -> bool:
        found = subprocess.run(["docker", "ps", "--all", "--format={{.Names}}"], capture_output=True, text=True, check=True)
        return f"{self.name}-control-plane" in found.stdout.split()


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    made = Machine(f"t-{secrets.token_hex(3)}", (tmp_path / "one", tmp_path / "two"))
    yield made
    made.labkit("down", "--name", made.name)
    assert not made.exists()


def test_from_creation_to_deletion(machine: Machine) -> None:
    up = ["up", "--cluster", "kind", "--name", machine.name, "--json"]
    first = machine.labkit(*up)
    assert first.returncode == 0, first.stderr
    info = json.loads(first.stdout)
    kubeconfig = Path(info["kubeconfig"])
    assert (info["cluster"], info["pid"]) == ("kind", None)
    assert kubeconfig.is_relative_to(machine.homes[0])
    assert kubeconfig.stat().st_mode & 0o777 == 0o600
    assert not (machine.homes[0] / "the-users-own").exists()

    # It is ready, and has what the lessons' Pods need.
    from labkit.clusters import kubectl_path

    def kubectl(*arguments: str) -> str:
        return subprocess.run([kubectl_path(), f"--kubeconfig={kubeconfig}", *arguments], capture_output=True, text=True, check=True).stdout

    assert kubectl("get", "nodes", "--output=jsonpath={.items[*].status.conditions[?(@.type=='Ready')].status}") == "True"
    assert kubectl("get", "sa/default", "cm/kube-root-ca.crt", "--output=name").split() == [
        "serviceaccount/default",
        "configmap/kube-root-ca.crt",
    ]
    images = kubectl("get", "nodes", "--output=jsonpath={.items[*].status.images[*].names}")
    node = subprocess.run(
        ["docker", "exec", f"{machine.name}-control-plane", "ctr", "-n", "k8s.io", "images", "ls", "-q"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "labkit.local/tools:1" in node.stdout.split(), images

    # It is found again, by this home and by another one, and the other one does not delete it.
    assert json.loads(machine.labkit(*up).stdout) == info
    other = machine.labkit(*up, home=1)
    assert json.loads(other.stdout)["server"] == info["server"]
    left = machine.labkit("down", "--name", machine.name, home=1)
    assert "was there before labkit, so it stays" in left.stdout
    assert machine.exists()

    # A stopped node is named, and so is the way to start it.
    subprocess.run(["docker", "stop", "--time=1", f"{machine.name}-control-plane"], capture_output=True, check=True)
    stopped = machine.labkit(*up)
    assert (stopped.returncode, stopped.stdout) == (3, "")
    assert f"docker start {machine.name}-control-plane" in stopped.stderr

    assert machine.labkit("down", "--name", machine.name).stdout == f"Deleted kind cluster {machine.name!r}.\n"
    assert not machine.exists()


def test_interrupted(machine: Machine) -> None:
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a background shell's children ignore it
    try:
        with subprocess.Popen(
            [*LABKIT, "up", "--cluster", "kind", "--name", machine.name], env=machine.environment(), stderr=subprocess.PIPE, text=True
        ) as child:
            deadline = time.monotonic() + 120
            while not machine.exists():
                assert time.monotonic() < deadline
                time.sleep(0.1)
            child.send_signal(signal.SIGINT)
            _, said = child.communicate()
    finally:
        signal.signal(signal.SIGINT, before)
    assert child.returncode == 130
    assert said.endswith("Interrupted.\n")
    assert "Traceback" not in said
    assert not machine.exists()
    assert machine.labkit("status").returncode == 3
