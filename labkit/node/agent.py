"""The node agent: a kubelet's part for Pods that run no images.

It registers its node, puts its Pods' volumes on disk and keeps them fresh, and reports what a kubelet would report of containers that
start at once and hold still. Upstream: pkg/kubelet (syncPod, SyncTerminatingPod), volume manager. Rules KTM-9, KTM-10, PRJ-3.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from labkit.kube.calls import Delete, Patch, Rule, find, list_
from labkit.kube.controllers import Controller, Event, Source
from labkit.kube.objects import Obj, copy, dig, is_deleted, name_of, namespace_of, uid_of
from labkit.kube.scope import Scope
from labkit.kube.status import Conflict, NotFound
from labkit.kube.users import NODE_USER_PREFIX, NODES_GROUP
from labkit.node import heartbeat
from labkit.node.events import Recorder, reference
from labkit.node.facts import NodeFacts
from labkit.node.projected import Pantry, collect, fs_group, plugin_of
from labkit.node.starting import NotStartedError, Starter, ends
from labkit.node.status import KUBELET_CONDITIONS, TERMINAL, PodRun, is_sidecar, pod_status, run_of
from labkit.node.token_manager import CLEANUP_PERIOD, TokenManager
from labkit.node.volumes import EMPTY_DIR, VolumeError, VolumeHost, VolumeId

RESTART_SECONDS = 15.0  # before a container that could not be created is tried again
SYNC_SECONDS = 60  # syncFrequency; each time up to half as much again (KTM-9)
FIRST_RETRY, LAST_RETRY = 0.5, 122.0  # seconds between two attempts to mount, doubling
FIRST_ADDRESS, ADDRESSES = 5, 250  # of the node's /24; the first few are kept for the cluster's own Pods


def controller(node_name: str, volumes: VolumeHost, facts: NodeFacts | None = None) -> Controller:
    """The node agent of the node `node_name`, as the node's own user."""
    agent = NodeAgent(facts or NodeFacts(node_name), volumes)
    return Controller(
        name="kubelet",
        user=f"{NODE_USER_PREFIX}{node_name}",
        groups=(NODES_GROUP, "system:authenticated"),
        sources=(
            Source("pods", _pod_keys, f"spec.nodeName={node_name}"),
            Source("nodes", lambda event: [NODE_KEY] if event.type == "DELETED" else [], f"metadata.name={node_name}"),
        ),
        sync=agent.sync,
        reads=("services",),
        initial=(NODE_KEY,),
    )


NODE_KEY = "node"


def _pod_keys(event: Event) -> Iterable[str]:
    yield f"{namespace_of(event.obj)}/{name_of(event.obj)}/{uid_of(event.obj)}"


@dataclass(frozen=True, slots=True)
class _Known:
    """What the agent remembers of a Pod."""

    run: PodRun | None = None
    failures: int = 0
    not_before: datetime | None = None  # when the next attempt is due, after one that failed
    reported: Obj | None = None
    problems: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # by container: reason and message of what keeps it waiting


class NodeAgent:
    """One node's agent. Keys are `node` for the node itself and `namespace/name/uid` for its Pods."""

    def __init__(self, facts: NodeFacts, volumes: VolumeHost) -> None:
        self.facts, self.volumes = facts, volumes
        self.tokens = TokenManager()
        self._events = Recorder("kubelet", facts.name)
        self._pods: dict[str, _Known] = {}
        self._housekeeping = -1.0
        self._next_address = 0

    def sync(self, key: str, scope: Scope) -> Rule[float | None]:
        """Make the node or one of its Pods right."""
        if key == NODE_KEY:
            again = yield from self._sync_node(scope)
            return again
        namespace, name, uid = key.split("/")
        pod = yield from find("pods", name, namespace)
        if pod is None or uid_of(pod) != uid:
            self._forget(uid)
            return None
        if is_deleted(pod):
            yield from self._terminate(pod, scope)
            return None
        if dig(pod, "status", "phase") in TERMINAL:
            return None
        again = yield from self._sync_pod(pod, scope)
        return again

    def _sync_node(self, scope: Scope) -> Rule[float | None]:
        """Register or report; now and then drop expired tokens and what is left of Pods that went while nobody looked."""
        yield from heartbeat.beat(self.facts, scope)
        now = scope.now.timestamp()
        if self._housekeeping < 0 or abs(now - self._housekeeping) >= CLEANUP_PERIOD:
            self._housekeeping = now
            self.tokens.clean_up(scope.now)
            pods = yield from list_("pods")
            for uid in set(self.volumes.pods()) - {uid_of(pod) for pod in pods}:
                self._forget(uid)
        return heartbeat.RENEW_PERIOD

    def _sync_pod(self, pod: Obj, scope: Scope) -> Rule[float | None]:
        """Bring a Pod up and keep it fresh.

        1. It is reported as being created.
        2. Its volumes are set up, or brought up to date. Until the first time succeeds it waits, and events say why (KTM-10).
        3. Its containers are started, with the events that go with it, and it is reported as running.
        4. It is looked at again in 1 to 1.5 minutes (KTM-9).
        """
        uid = uid_of(pod)
        known = self._pods.setdefault(uid, _Known(run_of(pod)))
        left = (known.not_before - scope.now).total_seconds() if known.not_before else 0.0
        if 0 < left <= LAST_RETRY:  # a change of the Pod is no reason to try sooner; its own status is one
            return left
        if known.run is None:
            yield from self._report(pod, None, scope)
        failed = yield from self._mount(pod, scope)
        if failed:
            known = self._pods.get(uid, known)
            delay = min(FIRST_RETRY * 2.0**known.failures, LAST_RETRY)
            self._pods[uid] = replace(known, failures=known.failures + 1, not_before=scope.now + timedelta(seconds=delay))
            if known.run is None:
                return delay
        else:
            self._pods[uid] = replace(self._pods.get(uid, known), failures=0, not_before=None)
            yield from self._start(pod, scope)
        known = self._pods[uid]
        if known.run is not None:
            yield from self._report(pod, known.run, scope)
        if known.problems:
            self._pods[uid] = replace(self._pods[uid], not_before=scope.now + timedelta(seconds=RESTART_SECONDS))
            return RESTART_SECONDS
        return SYNC_SECONDS + scope.random.below(SYNC_SECONDS // 2 + 1)

    def _mount(self, pod: Obj, scope: Scope) -> Rule[bool]:
        """Set up every volume; whether one of them failed."""
        failed = False
        for volume in dig(pod, "spec", "volumes", default=[]):
            try:
                yield from self._set_up(pod, volume, scope)
            except VolumeError as error:
                failed = True
                message = f'MountVolume.SetUp failed for volume "{volume["name"]}" : {error}'
                yield from self._events.record(reference("Pod", pod), "Warning", "FailedMount", message, scope)
        return failed

    def _set_up(self, pod: Obj, volume: Obj, scope: Scope) -> Rule[None]:
        plugin = plugin_of(volume)
        volume_id = VolumeId(uid_of(pod), plugin, volume["name"])
        if plugin == EMPTY_DIR:
            self.volumes.make_directory(volume_id, group=fs_group(pod))
        elif plugin:
            payload = yield from collect(pod, volume, Pantry(self.tokens, scope, self.facts.resources))
            self.volumes.write(volume_id, payload, group=fs_group(pod), now=scope.now, random=scope.random)
        elif "hostPath" not in volume:  # that one is the machine's own, and there is no container to show it to
            kind = next((key for key in volume if key != "name"), "volume")
            raise VolumeError(f"labkit's node does not serve volumes of type {kind}")

    def _start(self, pod: Obj, scope: Scope) -> Rule[None]:
        """Start the containers that do not run yet: init containers one after the other, and the others when all of those are done."""
        uid = uid_of(pod)
        if self._pods[uid].run is None:
            self._remember(pod, PodRun(self._address()))
        for kind in ("initContainers", "containers"):
            for container in dig(pod, "spec", kind, default=[]):
                yield from self._start_container(pod, container, f"spec.{kind}{{{container['name']}}}", scope)
                stays = not ends(container) and not is_sidecar(container)
                if kind == "initContainers" and (stays or container["name"] in self._pods[uid].problems):
                    return

    def _start_container(self, pod: Obj, container: Obj, field_path: str, scope: Scope) -> Rule[None]:
        """Start one container that does not run yet, or note what keeps it from starting."""
        uid, name = uid_of(pod), container["name"]
        known = self._pods[uid]
        if known.run is None or name in known.run.containers:
            return
        node = self.facts.internal_ip
        addresses = {"podIP": known.run.ip, "podIPs": [{"ip": known.run.ip}], "hostIP": node, "hostIPs": [{"ip": node}]}
        located = {**pod, "status": {**(pod.get("status") or {}), **addresses}}
        before, _ = known.problems.get(name, ("", ""))
        problems = {key: value for key, value in known.problems.items() if key != name}
        starter = Starter(self.volumes, self._events, self.facts.resources)
        try:
            started = yield from starter.start(located, container, reference("Pod", pod, field_path), before, scope)
        except NotStartedError as problem:
            self._pods[uid] = replace(self._pods[uid], problems={**problems, name: (problem.reason, problem.message)})
        else:
            run = replace(known.run, containers={**known.run.containers, name: started})
            self._pods[uid] = replace(self._pods[uid], run=run, problems=problems)

    def _terminate(self, pod: Obj, scope: Scope) -> Rule[None]:
        """Stop the containers, report that, tear the volumes down, and let the API forget the Pod.

        What runs here ends when it is told to, so no grace period is ever used up.
        """
        uid = uid_of(pod)
        known = self._pods.setdefault(uid, _Known(run_of(pod)))
        if known.run is not None:
            if known.run.ready:
                for container in dig(pod, "spec", "containers", default=[]):
                    if container["name"] in known.run.containers:
                        involved = reference("Pod", pod, f"spec.containers{{{container['name']}}}")
                        yield from self._events.record(involved, "Normal", "Killing", f"Stopping container {container['name']}", scope)
                self._remember(pod, known.run.stopped(scope.now))
            yield from self._report(pod, self._pods[uid].run, scope, terminal=True)
        self.tokens.forget_pod(uid)
        self.volumes.remove_pod(uid)
        try:
            yield Delete("pods", name_of(pod), namespace_of(pod), uid=uid, grace_period_seconds=0)
        except (NotFound, Conflict):
            return  # gone already, and perhaps another one of its name is there

    def _report(self, pod: Obj, run: PodRun | None, scope: Scope, *, terminal: bool = False) -> Rule[None]:
        """Write the Pod's status where it differs from what is there, and from what was written last and may not have come back yet."""
        uid = uid_of(pod)
        before = pod.get("status") or {}
        known = self._pods.get(uid) or _Known(run)
        seen = replace_status(pod, known.reported) if known.reported is not None else pod
        wanted = pod_status(seen, run, self.facts, scope.now, scope.era, terminal=terminal, problems=known.problems)
        if wanted == known.reported or _same(wanted, before):
            return
        body: Obj = {"metadata": {"uid": uid}, "status": {**{key: None for key in before if key not in wanted}, **wanted}}
        try:
            yield Patch("pods", name_of(pod), body, namespace_of(pod), "status", field_manager="kubelet")
        except (NotFound, Conflict):
            return  # the Pod is gone or is another one; the cache will hear of it
        self._pods[uid] = replace(self._pods.get(uid, known), reported=wanted)

    def _remember(self, pod: Obj, run: PodRun) -> None:
        self._pods[uid_of(pod)] = replace(self._pods[uid_of(pod)], run=run)

    def _forget(self, uid: str) -> None:
        self._pods.pop(uid, None)
        self.tokens.forget_pod(uid)
        self.volumes.remove_pod(uid)

    def _address(self) -> str:
        """An address that no other Pod has, the one after the last that was given, as host-local does."""
        taken = {known.run.ip for known in self._pods.values() if known.run is not None}
        prefix = self.facts.pod_cidr.rsplit(".", 1)[0]
        for step in range(ADDRESSES):
            offset = (self._next_address + step) % ADDRESSES
            found = f"{prefix}.{FIRST_ADDRESS + offset}"
            if found not in taken:
                self._next_address = offset + 1
                return found
        return f"{prefix}.{FIRST_ADDRESS}"  # more Pods than addresses: no packet travels here, so sharing one does no harm


def replace_status(pod: Obj, status: Obj) -> Obj:
    """The Pod with another kubelet's status; conditions of others stay as the Pod has them."""
    theirs = [copy(one) for one in dig(pod, "status", "conditions", default=[]) if one["type"] not in KUBELET_CONDITIONS]
    ours = [one for one in status["conditions"] if one["type"] in KUBELET_CONDITIONS]
    return {**pod, "status": {**status, "conditions": [*theirs, *ours]}}


def _same(wanted: Obj, present: Obj) -> bool:
    """Whether a status says what `wanted` says; the order of conditions does not matter."""

    def by_type(status: Obj) -> Obj:
        return {**status, "conditions": {one["type"]: one for one in status.get("conditions") or ()}}

    return by_type(wanted) == by_type(present)
