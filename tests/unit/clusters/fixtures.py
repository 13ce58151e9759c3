"""A home of the test's own, and embedded clusters that are stand-ins and end with the test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.clusters.embedded import launch
from tests.unit.clusters.stub_cluster import command

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setenv("LABKIT_HOME", str(folder))
    for name in ("LABKIT_CLUSTER", "LABKIT_KIND_IMAGE", "LABKIT_KIND_CONFIG", "KUBECONFIG"):
        monkeypatch.delenv(name, raising=False)
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def stub(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The home, in which every embedded cluster is a stand-in (`stub_cluster`, mode "fine")."""
    monkeypatch.setattr(launch, "COMMAND", command("fine"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep))
    yield home
    clusters = home / "clusters"
    for folder in clusters.iterdir() if clusters.is_dir() else ():
        launch.stop(home, folder.name)


def program(folder: Path, name: str, script: str) -> Path:
    """An executable shell script."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path
