"""Starting a container, as far as one is started here: its image, its environment, its subPath mounts, and the events that tell of it.

Upstream: pkg/kubelet/kuberuntime/kuberuntime_container.go (startContainer), pkg/kubelet/images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from labkit.kube.calls import Rule
from labkit.kube.objects import Obj
from labkit.kube.scope import Scope
from labkit.kube.versions import Era
from labkit.node.containers import freeze_sub_paths
from labkit.node.environment import EnvironmentProblemError, environment, keep
from labkit.node.events import Recorder
from labkit.node.images import pull_failure
from labkit.node.status import ContainerRun, identity, is_sidecar
from labkit.node.volumes import VolumeHost

_STAY = ("hold", "sleep", "tail", "pause")  # commands that do not end by themselves


class NotStartedError(Exception):
    """A container that waits: the reason and the message that its status shows."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason, self.message = reason, message


@dataclass(frozen=True, slots=True)
class Starter:
    """What starts containers on one node."""

    volumes: VolumeHost
    events: Recorder
    allocatable: Mapping[str, str]

    def start(self, pod: Obj, container: Obj, involved: Obj, before: str, scope: Scope) -> Rule[ContainerRun]:
        """Start a container of a Pod whose address is known. `before` is the reason for which it did not start the last time, if any.

        Raises:
            NotStartedError: it has to wait; events have been written.
        """
        yield from self._pull(container, involved, before, scope)
        yield from self.events.record(involved, "Normal", "Pulled", _pulled(container, scope.era), scope)
        user, _, _ = identity(container, pod["spec"])
        try:
            variables = yield from environment(pod, container, self.allocatable, user)
        except EnvironmentProblemError as problem:
            yield from self.events.record(involved, "Warning", "Failed", f"Error: {problem}", scope)
            raise NotStartedError("CreateContainerConfigError", str(problem)) from problem
        keep(pod, container["name"], variables, self.volumes, scope)
        freeze_sub_paths(pod, container, self.volumes, scope)
        created, started = "Container created", "Container started"
        if not scope.era.since("1.35"):
            created, started = f"Created container: {container['name']}", f"Started container {container['name']}"
        yield from self.events.record(involved, "Normal", "Created", created, scope)
        yield from self.events.record(involved, "Normal", "Started", started, scope)
        ended = scope.now if "initContainers" in involved["fieldPath"] and ends(container) else None
        return ContainerRun(f"containerd://{hashlib.sha256(scope.random.uuid().encode()).hexdigest()}", scope.now, ended)

    def _pull(self, container: Obj, involved: Obj, before: str, scope: Scope) -> Rule[None]:
        image = str(container.get("image", ""))
        failure = pull_failure(image)
        if not failure:
            return
        if before in ("ErrImagePull", "ImagePullBackOff"):
            yield from self.events.record(involved, "Normal", "BackOff", f'Back-off pulling image "{image}"', scope)
            yield from self.events.record(involved, "Warning", "Failed", "Error: ImagePullBackOff", scope)
            raise NotStartedError("ImagePullBackOff", f'Back-off pulling image "{image}": ErrImagePull: {failure}')
        yield from self.events.record(involved, "Normal", "Pulling", f'Pulling image "{image}"', scope)
        yield from self.events.record(involved, "Warning", "Failed", f'Failed to pull image "{image}": {failure}', scope)
        yield from self.events.record(involved, "Warning", "Failed", "Error: ErrImagePull", scope)
        raise NotStartedError("ErrImagePull", failure)


def ends(container: Obj) -> bool:
    """Whether an init container ends by itself: it has a command, one that is not known for staying, and is no sidecar."""
    command = [*(container.get("command") or ()), *(container.get("args") or ())]
    return bool(command) and not is_sidecar(container) and str(command[0]).rpartition("/")[2] not in _STAY


def _pulled(container: Obj, era: Era) -> str:
    text = f'Container image "{container.get("image", "")}" already present on machine'
    return f"{text} and can be accessed by the pod" if era.since("1.35") else text
