"""The command line: exit codes, and one sentence for each mistake."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from labkit.cli import main
from labkit.cli.group import COMMANDS
from labkit.clusters.embedded import launch
from tests.unit.clusters.stub_cluster import command


@pytest.fixture(autouse=True)
def _handlers() -> object:
    """main() takes SIGTERM for itself, and a test run has its own idea of it."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


class Ran:
    """What a command line gave."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def labkit(stub: Path, capfd: pytest.CaptureFixture[str]) -> object:
    def run(*arguments: str) -> Ran:
        code = main(arguments)
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return Ran(code, out, err)

    return run


class Labkit:
    """For the type checker: how the fixture is called."""

    def __call__(self, *arguments: str) -> Ran:
        raise NotImplementedError


def test_help_lists_every_command(labkit: Labkit) -> None:
    ran = labkit("--help")
    assert ran.code == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in ran.out] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(labkit: Labkit, name: str) -> None:
    ran = labkit(name, "--help")
    assert ran.code == 0
    assert ran.out.startswith(f"Usage: labkit {name}")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["sttus"], 2, "There is no command 'sttus'. Did you mean `labkit status`?", id="a-slip"),
        pytest.param(["frobnicate"], 2, "`labkit --help` lists the commands", id="no-command"),
        pytest.param(["up", "--nme", "x"], 2, "No such option", id="no-option"),
        pytest.param(["up", "--name", "Über"], 2, "A cluster cannot be called 'Über'", id="name"),
        pytest.param(["up", "--version", "1.99"], 2, "Kubernetes 1.99 is outside what labkit knows", id="version"),
        pytest.param(["up", "--version", "new"], 2, "'new' is no Kubernetes version", id="no-version"),
        pytest.param(["up", "--feature-gates", "Foo"], 2, "missing bool value for Foo", id="gate-without-value"),
        pytest.param(["up", "--feature-gates", "Foo=on"], 2, "'on' is neither true nor false", id="gate-value"),
        pytest.param(["up", "--feature-gates", "Foo=true"], 2, "unrecognized feature gate: Foo", id="gate"),
        pytest.param(["up", "--service-account-max-token-expiration", "1 day"], 2, 'invalid duration "1 day"', id="duration"),
        pytest.param(["up", "--service-account-max-token-expiration", "10m"], 2, "must be between 1 hour and 2^32 seconds", id="TRQ-20"),
        pytest.param(["up", "--port", "99999"], 2, "99999 is not in the range", id="port"),
        pytest.param(["up", "--cluster", "minikube"], 2, "'minikube' is not one of", id="cluster"),
        pytest.param(["up", "--cluster", "kind", "--bind-address", "::1"], 2, "only an embedded cluster takes it", id="flag-of-another"),
        pytest.param(["kubeconfig"], 3, "No cluster 'lab' runs. Start it: labkit up\n", id="no-cluster"),
        pytest.param(["kubeconfig", "--name", "x"], 3, "No cluster 'x' runs. Start it: labkit up --name x\n", id="no-such-cluster"),
        pytest.param(["logs"], 3, "There is no log of a cluster 'lab'", id="no-log"),
        pytest.param(["test", "--cluster", "minikube"], 2, "'minikube' names no cluster", id="test-where"),
        pytest.param(["reset", "99"], 2, "", id="no-lesson"),
    ],
)
def test_mistakes(labkit: Labkit, arguments: list[str], code: int, said: str) -> None:
    ran = labkit(*arguments)
    assert (ran.code, ran.out) == (code, "")
    assert said in ran.err


def test_up_look_down(labkit: Labkit, stub: Path) -> None:
    ran = labkit("up", "--json")
    told = json.loads(ran.out)
    assert ran.code == 0
    assert list(told) == ["name", "cluster", "version", "server", "kubeconfig", "pid"]
    assert labkit("kubeconfig").out == told["kubeconfig"] + "\n"
    again = labkit("up")
    assert again.out == (
        f"Cluster 'lab' runs already: Kubernetes 1.37.2 at {told['server']} (embedded, process {told['pid']}).\n"
        f"  export KUBECONFIG={told['kubeconfig']}\n"
    )
    status = json.loads(labkit("status", "--json").out)
    assert {key: status[key] for key in told} == told
    assert (status["state"], [one["name"] for one in status["clusters"]]) == ("running", ["lab"])
    assert "embedded   running   1.37.2" in labkit("status").out
    assert "ready: Kubernetes 1.37.2" in labkit("logs").out
    assert labkit("down").out.startswith("Stopped cluster 'lab'; its state is kept in ")
    assert labkit("down").code == 0
    stopped = labkit("status")
    assert (stopped.code, "`labkit up` starts it again" in stopped.out) == (3, True)
    assert json.loads(labkit("status", "--json").out)["pid"] is None


def test_nothing_yet(labkit: Labkit) -> None:
    ran = labkit("status")
    assert (ran.code, ran.out) == (3, "No cluster yet. `labkit up` starts one.\n")
    assert json.loads(labkit("status", "--json").out)["state"] == "stopped"


def test_flags_reach_the_cluster(labkit: Labkit, stub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    flags = ["--version=1.29", "--feature-gates=ServiceAccountTokenJTI=true", "--service-account-issuer=https://a", "--api-audiences=x,y"]
    flags += [
        "--service-account-issuer=https://b",
        "--service-account-max-token-expiration=24h",
        "--disable-admission-plugins=ServiceAccount",
    ]
    flags += ["--service-account-extend-token-expiration=false", "--state-dir=state", "--idle-timeout=1m30s"]
    flags += ["--legacy-service-account-token-clean-up-period=24h"]
    assert labkit("up", *flags).code == 0
    settings = json.loads((stub / "clusters" / "lab" / "settings.json").read_text())
    assert settings == {
        "name": "lab",
        "state_dir": str(tmp_path / "state"),
        "version": "1.29",
        "address": "127.0.0.1",
        "port": 0,
        "feature_gates": {"ServiceAccountTokenJTI": True},
        "service_account_issuers": ["https://a", "https://b"],
        "api_audiences": ["x", "y"],
        "service_account_max_token_expiration": 86400,
        "service_account_extend_token_expiration": False,
        "legacy_service_account_token_clean_up_period": 86400.0,
        "disable_admission_plugins": ["ServiceAccount"],
        "idle_seconds": 90.0,
    }


def test_a_cluster_that_does_not_start(labkit: Labkit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launch, "COMMAND", command("port-taken"))
    ran = labkit("up", "--json")
    assert (ran.code, ran.out) == (3, "")
    assert "Its port is taken by another program. Name another one with --secure-port" in ran.err


def test_the_environment_chooses(labkit: Labkit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABKIT_CLUSTER", "context:work")
    ran = labkit("up")
    assert (ran.code, "names the context 'work', which labkit uses and does not start" in ran.err) == (2, True)
    monkeypatch.setenv("LABKIT_CLUSTER", "nonsense")
    assert labkit("kubeconfig").code == 2


def test_a_home_that_cannot_be_written(labkit: Labkit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "file"))
    ran = labkit("up")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert "LABKIT_HOME=/path/to/folder" in ran.err


def test_a_reader_who_leaves(stub: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m labkit.cli --help | head -1", shell=True, capture_output=True, text=True, check=False, env=os.environ
    )
    assert done.stderr == ""


def test_help_imports_little() -> None:
    heavy = "{'aiohttp', 'asyncio', 'cryptography', 'yaml', 'rich', 'kubernetes', 'pytest', 'nbformat', 'labkit.lab'}"
    program = f"import sys; from labkit.cli import main; main(['--help']); print(sorted({heavy} & set(sys.modules)), file=sys.stderr)"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr == "[]\n"
