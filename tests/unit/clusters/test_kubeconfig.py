"""Kubeconfig files: what kubectl reads is what was written, and nobody else may read it."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import yaml

from labkit.clusters.errors import ClusterError
from labkit.clusters.kubeconfig import Credentials, read_credentials, write_kubeconfig

CREDENTIALS = Credentials("https://127.0.0.1:6443", "CA\nPEM\n", "CERT\n", "KEY\n")


def test_there_and_back(tmp_path: Path) -> None:
    path = tmp_path / "kubeconfig"
    write_kubeconfig(path, "lab", CREDENTIALS)
    assert read_credentials(path) == CREDENTIALS
    assert path.stat().st_mode & 0o777 == 0o600


def test_as_kubectl_reads_it(tmp_path: Path) -> None:
    write_kubeconfig(tmp_path / "k", "lab", CREDENTIALS)
    assert yaml.safe_load((tmp_path / "k").read_text()) == {
        "apiVersion": "v1",
        "kind": "Config",
        "preferences": {},
        "current-context": "labkit-lab",
        "clusters": [
            {
                "name": "labkit-lab",
                "cluster": {"server": "https://127.0.0.1:6443", "certificate-authority-data": base64.b64encode(b"CA\nPEM\n").decode()},
            }
        ],
        "contexts": [{"name": "labkit-lab", "context": {"cluster": "labkit-lab", "user": "labkit-lab"}}],
        "users": [
            {
                "name": "labkit-lab",
                "user": {
                    "client-certificate-data": base64.b64encode(b"CERT\n").decode(),
                    "client-key-data": base64.b64encode(b"KEY\n").decode(),
                },
            }
        ],
    }


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("{", id="broken"),
        pytest.param("a: [", id="no-yaml"),
        pytest.param("current-context: x\ncontexts: []\n", id="no-context"),
    ],
)
def test_a_file_that_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "k").write_text(content)
    with pytest.raises(ClusterError, match="`labkit up` writes it again"):
        read_credentials(tmp_path / "k")
