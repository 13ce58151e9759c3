"""kubectl for a lesson: the lab's cluster and namespace, no settings of the user's own, secrets masked on the screen."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from labkit.clusters.info import ClusterInfo
from labkit.lab.masking import mask

TIMEOUT_SECONDS = 50.0
# What of the environment kubectl needs; the rest could change what it prints.
KEPT = ("PATH", "HOME", "TMPDIR", "SYSTEMROOT", "SSL_CERT_FILE", "SSL_CERT_DIR")
FAILED_TO_END = 124  # as the command `timeout` has it


@dataclass(frozen=True, slots=True)
class Ran:
    """What a command did. `str()` is what a notebook shows of it: stdout, then stderr, then the exit code if it is not 0."""

    stdout: str
    stderr: str
    code: int

    def __str__(self) -> str:
        parts = [mask(part if part.endswith("\n") else part + "\n") for part in (self.stdout, self.stderr) if part]
        if self.code:
            parts.append(f"[exit {self.code}]\n")
        return "".join(parts)

    def __repr__(self) -> str:
        return str(self).rstrip("\n")


@dataclass(frozen=True, slots=True)
class Kubectl:
    """Runs kubectl; never raises for what kubectl refuses."""

    info: ClusterInfo
    namespace: str

    def __call__(self, *arguments: str, stdin: str | None = None, timeout: float = TIMEOUT_SECONDS) -> Ran:
        """Run it with these arguments; `-n` among them wins over the lesson's namespace.

        Raises:
            MissingTool: there is no kubectl of the course's version.
        """
        from labkit.clusters import kubectl_path

        command = [str(kubectl_path()), "--namespace", self.namespace, *arguments]
        try:
            done = subprocess.run(
                command,
                input=stdin,
                stdin=subprocess.DEVNULL if stdin is None else None,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                env=dict(self.environment()),
                timeout=timeout,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            printed = error.stdout.decode(errors="replace") if isinstance(error.stdout, bytes) else error.stdout or ""
            return Ran(printed, f"kubectl was stopped after {timeout:.0f} seconds", FAILED_TO_END)
        return Ran(done.stdout, done.stderr, done.returncode)

    def environment(self) -> Mapping[str, str]:
        """The same words and the same cluster on every machine, whatever the user has set up."""
        from labkit.clusters.home import labkit_home, private_folder

        cache = private_folder(labkit_home() / "kubectl-cache" / self.info.name)
        kept = {key: os.environ[key] for key in KEPT if key in os.environ}
        return kept | {"LC_ALL": "C", "KUBERC": "off", "KUBECONFIG": str(self.info.kubeconfig), "KUBECACHEDIR": str(cache), "NO_PROXY": "*"}
