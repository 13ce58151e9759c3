"""`labkit down`."""

from __future__ import annotations

import click

from labkit.cli.options import cluster_option, name_option
from labkit.clusters import lifecycle


@click.command()
@name_option
@cluster_option
@click.option("--purge", is_flag=True, help="remove its state too: objects, keys, logs")
def down(name: str, cluster: str | None, purge: bool) -> None:
    """Stop a cluster. One that does not run is no error.

    An embedded cluster keeps its state, and `labkit up` goes on with it, unless you --purge it. A kind cluster is deleted if labkit created
    it; one that was there before stays.
    """
    done = lifecycle.down(name, cluster, purge=purge)
    click.echo("\n".join(done) or f"No cluster {name!r} was running.")
