"""Cells of Pods: the status column is the work of thirty lines upstream, and people know its words by heart."""

from __future__ import annotations

from dataclasses import dataclass

from labkit.apiserver.table_cells.moment import Cell, Moment
from labkit.kube.clock import parse_time
from labkit.kube.objects import Obj, dig, is_deleted, name_of

NONE = "<none>"
RESTART_AGE_SINCE = "1.22"
NODE_LOST = "NodeLost"


def pod(obj: Obj, at: Moment) -> list[Cell]:
    """Name, ready, status, restarts, age; wide: IP, node, nominated node, readiness gates."""
    spec, status = obj.get("spec") or {}, obj.get("status") or {}
    seen = _Seen.of(spec, status)
    restarts = str(seen.restarts)
    if seen.restarts and seen.last_restart and at.era.since(RESTART_AGE_SINCE):
        restarts += f" ({at.since(seen.last_restart)} ago)"
    return [
        name_of(obj),
        f"{seen.ready}/{seen.total}",
        _deleting(obj, status) or seen.reason,
        restarts,
        at.age(obj),
        dig(status, "podIPs", 0, "ip") or status.get("podIP") or NONE,
        spec.get("nodeName") or NONE,
        status.get("nominatedNodeName") or NONE,
        _gates(spec, status),
    ]


def row_condition(obj: Obj) -> Obj | None:
    """What the row of a finished Pod says about itself, so that clients can leave it out."""
    match dig(obj, "status", "phase"):
        case "Succeeded":
            return {"type": "Completed", "status": "True", "reason": "Succeeded", "message": "The pod has completed successfully."}
        case "Failed":
            return {"type": "Completed", "status": "True", "reason": "Failed", "message": "The pod failed."}
    return None


@dataclass
class _Seen:
    """What the containers' statuses say together."""

    reason: str
    total: int
    ready: int = 0
    restarts: int = 0
    last_restart: str = ""

    @classmethod
    def of(cls, spec: Obj, status: Obj) -> _Seen:
        """Look at init containers first; at the others once these are done."""
        sidecars = {c.get("name") for c in spec.get("initContainers") or () if c.get("restartPolicy") == "Always"}
        seen = cls(status.get("reason") or status.get("phase") or "", len(spec.get("containers") or ()) + len(sidecars))
        conditions = {condition.get("type"): condition for condition in reversed(status.get("conditions") or [])}
        if any(c.get("type") == "PodScheduled" and c.get("reason") == "SchedulingGated" for c in status.get("conditions") or ()):
            seen.reason = "SchedulingGated"
        initializing = seen._initializing(status, sidecars, len(spec.get("initContainers") or ()))
        if not initializing or dig(conditions, "Initialized", "status") == "True":
            seen.restarts, seen.last_restart = 0, ""
            for container in status.get("initContainerStatuses") or ():
                if container.get("name") in sidecars:
                    seen._count_restarts(container)
            seen._running(status, is_ready=dig(conditions, "Ready", "status") == "True")
        return seen

    def _count_restarts(self, container: Obj) -> None:
        self.restarts += container.get("restartCount") or 0
        finished = dig(container, "lastState", "terminated", "finishedAt", default="")
        if finished and (not self.last_restart or parse_time(finished) > parse_time(self.last_restart)):
            self.last_restart = finished

    def _initializing(self, status: Obj, sidecars: set[str | None], count: int) -> bool:
        """Whether an init container is still at work, or has failed; then the reason says so."""
        for place, container in enumerate(status.get("initContainerStatuses") or ()):
            self._count_restarts(container)
            state = container.get("state") or {}
            ended, waiting = state.get("terminated"), dig(state, "waiting", "reason", default="")
            if ended is not None and not ended.get("exitCode"):
                continue
            if container.get("name") in sidecars and container.get("started"):
                self.ready += bool(container.get("ready"))
                continue
            if ended is not None:
                self.reason = f"Init:{_ended(ended)}"
            elif waiting and waiting != "PodInitializing":
                self.reason = f"Init:{waiting}"
            else:
                self.reason = f"Init:{place}/{count}"
            return True
        return False

    def _running(self, status: Obj, *, is_ready: bool) -> None:
        """The reason of the first container that has one; a Pod of which something still runs is not Completed."""
        runs, error = False, ""
        for container in reversed(status.get("containerStatuses") or ()):
            self._count_restarts(container)
            state = container.get("state") or {}
            ended, waiting = state.get("terminated"), dig(state, "waiting", "reason", default="")
            if waiting:
                self.reason = waiting
            elif ended is not None:
                self.reason = _ended(ended)
                if ended.get("exitCode"):
                    error = self.reason
            elif container.get("ready") and state.get("running") is not None:
                runs = True
                self.ready += 1
        if self.reason == "Completed":
            if runs and is_ready:
                self.reason = "Running"
            elif error or runs:
                self.reason = error or "NotReady"


def _ended(terminated: Obj) -> str:
    if terminated.get("reason"):
        return str(terminated["reason"])
    if terminated.get("signal"):
        return f"Signal:{terminated['signal']}"
    return f"ExitCode:{terminated.get('exitCode') or 0}"


def _deleting(obj: Obj, status: Obj) -> str:
    if not is_deleted(obj):
        return ""
    if status.get("reason") == NODE_LOST:
        return "Unknown"
    return "" if status.get("phase") in ("Failed", "Succeeded") else "Terminating"


def _gates(spec: Obj, status: Obj) -> str:
    gates = spec.get("readinessGates") or ()
    if not gates:
        return NONE
    conditions = {condition.get("type"): condition.get("status") for condition in reversed(status.get("conditions") or [])}
    return f"{sum(conditions.get(gate.get('conditionType')) == 'True' for gate in gates)}/{len(gates)}"
