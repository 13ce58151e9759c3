"""The `labkit` command: finds the subcommand that is asked for, imports only that, and turns mistakes into a sentence and an exit code."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import NoReturn

import click

from labkit.clusters.errors import UserError

INTERRUPTED, TERMINATED = 130, 143

# Subcommand → its module and its line in the help: so that neither help nor a quick command imports what it does not use.
COMMANDS = {
    "up": ("labkit.cli.up", "start a cluster, ready when it returns"),
    "down": ("labkit.cli.down", "stop it"),
    "status": ("labkit.cli.look", "show the clusters that labkit knows"),
    "logs": ("labkit.cli.look", "show what the cluster wrote"),
    "kubeconfig": ("labkit.cli.look", "print the path of its kubeconfig"),
    "doctor": ("labkit.cli.doctor", "check this machine: what works, what is missing, what to do"),
    "lab": ("labkit.cli.course", "open the first lesson in JupyterLab (make lab)"),
    "test": ("labkit.cli.course", "run all tests and every notebook (make test)"),
    "report": ("labkit.cli.course", "which documented behaviours were shown, where"),
    "explain": ("labkit.cli.explain", "tell what a rule (ADM-13) or a documented behaviour says, and where it is"),
    "reset": ("labkit.cli.course", "put a lesson back as the course has it"),
    "refresh": ("labkit.cli.refresh", "run the notebooks and store their outputs (make refresh)"),
}


class LazyGroup(click.Group):
    """A group that knows its commands' names, and imports a command when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which a person needs them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command: click.Command = getattr(importlib.import_module(module), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A line for each command, without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with a suggestion for a slip of the finger."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            close = difflib.get_close_matches(args[0], COMMANDS, n=1)
            hint = f"Did you mean `labkit {close[0]}`?" if close else "`labkit --help` lists the commands."
            raise click.UsageError(f"There is no command {args[0]!r}. {hint}", ctx) from error


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(package_name="labkit", message="labkit %(version)s")
def labkit() -> None:
    """A course about Kubernetes ServiceAccounts whose every sentence runs, and the clusters that it runs on.

    \b
    labkit up                            a cluster in a blink, without Docker
    export KUBECONFIG=$(labkit kubeconfig)
    kubectl get pods -A
    labkit down                          its state is kept

    LABKIT_CLUSTER=embedded|kind|context:NAME chooses the cluster that notebooks and commands use; LABKIT_HOME is where state and your
    work are kept.

    Exit codes: 0 fine; 1 a documented behaviour or a test fails; 2 wrong use; 3 no cluster, or it cannot be reached.
    """


class _Terminated(KeyboardInterrupt):
    """SIGTERM: what cleans up after Ctrl-C does so after this."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command line; its exit code. A person's mistake is one sentence on stderr, never a traceback."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = labkit.main(list(sys.argv[1:] if arguments is None else arguments), prog_name="labkit", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except UserError as error:
        click.echo(str(error), err=True)
        return error.exit_code
    except _Terminated:
        return TERMINATED
    except (click.Abort, KeyboardInterrupt) as error:
        if isinstance(error.__cause__ or error.__context__, _Terminated):
            return TERMINATED
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except BrokenPipeError:  # `labkit status | head -1`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _terminate(_number: int, _frame: FrameType | None) -> NoReturn:
    raise _Terminated
