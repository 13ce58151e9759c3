"""What the lab's tests share: a home of their own, and a lab that is nobody else's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labkit.lab import connecting
from labkit.lab.lab import Lab
from tests.unit.lab.cluster_of_dicts import DictApi, make_lab


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """LABKIT_HOME, none of the settings that a run of notebooks makes, and no lab that another test of this process is still in."""
    monkeypatch.setenv("LABKIT_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LABKIT_SESSION", raising=False)
    monkeypatch.delenv("LABKIT_RESULTS", raising=False)
    before = connecting.use(None)
    yield tmp_path / "home"
    connecting.use(before)


@pytest.fixture
def lab() -> Iterator[Lab]:
    """The current lab, on an empty cluster."""
    made, _ = make_lab()
    before = connecting.use(made)
    yield made
    connecting.use(before)


@pytest.fixture
def api(lab: Lab) -> DictApi:
    """The cluster behind `lab`."""
    assert isinstance(lab.api, DictApi)
    return lab.api
