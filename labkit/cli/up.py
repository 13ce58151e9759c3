"""`labkit up`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from labkit.cli.options import chosen_cluster, duration, feature_gates, json_option, name_option, switch, words
from labkit.clusters import lifecycle
from labkit.clusters.errors import WrongUse
from labkit.clusters.info import ClusterInfo

# Options of the embedded cluster's API server: what is not given stays as it was at the last start.
SERVER_FLAGS = (
    click.option("--secure-port", "--port", "port", type=click.IntRange(1, 65535), metavar="PORT", help="default: the last one, or any"),
    click.option("--bind-address", "address", metavar="IP", help="default: 127.0.0.1, this machine alone"),
    click.option("--feature-gates", type=feature_gates, metavar="A=true,…", help="switch Kubernetes features on or off"),
    click.option(
        "--service-account-issuer", "service_account_issuers", multiple=True, metavar="URL", help="may be repeated: the first signs"
    ),
    click.option("--api-audiences", type=words, metavar="LIST", help="default: the issuers"),
    click.option(
        "--service-account-max-token-expiration", type=duration, metavar="DURATION", help="tokens live no longer; default: no limit"
    ),
    click.option("--service-account-extend-token-expiration", type=switch, metavar="BOOL", help="default: true"),
    click.option(
        "--legacy-service-account-token-clean-up-period",
        type=duration,
        metavar="DURATION",
        help="how long an automatic token Secret may go unused (1.28 and later); default: a year",
    ),
    click.option("--disable-admission-plugins", type=words, metavar="LIST", help="switch admission plugins off"),
    click.option(
        "--idle-timeout", "idle_seconds", type=duration, metavar="DURATION", help="stop when nobody asks for so long; default: 2h"
    ),
)


def _server_flags(function: Any) -> Any:
    for option in reversed(SERVER_FLAGS):
        function = option(function)
    return function


@click.command()
@name_option
@click.option("--cluster", type=click.Choice(["embedded", "kind"]), help="default: LABKIT_CLUSTER, else embedded")
@click.option("--version", metavar="1.37", help="Kubernetes version; default: the course's, or what it was")
@click.option("--state-dir", type=click.Path(file_okay=False, path_type=Path), metavar="DIR", help="where it keeps its state")
@_server_flags
@json_option
def up(name: str, cluster: str | None, version: str | None, state_dir: Path | None, as_json: bool, **flags: Any) -> None:
    """Start a cluster, or find the one that runs, and return when it is ready.

    Ready means: its node is Ready, and namespace default has its account and kube-root-ca.crt.

    The embedded cluster is a Python process: no Docker, no root, gone with `labkit down` or after two idle hours, its state kept. kind is a
    real cluster in Docker; it needs docker and kind on PATH, and takes half a minute. LABKIT_KIND_IMAGE and LABKIT_KIND_CONFIG name another
    node image and a kind configuration file.

    \b
    labkit up
    labkit up --name old --version 1.21
    labkit up --cluster kind
    """
    settings = {key: value for key, value in flags.items() if value not in (None, ())}
    if "service_account_max_token_expiration" in settings:
        settings["service_account_max_token_expiration"] = int(settings["service_account_max_token_expiration"])
    if state_dir:
        settings["state_dir"] = state_dir.expanduser().absolute()
    info, started = lifecycle.up(name, cluster or _from_environment(), version=version, settings=settings, say=_say)
    click.echo(json.dumps(info.as_json()) if as_json else _text(info, started))


def _from_environment() -> str:
    choice = chosen_cluster()
    if choice and choice.cluster == "context":
        message = (
            f"LABKIT_CLUSTER names the context {choice.context!r}, which labkit uses and does not start. Say which one: --cluster embedded"
        )
        raise WrongUse(message)
    return choice.cluster if choice else "embedded"


def _say(text: str) -> None:
    click.echo(text, err=True)


def _text(info: ClusterInfo, started: bool) -> str:
    how = "is ready" if started else "runs already"
    process = f", process {info.pid}" if info.pid else ""
    return (
        f"Cluster {info.name!r} {how}: Kubernetes {info.version} at {info.server} ({info.cluster}{process}).\n"
        f"  export KUBECONFIG={info.kubeconfig}"
    )
