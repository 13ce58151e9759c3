"""kubectl for a lesson: the lab's cluster and namespace, no settings of the user's own, secrets masked on the screen."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labkit.clusters.info import ClusterInfo
from labkit.lab.masking import mask

TIMEOUT_SECONDS = 50.0
# What of the environment kubectl needs; the rest could change what it prints.
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
KEPT = ("PATH", "HOME", "TMPDIR", "SSL_CERT_FILE", "SSL_CERT_DIR", *PROXIES)
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

        command = [str(kubectl_path()), *arguments]
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
            # Until the command has ended, what it printed is bytes, whatever the encoding.
            printed: bytes = error.stdout or b""
            return Ran(printed.decode(errors="replace"), f"kubectl was stopped after {timeout:.0f} seconds", FAILED_TO_END)
        return Ran(done.stdout, done.stderr, done.returncode)

    def environment(self) -> Mapping[str, str]:
        """The same words and the same cluster on every machine, whatever the user has set up."""
        from labkit.clusters.home import labkit_home, private_folder

        cache = private_folder(labkit_home() / "kubectl-cache" / self.info.name)
        kept = {key: os.environ[key] for key in KEPT if key in os.environ}
        return kept | {"LC_ALL": "C", "KUBERC": "off", "KUBECONFIG": str(self.kubeconfig()), "KUBECACHEDIR": str(cache)}

    def kubeconfig(self) -> Path:
        """A copy of the cluster's kubeconfig whose current namespace is the lesson's.

        With `--namespace` kubectl would take the learner for somebody who has asked for that namespace, and warn of what is in none.
        """
        from labkit.clusters.home import labkit_home, private_folder, write_private

        path = private_folder(labkit_home() / "lessons") / f"{self.namespace}.kubeconfig"
        if not path.exists() or path.stat().st_mtime < self.info.kubeconfig.stat().st_mtime:
            import yaml

            config = yaml.safe_load(self.info.kubeconfig.read_text(encoding="utf-8"))
            for context in config["contexts"]:
                if context["name"] == config["current-context"]:
                    context["context"]["namespace"] = self.namespace
            write_private(path, yaml.safe_dump(config))
        return path

    def forget(self) -> None:
        """Remove that copy."""
        from labkit.clusters.home import labkit_home

        (labkit_home() / "lessons" / f"{self.namespace}.kubeconfig").unlink(missing_ok=True)
