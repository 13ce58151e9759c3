"""A lesson notices when a rule no longer holds, and names the documented sentence."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.catalogue import behaviour
from labkit.clusters.embedded import launch
from labkit.lab.normalise import sanitize_file

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parents[1] / "notebooks"


@pytest.fixture
def broken(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """The home of a running cluster in which the rule that the test names is broken."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    command = (sys.executable, "-P", str(HERE / "broken_cluster.py"), request.param)
    launch.start(home, "lab", command=command)
    try:
        yield home
    finally:
        launch.stop(home, "lab", purge=True)


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    ("broken", "lesson", "documented"),
    [
        pytest.param("account-stays-away", "02-the-default-account", "sa-controller-default-recreated", id="account-stays-away"),
        pytest.param("default-name", "03-a-pods-account", "admission-default-sa-assigned", id="default-name"),
        pytest.param("automount-precedence", "04-credentials-in-a-pod", "automount-pod-optout", id="automount-precedence"),
    ],
    indirect=["broken"],
)
def test_a_broken_rule_fails_its_lesson(broken: Path, lesson: str, documented: str, tmp_path: Path) -> None:
    sanitize = tmp_path / "sanitize.cfg"
    sanitize.write_text(sanitize_file(), encoding="utf-8")
    environment = os.environ | {"LABKIT_HOME": str(broken), "LABKIT_CLUSTER": "embedded", "LABKIT_SESSION": secrets.token_hex(4)}
    environment.pop("LABKIT_RESULTS", None)
    command = [sys.executable, "-m", "pytest", str(NOTEBOOKS / f"{lesson}.ipynb"), "--nbval", f"--nbval-sanitize-with={sanitize}"]
    command += ["-p", "no:labkit", "-p", "no:cacheprovider", "-p", "no:xdist", "--color=no"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=170, cwd=HERE.parents[1], check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    assert behaviour(documented).statement in " ".join(run.stdout.split()), run.stdout
