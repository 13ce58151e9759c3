"""Kubeconfig files of labkit's own clusters: one cluster, one user, one context, mode 0600. The user's own file is never touched."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from labkit.clusters.errors import ClusterError
from labkit.clusters.home import write_private


@dataclass(frozen=True, slots=True)
class Credentials:
    """How to reach a server as its administrator: PEM texts."""

    server: str
    certificate_authority: str
    client_certificate: str
    client_key: str


def context_name(cluster: str) -> str:
    """`labkit-<name>`. Cluster and user are called so as well, as kind does it, so that several files can be merged."""
    return f"labkit-{cluster}"


def write_kubeconfig(path: Path, cluster: str, credentials: Credentials) -> None:
    """Write the file, in one step."""
    name = context_name(cluster)
    # Written by hand in `kubectl config view`'s order: all values are ours and need no quotes, and a YAML library costs 100 ms.
    write_private(
        path,
        f"""\
apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: {_base64(credentials.certificate_authority)}
    server: {credentials.server}
  name: {name}
contexts:
- context:
    cluster: {name}
    user: {name}
  name: {name}
current-context: {name}
kind: Config
preferences: {{}}
users:
- name: {name}
  user:
    client-certificate-data: {_base64(credentials.client_certificate)}
    client-key-data: {_base64(credentials.client_key)}
""",
    )


def read_credentials(path: Path) -> Credentials:
    """The current context's server and client certificate, from a file that labkit or kind wrote.

    Raises:
        ClusterError: it cannot be read, or it is none of theirs.
    """
    try:
        config = _parse(path.read_text(encoding="utf-8"))
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user = _named(config["users"], context["user"])["user"]
        return Credentials(
            cluster["server"],
            _text(cluster["certificate-authority-data"]),
            _text(user["client-certificate-data"]),
            _text(user["client-key-data"]),
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise ClusterError(f"The kubeconfig {path} cannot be used ({error!r}). `labkit up` writes it again.") from error


def _parse(text: str) -> Any:
    if text.lstrip().startswith("{"):
        return json.loads(text)
    import yaml

    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _named(entries: Any, name: str) -> Any:
    for entry in entries:
        if entry["name"] == name:
            return entry
    raise LookupError(name)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _text(data: str) -> str:
    return base64.b64decode(data, validate=True).decode()
