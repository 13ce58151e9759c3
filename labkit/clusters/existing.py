"""A cluster that is there already, by the name of its kubeconfig context.

It is only touched in namespaces that labkit made and labelled.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from labkit.clusters.errors import NoCluster, WrongUse
from labkit.clusters.home import private_folder, write_private
from labkit.clusters.info import ClusterInfo
from labkit.clusters.kubectl import kubectl_path
from labkit.clusters.tools import last_line, run

ANSWER_SECONDS = 20.0
PLAIN = {"KUBERC": "off", "LC_ALL": "C"}  # the user's own aliases and defaults are not ours


def connect(home: Path, context: str) -> ClusterInfo:
    """The cluster of the user's kubeconfig context `context`, through a copy of that one context under LABKIT_HOME.

    The user's own file is read and never written; the copy is made anew each time, since certificates change.

    Raises:
        WrongUse: there is no such context.
        NoCluster: its server does not answer, or does not let us in.
    """
    kubectl = kubectl_path()
    view: list[str | Path] = [kubectl, "config", "view", "--minify", "--flatten", "--raw", f"--context={context}", "--output=json"]
    answer = run(view, seconds=ANSWER_SECONDS, environment=PLAIN)
    if answer.returncode:
        raise WrongUse(f"There is no context {context!r} in your kubeconfig ({last_line(answer.stderr)}). See: kubectl config get-contexts")
    kubeconfig = private_folder(home / "contexts") / f"{_file_name(context)}.kubeconfig"
    write_private(kubeconfig, answer.stdout)
    server = str(json.loads(answer.stdout)["clusters"][0]["cluster"]["server"])
    return ClusterInfo(context, "context", _version(kubectl, kubeconfig, context, server), server, kubeconfig)


def _version(kubectl: Path, kubeconfig: Path, context: str, server: str) -> str:
    command: list[str | Path] = [kubectl, f"--kubeconfig={kubeconfig}", "--request-timeout=10s", "get", "--raw", "/version"]
    try:
        answer = run(command, seconds=ANSWER_SECONDS, environment=PLAIN)
        reason = last_line(answer.stderr)
        if answer.returncode == 0:
            return str(json.loads(answer.stdout)["gitVersion"]).removeprefix("v")
    except (subprocess.TimeoutExpired, ValueError, LookupError) as error:
        reason = str(error)
    raise NoCluster(f"The cluster of context {context!r} ({server}) does not answer: {reason}. Start it, or name another context.")


def _file_name(context: str) -> str:
    """A file's name for any context: contexts may hold slashes, as cloud providers' do."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", context).lstrip(".")[:200] or "_"
