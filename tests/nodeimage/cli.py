"""The command line."""

from __future__ import annotations

import argparse
import os
import signal
from collections.abc import Sequence
from types import FrameType

from tests.nodeimage import docker_daemon, ensured, lock, versions
from tests.nodeimage.cache import Cache, default_root
from tests.nodeimage.errors import NodeImageError
from tests.nodeimage.steps import Steps, tell
from tests.nodeimage.versions import Kubernetes

DESCRIPTION = """\
A kind cluster without a container registry: builds the node image and the lessons' Pod image from package registries
alone (Go modules and Debian packages), once; afterwards they come from the cache in seconds. Where a container
registry answers, the ordinary kindest/node image is used instead.
"""

EPILOG = """\
from nothing to a cluster:
  python3 -m tests.nodeimage docker
  python3 -m tests.nodeimage ensure
  eval "$(python3 -m tests.nodeimage env)"
  kind create cluster --name lab --image "$LABKIT_KIND_IMAGE" ${LABKIT_KIND_CONFIG:+--config "$LABKIT_KIND_CONFIG"}
  kind load docker-image "$LABKIT_TOOLS_IMAGE" --name lab

Results are kept in LABKIT_CACHE (by default the user's cache folder), by a hash of what they were made from. Progress
is told on stderr; stdout has only what a shell is to read. Exit status: 0 done, 1 failed, 2 wrong usage, 3 no Docker,
130 interrupted.
"""


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    wide = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser("python3 -m tests.nodeimage", description=DESCRIPTION, epilog=EPILOG, formatter_class=wide)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def add(name: str, text: str, more: str = "") -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=f"{text}. {more}")

    docker = add(
        "docker",
        "make a Docker daemon answer",
        "Does nothing where one does. Else, as root on Debian, installs docker.io and starts dockerd; its process id and log "
        "are in the cache. Exits with status 3 where that cannot be.",
    )
    docker.add_argument("--stop", action="store_true", help="stop the daemon that this command started, and no other")

    ensure = add("ensure", "have both images in Docker, and kind and kubectl", "Ends with a table of the steps and times.")
    ensure.add_argument("--offline", action="store_true", help="ask no container registry")
    others = [
        ensure,
        add("env", "print export lines for the shell, after `ensure`"),
        add("binaries", "print the folder with kube-apiserver, etcd, … as plain programs", "Builds what is missing."),
        add("lock", "write the go.mod and go.sum of a version that has none"),
    ]
    default = os.environ.get("LABKIT_KUBERNETES", versions.KUBERNETES)
    for command in others:
        command.add_argument(
            "--kubernetes", default=default, metavar="VERSION", help="the release (default: LABKIT_KUBERNETES or %(default)s)"
        )
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; its exit status."""
    asked = parser().parse_args(arguments)
    # A CI that ends a job sends SIGTERM: clean up as after Ctrl-C.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        _run(asked)
    except NodeImageError as failure:
        tell(str(failure))
        return failure.status
    except OSError as error:
        tell(f"This machine did not let it: {error}")
        return 1
    except KeyboardInterrupt:
        tell("Interrupted; nothing half-made is left, and what was finished is kept.")
        return 130
    return 0


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _run(asked: argparse.Namespace) -> None:
    cache = Cache(default_root())
    steps = Steps(cache.root / "logs" / f"{asked.command}.log")
    if asked.command == "docker":
        if asked.stop:
            docker_daemon.stop(cache)
        else:
            docker_daemon.start(cache, steps)
        return
    kubernetes = Kubernetes.parse(asked.kubernetes)
    if asked.command == "ensure":
        done = ensured.ensure(kubernetes, cache, steps, offline=asked.offline)
        tell(f"\nReady: {done.node_image} and {versions.TOOLS_IMAGE}, with kind and kubectl.\n{steps.summary()}")
    elif asked.command == "env":
        print(ensured.recall(kubernetes, cache).exports())
    elif asked.command == "binaries":
        print(ensured.binaries(kubernetes, cache, steps))
    else:
        lock.lock(kubernetes, steps)
