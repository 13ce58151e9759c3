"""`labkit lab`, `test`, `report`, `reset`: the course itself. What they do is in `labkit.lab`."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from labkit.cli.options import json_option
from labkit.clusters.errors import WrongUse

FILE = click.Path(dir_okay=False, path_type=Path)
any_cluster = click.option(
    "--cluster",
    default="embedded",
    envvar="LABKIT_CLUSTER",
    show_default=True,
    metavar="embedded|kind|context:NAME",
    help="on which cluster",
)


@click.command()
@any_cluster
@click.option("--port", type=click.IntRange(1, 65535), default=8888, show_default=True, help="JupyterLab's port")
@click.option("--browser/--no-browser", default=True, help="open a browser where there is one")
def lab(cluster: str, port: int, browser: bool) -> int:
    """Start a cluster, open JupyterLab on the first lesson of your working copy, and print its URL.

    Ctrl-C stops all that it started. Your work is in LABKIT_HOME, and a newer lesson never overwrites what you changed.
    """
    from labkit.clusters.lifecycle import Choice
    from labkit.lab.jupyter import run_lab

    Choice.parse(cluster)
    return run_lab(port=port, browser=browser, cluster=cluster)


@click.command()
@any_cluster
@click.option("--lesson", metavar="NN", help="only this notebook, such as 04")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(cluster: str, lesson: str | None, arguments: tuple[str, ...]) -> int:
    """Run all tests and every notebook; results in build/. ARGUMENTS after `--` go to pytest.

    Ends with 1 if a test or a documented behaviour fails, with 3 if the cluster cannot be started.
    """
    from labkit.clusters.lifecycle import Choice
    from labkit.lab.notebook_tests import run_tests

    Choice.parse(cluster)
    return run_tests(lesson=lesson, cluster=cluster, extra=arguments)


@click.command()
@json_option
@click.option("--html", "html_file", type=FILE, metavar="FILE", help="write a page too")
@click.option("--junit", "junit_file", type=FILE, metavar="FILE", help="write JUnit XML too")
@click.option("--results", type=FILE, multiple=True, metavar="FILE", help="what a run recorded; may be repeated")
@click.option("--claimed", is_flag=True, help="leave out what no lesson claims yet")
def report(as_json: bool, html_file: Path | None, junit_file: Path | None, results: tuple[Path, ...], claimed: bool) -> int:
    """Show which documented behaviours were demonstrated, by which cells, on which cluster and version.

    Ends with 1 if one of them failed, or if a lesson claims what is not in the catalogue.
    """
    from labkit.lab import report_forms
    from labkit.lab.evidence import read
    from labkit.lab.report import make_report
    from labkit.lab.scan import scan_notebooks
    from labkit.lab.working_copy import notebooks_folder

    folder = notebooks_folder()
    named = os.environ.get("LABKIT_RESULTS")
    files = results or (Path(named) if named else folder.parent / "build" / "results.jsonl",)
    made = make_report(scan_notebooks(folder), [evidence for file in files for evidence in read(file)])
    for path, form in ((html_file, report_forms.html), (junit_file, report_forms.junit)):
        if path:
            _write(path, form(made))
    click.echo(json.dumps(made.as_json(), ensure_ascii=False) if as_json else report_forms.text(made, only_claimed=claimed))
    return made.exit_code


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise WrongUse(f"{path} cannot be written ({error.strerror}). Name another file.") from error


@click.command()
@click.argument("lesson", metavar="LESSON")
def reset(lesson: str) -> None:
    """Put LESSON (such as 04) back as the course has it. Your version is kept beside it."""
    from labkit.clusters.home import labkit_home
    from labkit.lab.working_copy import notebooks_folder, reset_lesson

    kept = reset_lesson(lesson, source=notebooks_folder(), work=labkit_home() / "work")
    click.echo("The lesson is as the course has it." + (f" Your version: {kept}" if kept else ""))
