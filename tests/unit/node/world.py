"""A small API for the node's rules: objects in a dict, merge patches, tokens that say what was asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from labkit.kube.calls import Call, Create, Delete, Get, List, Note, Patch, Update
from labkit.kube.clock import rfc3339
from labkit.kube.objects import Obj, copy, meta, name_of
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, not_found
from labkit.kube.users import UserInfo
from labkit.kube.versions import Era
from labkit.node.volumes import Payload, Tree, VolumeId

START = datetime(2026, 11, 22, 10, 0, 0, tzinfo=UTC)


class Dice:
    """Randomness that counts: always the same, never twice the same."""

    def __init__(self, fixed: int | None = None) -> None:
        self.fixed, self.thrown = fixed, 0

    def below(self, limit: int) -> int:
        if self.fixed is not None:
            return min(self.fixed, limit - 1)
        self.thrown += 1
        return self.thrown % limit

    def uuid(self) -> str:
        self.thrown += 1
        return f"00000000-0000-4000-8000-{self.thrown:012d}"


def scope(now: datetime = START, era: str = "1.37", **gates: bool) -> Scope:
    """The surroundings of a sync."""
    return Scope(now, Era(era, gates), Dice(), UserInfo("system:node:one", ("system:nodes",)))


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


@dataclass
class World:
    """Answers calls from what is there, and remembers the writes. `refuse` may raise before anything happens."""

    now: datetime = START
    objects: dict[tuple[str, str, str], Obj] = field(default_factory=dict)
    writes: list[Call] = field(default_factory=list)
    refuse: Callable[[Call], None] = lambda call: None
    issued: int = 0

    def add(self, resource: str, obj: Obj) -> Obj:
        meta(obj).setdefault("uid", f"uid-{name_of(obj)}")
        self.objects[resource, meta(obj).get("namespace", ""), name_of(obj)] = obj
        return obj

    def get(self, resource: str, name: str, namespace: str = "") -> Obj:
        if (resource, namespace, name) not in self.objects:
            raise not_found(resource, name)
        return self.objects[resource, namespace, name]

    def list(self, resource: str) -> list[Obj]:
        return [obj for (kind, _, _), obj in sorted(self.objects.items()) if kind == resource]

    def __call__(self, call: Call) -> Any:
        if isinstance(call, Note):
            return None
        self.refuse(call)
        if not isinstance(call, Get | List):
            self.writes.append(call)
        match call:
            case Get():
                return self.get(call.resource, call.name, call.namespace)
            case List():
                return self.list(call.resource)
            case Create(subresource="token"):
                return self._token(call)
            case Create(subresource="binding"):
                pod = self.get("pods", call.name, call.namespace)
                pod["spec"]["nodeName"] = call.body["target"]["name"]
                return {}
            case Create() | Update():
                return self.add(call.resource, copy(call.body))
            case Patch():
                found = self.get(call.resource, call.name, call.namespace)
                return self.add(call.resource, merged(found, call.body))
            case Delete():
                self.get(call.resource, call.name, call.namespace)
                return self.objects.pop((call.resource, call.namespace, call.name))
        raise ApiError(f"nobody answers {call}")

    def _token(self, call: Create) -> Obj:
        self.issued += 1
        spec = copy(call.body["spec"])
        spec.setdefault("expirationSeconds", 3600)
        spec["audiences"] = spec.get("audiences") or ["https://api"]
        expires = rfc3339(self.now + timedelta(seconds=spec["expirationSeconds"]))
        token = f"{call.name}:{spec['expirationSeconds']}:{','.join(spec['audiences'])}:{self.issued}"
        return {"metadata": {}, "spec": spec, "status": {"token": token, "expirationTimestamp": expires}}


@dataclass
class MemoryVolumes:
    """A VolumeHost that remembers."""

    volumes: dict[VolumeId, Payload] = field(default_factory=dict)
    groups: dict[VolumeId, int | None] = field(default_factory=dict)

    def write(self, volume: VolumeId, payload: Payload, *, group: int | None, now: datetime, random: object) -> bool:
        changed = self.volumes.get(volume) != payload
        self.volumes[volume], self.groups[volume] = dict(payload), group
        return changed

    def make_directory(self, volume: VolumeId, *, group: int | None) -> None:
        self.volumes[volume], self.groups[volume] = {}, group

    def tree(self, volume: VolumeId) -> Tree | None:
        return None

    def pods(self) -> list[str]:
        return list(dict.fromkeys(volume.pod_uid for volume in self.volumes))

    def remove_pod(self, pod_uid: str) -> None:
        self.volumes = {volume: payload for volume, payload in self.volumes.items() if volume.pod_uid != pod_uid}

    def only(self) -> Payload:
        """The payload of the one volume that the Pod asked for."""
        (payload,) = [payload for volume, payload in self.volumes.items() if not volume.plugin.startswith("labkit.local/")]
        return payload


def token_volume(name: str = "kube-api-access-x7k2p", **source: Any) -> Obj:
    """The volume that admission adds."""
    sources: list[Obj] = [
        {"serviceAccountToken": {"expirationSeconds": 3607, "path": "token", **source}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]
    return {"name": name, "projected": {"defaultMode": 0o644, "sources": sources}}


def pod(name: str = "web", *, node: str = "one", volumes: list[Obj] | None = None, **spec: Any) -> Obj:
    """A Pod as it is stored before its kubelet has seen it."""
    volumes = [token_volume()] if volumes is None else volumes
    mounts = [{"name": volume["name"], "mountPath": f"/mnt/{volume['name']}", "readOnly": True} for volume in volumes]
    container: Obj = {"name": "main", "image": "labkit.local/tools:1", "resources": {}, "volumeMounts": mounts}
    body: Obj = {"serviceAccountName": "default", "restartPolicy": "Always", "containers": [container], "volumes": volumes, **spec}
    if node:
        body["nodeName"] = node
    return {
        "metadata": {"name": name, "namespace": "team-a", "uid": f"uid-{name}", "generation": 1, "resourceVersion": "7"},
        "spec": body,
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    }


def ca_map() -> Obj:
    """The root CA's ConfigMap of the Pods' namespace."""
    return {"metadata": {"name": "kube-root-ca.crt", "namespace": "team-a"}, "data": {"ca.crt": "-----BEGIN CERTIFICATE-----\n"}}
