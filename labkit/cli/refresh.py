"""`labkit refresh`: run the notebooks and store what they print."""

from __future__ import annotations

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from labkit.cli.stored_outputs import merge

CELL_SECONDS = 120


@click.command()
@click.option("--cluster", default="kind", envvar="LABKIT_CLUSTER", show_default=True, metavar="embedded|kind", help="on which cluster")
@click.option("--lesson", metavar="NN", help="only this notebook, such as 04")
@click.option("--check", is_flag=True, help="write nothing; end with 1 if a stored output is not what the lesson prints now")
def refresh(cluster: str, lesson: str | None, check: bool) -> int:
    """Run the notebooks on a cluster and store their outputs.

    A stored output stays as it is wherever old and new are equal once normalised, so that a diff shows what changed and nothing else.
    Outputs come from kind; the embedded cluster has to print the same.
    """
    from labkit.lab.working_copy import find_lesson, lessons, notebooks_folder

    folder = notebooks_folder()
    chosen = [find_lesson(lesson, folder)] if lesson else lessons(folder)
    outcomes: list[bool] = []
    with _cluster(cluster, folder.parent / "build"):
        for path in chosen:
            outcomes.append(_refresh(path, check=check))  # noqa: PERF401  # each may fail
    return 0 if all(outcomes) else 1


def _refresh(path: Path, *, check: bool) -> bool:
    """One notebook. A cell that fails leaves the file as it was."""
    import nbformat
    from nbclient.exceptions import CellExecutionError

    from labkit.lab.normalise import normalise

    stored = nbformat.read(path, as_version=4)
    try:
        ran = _run(stored, path.parent)
    except CellExecutionError as error:
        click.echo(f"{path.name}: a cell failed, and the file stays as it was.\n{error}", err=True)
        return False
    merged, changed = merge(stored, ran, normalise)
    if check:
        click.echo(f"{path.name}: {_cells(changed)} would change" if changed else f"{path.name}: as stored")
        return not changed
    _write(path, merged)
    click.echo(f"{path.name}: {_cells(changed)} changed" if changed else f"{path.name}: nothing changed")
    return True


def _run(stored: Any, folder: Path) -> Any:
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.from_dict({**stored})
    resources = {"metadata": {"path": str(folder)}}
    client = NotebookClient(notebook, timeout=CELL_SECONDS, kernel_name="python3", resources=resources, record_timing=False)
    return client.execute()


def _write(path: Path, notebook: Any) -> None:
    """In one step: an interrupted refresh leaves the old file or the new one."""
    import nbformat

    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=f".{path.name}-", encoding="utf-8", delete=False) as temporary:
        try:
            nbformat.write(nbformat.from_dict(notebook), temporary)
            temporary.close()
            shutil.copymode(path, temporary.name)
            Path(temporary.name).replace(path)
        except BaseException:
            Path(temporary.name).unlink(missing_ok=True)
            raise


@contextmanager
def _cluster(cluster: str, build: Path) -> Iterator[None]:
    """A cluster, and a home of this run's own, as the tests have it: the lessons' namespaces meet nobody else's."""
    from labkit.clusters import open_cluster

    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="home-", dir=build) as home:
        os.environ |= {"LABKIT_CLUSTER": cluster, "LABKIT_HOME": home, "LABKIT_SESSION": secrets.token_hex(4)}
        with open_cluster(cluster, say=lambda text: click.echo(text, err=True)) as running:
            os.environ["KUBECONFIG"] = str(running.kubeconfig)
            click.echo(f"On {running.cluster}, Kubernetes {running.version}.")
            yield


def _cells(numbers: list[int]) -> str:
    return ("cell " if len(numbers) == 1 else "cells ") + ", ".join(str(number) for number in numbers)
