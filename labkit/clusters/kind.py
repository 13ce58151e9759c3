"""A real cluster in Docker, by kind, through pytest-kind's KindCluster.

kind and kubectl come from PATH and are never downloaded. The kubeconfig is labkit's own. A cluster of that name that runs already is
used as it is; only one that labkit made, by its record in `<home>/kind/<name>/`, is ever deleted.

pytest-kind works in the current folder, prints where it likes and waits in one piece, so it does so in a process of its own:
`python -m labkit.clusters.kind ACTION …`. That process inherits the lock, so that nobody begins anew while a creation is under way.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from labkit.clusters import slow_commands
from labkit.clusters.errors import ClusterError, ClusterGone, MissingTool, StartFailed
from labkit.clusters.home import lock, private_folder
from labkit.clusters.info import ClusterInfo, Status
from labkit.clusters.kind_files import Files, Record
from labkit.clusters.kind_image import TOOLS_IMAGE, KindOptions, has_tools_image, image_in_docker
from labkit.clusters.kubeconfig import read_credentials
from labkit.clusters.kubectl import kubectl_path
from labkit.clusters.probe import Probe, Unreachable
from labkit.clusters.tools import Tools, find_docker, find_kind, find_tools, last_line, run

Say = Callable[[str], None]
LOCK_SECONDS = 900.0
READY_SECONDS = 180.0
COMMAND_SECONDS = 120.0
POLL_SECONDS = 0.25
SETTLE_SECONDS = 2.0


def find(home: Path, name: str) -> ClusterInfo | None:
    """The cluster, if labkit knows it and it answers. One small file and one request."""
    files = Files(home, name)
    record = files.record()
    if record is None or not record.ready:
        return None
    try:
        version = Probe(read_credentials(files.kubeconfig)).version()
    except (Unreachable, ClusterError):
        return None
    return ClusterInfo(name, "kind", version, record.server, files.kubeconfig)


def start(home: Path, name: str, options: KindOptions, say: Say) -> tuple[ClusterInfo, bool]:
    """The cluster, ready, and whether this call created it.

    A creation that fails or is interrupted is undone before the error goes on.

    Raises:
        MissingTool: Docker, kind or kubectl is not fit for it.
        StartFailed: it was not created, or did not become ready.
    """
    files = Files(home, name)
    if (found := find(home, name)) and (record := files.record()) and record.pods_image:
        return options.accept(found), False
    with lock(home, f"kind-{name}", f"creating or deleting kind cluster {name!r}", seconds=LOCK_SECONDS, say=say) as held:
        found, record = find(home, name), files.record()
        if found and record and record.pods_image:
            return options.accept(found), False
        tools = find_tools(options.node_version)
        _require_pytest_kind()
        kind = _Kind(files, tools, held, say)
        if found and record:
            kind.finish(created=record.created)  # the lessons' image was missing, and may be here by now
            return options.accept(found), False
        if record and record.created and not record.ready:
            say(f"The last creation of kind cluster {name!r} was cut short; what is left of it goes first.")
            kind.delete()
        if name in kind.clusters():
            created = bool(record and record.created)
            kind.adopt()
            return options.accept(kind.finish(created=created)), False
        with kind.undone_on_failure():
            kind.create(options)
            return kind.finish(created=True), True


def stop(home: Path, name: str) -> str:
    """Delete the cluster if labkit created it, and forget it. Returns what was done, as a sentence; nothing if there was nothing.

    Raises:
        MissingTool: it is labkit's, and kind or Docker cannot delete it now.
    """
    files = Files(home, name)
    if files.record() is None:
        return ""
    with lock(home, f"kind-{name}", f"creating or deleting kind cluster {name!r}", seconds=LOCK_SECONDS) as held:
        record = files.record()
        if record is None:
            return ""
        if not record.created:
            files.forget()
            return f"kind cluster {name!r} was there before labkit, so it stays. `kind delete cluster --name {name}` deletes it."
        kind_path, version = find_kind()
        _Kind(files, Tools(find_docker(), kind_path, version), held, lambda _text: None).delete()
        return f"Deleted kind cluster {name!r}."


def status(home: Path, name: str) -> Status:
    """How the cluster is, as far as labkit's record and one request tell."""
    if info := find(home, name):
        return Status(name, "kind", "running", "", info)
    record = Files(home, name).record()
    if record and not record.ready:
        return Status(name, "kind", "stopped", f"It is being created, or that was cut short: `labkit up --cluster kind --name {name}`.")
    return Status(name, "kind", "unreachable", str(gone(name)))


def gone(name: str) -> ClusterGone:
    """The sentence for a cluster that was there a moment ago."""
    return ClusterGone(
        f"kind cluster {name!r} does not answer. If its container stopped: docker start {name}-control-plane. "
        f"If it is gone: `labkit up --cluster kind --name {name}` makes a new one."
    )


class _Kind:
    """One cluster, under its lock, with tools that have been checked."""

    def __init__(self, files: Files, tools: Tools, held: int, say: Say) -> None:
        self.files, self.tools, self.held, self.say = files, tools, held, say
        self.name = files.name

    def clusters(self) -> list[str]:
        """The names of all kind clusters of this Docker."""
        answer = self._run("get", "clusters")
        return answer.stdout.split() if answer.returncode == 0 else []

    def create(self, options: KindOptions) -> None:
        """Create it, which takes half a minute, and minutes where the node image has to be pulled."""
        self.files.write(Record(created=True, ready=False))
        self.say(f"Creating kind cluster {self.name!r} (half a minute; longer if the node image is not here yet) …")
        code = self._work("create", *options.as_arguments())
        if code:
            hint = options.hint(image_in_docker(self.tools.docker, options.image))
            raise StartFailed(f"kind could not create cluster {self.name!r} ({self._last_words(code)}). {hint}")

    def adopt(self) -> None:
        """Get the kubeconfig of a cluster that is there.

        Raises:
            StartFailed: its node is stopped, or kind does not give it.
        """
        self.say(f"Using kind cluster {self.name!r}, which is there already.")
        private_folder(self.files.folder)
        self.files.kubeconfig.unlink(missing_ok=True)  # kind would merge
        answer = self._run("export", "kubeconfig", f"--name={self.name}", f"--kubeconfig={self.files.kubeconfig}")
        if answer.returncode:
            raise StartFailed(
                f"kind cluster {self.name!r} is there but gives no kubeconfig ({last_line(answer.stderr)}). {gone(self.name)}"
            )

    def finish(self, *, created: bool) -> ClusterInfo:
        """Wait until lessons can start, and bring the Pods' image."""
        self.files.kubeconfig.chmod(0o600)
        credentials = read_credentials(self.files.kubeconfig)
        version = self._wait(Probe(credentials))
        loaded = self._load_tools_image()
        self.files.write(Record(created, ready=True, server=credentials.server, version=version, pods_image=loaded))
        return ClusterInfo(self.name, "kind", version, credentials.server, self.files.kubeconfig)

    def delete(self, *, settle: float = 0.0) -> None:
        """Delete it, half-made or whole, and forget it.

        A container whose creation Docker has only begun comes back after its deletion: it is watched for `settle` seconds.

        Raises:
            StartFailed: kind refuses; the record stays, so that it can be tried again.
        """
        self._delete_nodes()
        begin = quiet_since = time.monotonic()
        while time.monotonic() < quiet_since + settle:
            time.sleep(POLL_SECONDS)
            if self.name in self.clusters():
                if time.monotonic() > begin + COMMAND_SECONDS:
                    raise StartFailed(f"kind cluster {self.name!r} comes back each time that it is deleted. Restart Docker.")
                self._delete_nodes()
                quiet_since = time.monotonic()
        shutil.rmtree(self.files.home / ".pytest-kind" / self.name, ignore_errors=True)
        self.files.forget()

    def _delete_nodes(self) -> None:
        # Without pytest-kind: it adds nothing here, and may have been removed in the meantime.
        code = self._run_shown([str(self.tools.kind), "delete", "cluster", f"--name={self.name}", f"--kubeconfig={self.files.kubeconfig}"])
        if code:
            words = self._last_words(code)
            raise StartFailed(f"kind could not delete cluster {self.name!r} ({words}). Try again: labkit down --name {self.name}")

    @contextmanager
    def undone_on_failure(self) -> Iterator[None]:
        """Whatever ends the creation, Ctrl-C above all: nothing half-made stays. A second Ctrl-C does not end the cleaning up."""
        try:
            yield
        except BaseException as error:
            self.say(f"Deleting what there is of kind cluster {self.name!r} …")
            with slow_commands.signals_wait():
                try:
                    self.delete(settle=SETTLE_SECONDS)
                except (StartFailed, MissingTool, OSError) as second:
                    error.add_note(str(second))
                    self.say(str(second))
            raise

    def _wait(self, probe: Probe) -> str:
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                missing = probe.missing()
                if not missing:
                    return probe.version()
            except Unreachable as error:
                missing = f"it does not answer: {error}"
            if time.monotonic() >= deadline:
                raise StartFailed(
                    f"kind cluster {self.name!r} was not ready after {READY_SECONDS:.0f} seconds: {missing}. {gone(self.name)}"
                )
            time.sleep(POLL_SECONDS)

    def _load_tools_image(self) -> bool:
        """Bring the lessons' image to the node, and tell whether it is there."""
        if has_tools_image(self.tools.docker, f"{self.name}-control-plane"):
            return True
        if not image_in_docker(self.tools.docker, TOOLS_IMAGE):
            self.say(
                f"The lessons' Pods need the image {TOOLS_IMAGE}, which Docker does not have, so they will not start. "
                "Build it (python3 -m tests.nodeimage ensure), then run `labkit up --cluster kind` again."
            )
            return False
        self.say(f"Loading {TOOLS_IMAGE} …")
        if code := self._work("load"):
            raise StartFailed(f"The image {TOOLS_IMAGE} could not be loaded into kind cluster {self.name!r} ({self._last_words(code)}).")
        return True

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            return run([self.tools.kind, *arguments], seconds=COMMAND_SECONDS)
        except subprocess.TimeoutExpired as error:
            raise StartFailed(f"`kind {' '.join(arguments)}` took more than {COMMAND_SECONDS:.0f} seconds. Is Docker busy?") from error

    def _work(self, action: str, *arguments: str) -> int:
        """Let pytest-kind do it, in a process of its own; its exit code."""
        fixed = [action, self.name, str(self.files.kubeconfig), str(self.tools.kind), str(kubectl_path())]
        return self._run_shown([sys.executable, "-P", "-m", "labkit.clusters.kind", *fixed, *arguments])

    def _run_shown(self, command: Sequence[str]) -> int:
        private_folder(self.files.folder)
        environment = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
        # kind finds docker by PATH; this one has been checked.
        environment["PATH"] = os.pathsep.join([str(self.tools.docker.parent), environment.get("PATH", "")])
        return slow_commands.run(command, log=self.files.log, cwd=self.files.home, environment=environment, keep_open=self.held)

    def _last_words(self, code: int) -> str:
        return slow_commands.last_words(self.files.log, code)


def _require_pytest_kind() -> None:
    if importlib.util.find_spec("pytest_kind") is None:
        raise MissingTool("The kind cluster needs pytest-kind: python -m pip install 'labkit[kind]'. Or use --cluster embedded.")


def main(arguments: Sequence[str]) -> int:
    """The worker: ACTION NAME KUBECONFIG KIND KUBECTL, and for `create` IMAGE CONFIG (each may be empty)."""
    action, name, kubeconfig, kind, kubectl, *more = arguments
    from pytest_kind import KindCluster

    image, config = more if action == "create" else ("", "")
    cluster = KindCluster(name, Path(kubeconfig), image=image or None, kind_path=Path(kind), kubectl_path=Path(kubectl))
    try:
        if action == "create":
            cluster.create(config_file=config or None)
        else:
            cluster.load_docker_image(TOOLS_IMAGE)
    except subprocess.CalledProcessError as error:
        return error.returncode or 1
    return 0


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main(sys.argv[1:]))
