"""`labkit status`, `labkit logs`, `labkit kubeconfig`: looking, and changing nothing."""

from __future__ import annotations

import json
import time

import click

from labkit.cli.options import chosen_cluster, cluster_option, json_option, name_option
from labkit.clusters import lifecycle
from labkit.clusters.errors import NoCluster
from labkit.clusters.home import checked_name, labkit_home
from labkit.clusters.info import DEFAULT_NAME, ClusterInfo, Status

FOLLOW_SECONDS = 0.2


@click.command()
@click.option("--name", metavar="N", help="only the clusters of this name")
@json_option
def status(name: str | None, as_json: bool) -> int:
    """Show the clusters that labkit knows, and how each of them is.

    Ends with 3 if none runs. With --json: the one that a notebook would get, with the keys of `labkit up --json`, its `state` and a `note`;
    `clusters` lists all of them.
    """
    found = [one for one in lifecycle.status() if name in (None, one.name)]
    running = [one for one in found if one.state == "running"]
    if as_json:
        first = (running or found or [Status(name or DEFAULT_NAME, "embedded", "stopped", "`labkit up` starts it.")])[0]
        click.echo(json.dumps(first.as_json() | {"clusters": [one.as_json() for one in found]}))
    elif not found:
        click.echo("No cluster yet. `labkit up` starts one.")
    else:
        click.echo(_table(found))
    return 0 if running else NoCluster.exit_code


@click.command()
@name_option
@cluster_option
@click.option("--follow", "-f", is_flag=True, help="go on until Ctrl-C")
def logs(name: str, cluster: str | None, follow: bool) -> None:
    """Show what the cluster's process wrote (kind: what kind said without a terminal)."""
    path = lifecycle.logs(checked_name(name), cluster)
    with path.open(encoding="utf-8", errors="replace") as file:
        while True:
            if text := file.read():
                click.echo(text, nl=False)
            if not follow:
                return
            time.sleep(FOLLOW_SECONDS)


@click.command()
@name_option
@cluster_option
def kubeconfig(name: str, cluster: str | None) -> None:
    """Print the path of a running cluster's kubeconfig, and nothing else.

    \b
    export KUBECONFIG=$(labkit kubeconfig)
    """
    click.echo(str(_running(checked_name(name), cluster).kubeconfig))


def _running(name: str, cluster: str | None) -> ClusterInfo:
    choice = chosen_cluster()
    if cluster is None and choice and choice.cluster == "context":
        from labkit.clusters import existing

        return existing.connect(labkit_home(), choice.context)
    wanted = cluster or (choice.cluster if choice else None)
    found = lifecycle.running(name, wanted)
    if found is None:
        up = ["labkit up", *([f"--name {name}"] if name != DEFAULT_NAME else []), *([f"--cluster {wanted}"] if wanted == "kind" else [])]
        raise NoCluster(f"No cluster {name!r} runs. Start it: {' '.join(up)}")
    return found


def _table(found: list[Status]) -> str:
    rows = [("NAME", "CLUSTER", "STATE", "VERSION", "SERVER", "PID")]
    for one in found:
        info = one.info
        rows.append((one.name, one.cluster, one.state, info.version if info else "", info.server if info else "", _pid(info)))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([*lines, *(f"{one.name}: {one.note}" for one in found if one.note)])


def _pid(info: ClusterInfo | None) -> str:
    return str(info.pid) if info and info.pid else ""


__all__ = ["kubeconfig", "logs", "status"]
