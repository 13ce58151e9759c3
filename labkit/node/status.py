"""A Pod's status, as a kubelet writes it.

Upstream: pkg/kubelet/kubelet_pods.go (generateAPIPodStatus, getPhase), pkg/kubelet/status/generate.go, pkg/apis/core/v1/helper/qos.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TypeAlias

from labkit.kube.clock import parse_time, rfc3339
from labkit.kube.objects import Obj, copy, dig, meta
from labkit.kube.versions import Era
from labkit.node.downward import quantity
from labkit.node.facts import NodeFacts
from labkit.node.images import image_id

KUBELET_CONDITIONS = ("PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled")
TERMINAL = ("Succeeded", "Failed")


@dataclass(frozen=True, slots=True)
class ContainerRun:
    """One container's one run: its id, and when it began and ended. `exit_code` counts only once it has ended."""

    id: str
    started: datetime
    finished: datetime | None = None
    exit_code: int = 0


@dataclass(frozen=True, slots=True)
class PodRun:
    """A Pod's sandbox: its address, whether it still stands, and the containers that have been started in it, by name."""

    ip: str
    ready: bool = True
    containers: Mapping[str, ContainerRun] = field(default_factory=dict)

    def stopped(self, now: datetime) -> PodRun:
        """The same with every container ended at `now`, of its own accord."""
        ended = {name: run if run.finished else replace(run, finished=now) for name, run in self.containers.items()}
        return replace(self, ready=False, containers=ended)


def run_of(pod: Obj) -> PodRun | None:
    """What an earlier status tells of the Pod's run: how an agent that was restarted finds its Pods again."""
    address = dig(pod, "status", "podIP")
    if not address:
        return None
    containers: dict[str, ContainerRun] = {}
    for kind in ("initContainerStatuses", "containerStatuses"):
        for one in dig(pod, "status", kind, default=[]):
            state = one.get("state") or {}
            told = state.get("running") or state.get("terminated")
            if told and one.get("containerID"):
                finished = told.get("finishedAt")
                containers[one["name"]] = ContainerRun(
                    one["containerID"], parse_time(told["startedAt"]), parse_time(finished) if finished else None, told.get("exitCode", 0)
                )
    stopped = bool(containers) and all(one.finished for one in containers.values())
    return PodRun(address, not stopped, containers)


Problems: TypeAlias = Mapping[str, tuple[str, str]]


def pod_status(
    pod: Obj, run: PodRun | None, facts: NodeFacts, now: datetime, era: Era, *, terminal: bool = False, problems: Problems | None = None
) -> Obj:
    """The whole status. `run` is None until the sandbox stands; `terminal` says that no container will be started again.

    `problems` tells by container what keeps it from starting: a reason and a message.
    """
    spec, old = pod.get("spec") or {}, pod.get("status") or {}
    inits, mains = spec.get("initContainers") or (), spec["containers"]
    why = _Waiting("PodInitializing" if inits else "ContainerCreating", problems or {})
    status: Obj = {}
    if inits:
        status["initContainerStatuses"] = [_container_status(one, run, spec, why, era, init=not is_sidecar(one)) for one in inits]
    status["containerStatuses"] = [_container_status(one, run, spec, why, era) for one in mains]
    everything = [*status.get("initContainerStatuses", ()), *status["containerStatuses"]]
    status["phase"] = old["phase"] if old.get("phase") in TERMINAL else _phase(spec, inits, everything, terminal=terminal)
    status["conditions"] = _conditions(pod, run, everything, status["phase"], now=now, era=era)
    status |= {"hostIP": facts.internal_ip, "qosClass": qos_class(spec), "startTime": old.get("startTime") or rfc3339(now)}
    if era.since("1.28"):
        status["hostIPs"] = [{"ip": facts.internal_ip}]
    address = facts.internal_ip if spec.get("hostNetwork") else run.ip if run else ""
    if address:
        status |= {"podIP": address, "podIPs": [{"ip": address}]}
    if era.since("1.34"):
        status["observedGeneration"] = _generation(pod)
    if era.since("1.36"):
        status["resources"] = copy(spec.get("resources") or {})
    return status


@dataclass(frozen=True, slots=True)
class _Waiting:
    """Why containers wait: the usual reason, and those that have one of their own."""

    usual: str
    problems: Problems

    def state(self, container: str) -> Obj:
        if container not in self.problems:
            return {"reason": self.usual}
        reason, message = self.problems[container]
        return {"message": message, "reason": reason}


def is_sidecar(container: Obj) -> bool:
    """Whether an init container is one that goes on running beside the others."""
    return container.get("restartPolicy") == "Always"


def _container_status(container: Obj, run: PodRun | None, spec: Obj, why: _Waiting, era: Era, *, init: bool = False) -> Obj:
    name, one = container["name"], run.containers.get(container["name"]) if run else None
    status: Obj = {"image": container.get("image", ""), "imageID": "", "lastState": {}, "name": name, "ready": False, "restartCount": 0}
    if era.since("1.19"):
        status["started"] = False
    if one is None:
        status["state"] = {"waiting": why.state(name)}
    else:
        status |= {"containerID": one.id, "imageID": image_id(container.get("image", ""))}
        if one.finished is None:
            status["state"] = {"running": {"startedAt": rfc3339(one.started)}}
            status["ready"] = not init
            if era.since("1.19"):
                status["started"] = True
        else:
            status["state"] = {"terminated": _terminated(one)}
            status["ready"] = init and one.exit_code == 0
        requests = dig(container, "resources", "requests")
        if era.since("1.33"):
            status["resources"] = copy(container.get("resources") or {})
            if requests:
                status["allocatedResources"] = copy(requests)
            status["user"] = {"linux": _user(container, spec)}
    if era.since("1.31") and container.get("volumeMounts"):
        status["volumeMounts"] = [_mount_status(mount) for mount in container["volumeMounts"]]
    return status


def _terminated(run: ContainerRun) -> Obj:
    finished = run.finished or run.started
    return {
        "containerID": run.id,
        "exitCode": run.exit_code,
        "finishedAt": rfc3339(finished),
        "reason": "Completed" if run.exit_code == 0 else "Error",
        "startedAt": rfc3339(run.started),
    }


def _mount_status(mount: Obj) -> Obj:
    status: Obj = {"mountPath": mount["mountPath"], "name": mount["name"]}
    if mount.get("readOnly"):
        wanted = mount.get("recursiveReadOnly")
        status |= {"readOnly": True, "recursiveReadOnly": "Enabled" if wanted in ("Enabled", "IfPossible") else "Disabled"}
    return status


def identity(container: Obj, spec: Obj) -> tuple[int, int, tuple[int, ...]]:
    """User, group and supplemental groups that a container runs with. The lesson image runs as root and has no /etc/group."""
    pod_context, context = spec.get("securityContext") or {}, container.get("securityContext") or {}
    user = context.get("runAsUser", pod_context.get("runAsUser", 0))
    group = context.get("runAsGroup", pod_context.get("runAsGroup", 0))
    more = [group, *(pod_context.get("supplementalGroups") or ())]
    if pod_context.get("fsGroup") is not None:
        more.append(pod_context["fsGroup"])
    return int(user), int(group), tuple(dict.fromkeys(int(one) for one in more))


def _user(container: Obj, spec: Obj) -> Obj:
    user, group, more = identity(container, spec)
    return {"gid": group, "supplementalGroups": list(more), "uid": user}


def _phase(spec: Obj, inits: Sequence[Obj], statuses: Iterable[Obj], *, terminal: bool) -> str:
    """The phase that the containers' states add up to (getPhase)."""
    states = {one["name"]: one["state"] for one in statuses}
    policy = spec.get("restartPolicy", "Always")
    pending_init = False
    for one in inits:
        ended = states[one["name"]].get("terminated")
        if ended and ended["exitCode"] and policy == "Never":
            return "Failed"
        pending_init = pending_init or ("waiting" in states[one["name"]] if is_sidecar(one) else not ended)
    mains = [states[one["name"]] for one in spec["containers"]]
    if pending_init or any("waiting" in state for state in mains):
        return "Pending"
    if any("running" in state for state in mains):
        return "Running"
    succeeded = all(state["terminated"]["exitCode"] == 0 for state in mains)
    if not terminal and (policy == "Always" or (policy == "OnFailure" and not succeeded)):
        return "Running"
    return "Succeeded" if succeeded else "Failed"


def _conditions(pod: Obj, run: PodRun | None, statuses: Sequence[Obj], phase: str, *, now: datetime, era: Era) -> list[Obj]:
    """The kubelet's conditions in its order, after those of others. A condition that says the same as before keeps its time."""
    spec = pod["spec"]
    old = {one["type"]: one for one in dig(pod, "status", "conditions", default=[])}
    others = [copy(one) for one in dig(pod, "status", "conditions", default=[]) if one["type"] not in KUBELET_CONDITIONS]
    init_names = {one["name"] for one in spec.get("initContainers") or ()}
    sidecars = {one["name"] for one in spec.get("initContainers") or () if is_sidecar(one)}
    containers_ready = _containers_ready([one for one in statuses if one["name"] not in init_names - sidecars], phase)
    found: dict[str, tuple[str, str, str]] = {}
    if era.since("1.29"):
        found["PodReadyToStartContainers"] = _sandbox(run)
    found["Initialized"] = _initialized(statuses, init_names, phase)
    found["Ready"] = _ready(spec, others, containers_ready)
    found["ContainersReady"] = containers_ready
    found["PodScheduled"] = ("True", "", "")
    for kind, (status, reason, message) in found.items():
        before = old.get(kind, {})
        changed = rfc3339(now) if before.get("status") != status else before.get("lastTransitionTime")
        condition: Obj = {"lastProbeTime": None, "lastTransitionTime": changed}
        if message:
            condition["message"] = message
        if era.since("1.34"):
            condition["observedGeneration"] = _generation(pod)
        if reason:
            condition["reason"] = reason
        others.append(condition | {"status": status, "type": kind})
    return others


def _sandbox(run: PodRun | None) -> tuple[str, str, str]:
    if run is not None and run.ready:
        return "True", "", ""
    return "False", "PodSandboxNotReady", "no pod sandbox exists" if run is None else "pod sandbox is not ready"


def _initialized(statuses: Sequence[Obj], init_names: set[str], phase: str) -> tuple[str, str, str]:
    if phase == "Succeeded":
        return "True", "PodCompleted", ""
    started = any(one["name"] not in init_names and "waiting" not in one["state"] for one in statuses)
    incomplete = [one["name"] for one in statuses if one["name"] in init_names and not one["ready"]]
    if incomplete and not started:
        return "False", "ContainersNotInitialized", f"containers with incomplete status: [{' '.join(incomplete)}]"
    return "True", "", ""


def _containers_ready(statuses: Sequence[Obj], phase: str) -> tuple[str, str, str]:
    if phase in TERMINAL:
        return "False", "PodCompleted" if phase == "Succeeded" else "PodFailed", ""
    unready = [one["name"] for one in statuses if not one["ready"]]
    if unready:
        return "False", "ContainersNotReady", f"containers with unready status: [{' '.join(unready)}]"
    return "True", "", ""


def _ready(spec: Obj, others: Sequence[Obj], containers_ready: tuple[str, str, str]) -> tuple[str, str, str]:
    if containers_ready[0] != "True":
        return containers_ready
    told = {one["type"]: one.get("status") for one in others}
    messages = []
    for gate in spec.get("readinessGates") or ():
        kind = gate["conditionType"]
        if kind not in told:
            messages.append(f'corresponding condition of pod readiness gate "{kind}" does not exist.')
        elif told[kind] != "True":
            messages.append(f'the status of pod readiness gate "{kind}" is not "True", but {told[kind]}')
    return ("False", "ReadinessGatesNotReady", ", ".join(messages)) if messages else ("True", "", "")


def qos_class(spec: Obj) -> str:
    """Guaranteed, Burstable or BestEffort, by the containers' requests and limits of cpu and memory."""
    containers = [*(spec.get("initContainers") or ()), *spec["containers"]]
    asked = [_sizes(one) for one in containers]
    if not any(requests or limits for requests, limits in asked):
        return "BestEffort"
    if all(len(limits) == 2 and (not requests or requests == limits) for requests, limits in asked):
        return "Guaranteed"
    return "Burstable"


def _sizes(container: Obj) -> tuple[dict[str, object], dict[str, object]]:
    def side(name: str) -> dict[str, object]:
        asked = dig(container, "resources", name, default={})
        return {kind: quantity(str(asked[kind])) for kind in ("cpu", "memory") if kind in asked and quantity(str(asked[kind]))}

    return side("requests"), side("limits")


def _generation(pod: Obj) -> int:
    return int(meta(pod).get("generation") or 1)
