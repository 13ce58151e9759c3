"""`labkit refresh`: run the notebooks and store what they print. How is in `labkit.lab.refresh`."""

from __future__ import annotations

import click


@click.command()
@click.option("--cluster", default="kind", envvar="LABKIT_CLUSTER", show_default=True, metavar="embedded|kind", help="on which cluster")
@click.option("--lesson", metavar="NN", help="only this notebook, such as 04")
@click.option("--allow-embedded", is_flag=True, help="store outputs of an embedded cluster, while you write a lesson")
def refresh(cluster: str, lesson: str | None, allow_embedded: bool) -> None:
    """Run the notebooks on a cluster and store their outputs.

    A stored output stays as it is wherever old and new are equal once normalised, so that a diff shows what changed and nothing else.
    Outputs come from kind; the embedded cluster has to print the same.
    """
    from labkit.clusters.lifecycle import Choice
    from labkit.lab.refresh import refresh as refresh_notebooks
    from labkit.lab.runs import cluster_for_run
    from labkit.lab.working_copy import find_lesson, lessons, notebooks_folder

    Choice.parse(cluster)
    folder = notebooks_folder()
    chosen = [find_lesson(lesson, folder)] if lesson else lessons(folder)
    with cluster_for_run(cluster, folder.parent / "build", lambda text: click.echo(text, err=True)) as info:
        click.echo(f"On {info.cluster}, Kubernetes {info.version}:")
        for path in chosen:
            for outcome in refresh_notebooks([path], info, allow_embedded=allow_embedded):
                click.echo(f"  {outcome}")
