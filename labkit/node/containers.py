"""A container as a command in it finds it: its mounts, its small files, its user, its environment.

Upstream: pkg/kubelet/kubelet_pods.go (makeMounts, managedHostsFileContent), pkg/volume/util/subpath. Rule PRJ-12.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from labkit.kube.clock import parse_time
from labkit.kube.objects import Obj, dig, name_of, namespace_of, uid_of
from labkit.kube.scope import Scope
from labkit.node import environment
from labkit.node.container_files import ContainerFiles, FileError, Identity, Mount
from labkit.node.image import FILES
from labkit.node.process import Container
from labkit.node.projected import plugin_of
from labkit.node.status import identity
from labkit.node.volumes import EMPTY_DIR, File, Payload, Tree, VolumeHost, VolumeId

SUB_PATH = "labkit.local/sub-path"  # where what a subPath mount found at the start is kept
_SOURCE, _DEEPEST = "/source", 40


@dataclass(frozen=True, slots=True)
class Api:
    """How Pods reach the API: the Service's address and port, the PEM of the CA that signed its certificate, the cluster's domain."""

    ca: str
    address: str = "10.96.0.1"
    port: int = 443
    dns: str = "10.96.0.10"
    domain: str = "cluster.local"

    def hosts(self, namespace: str) -> frozenset[str]:
        """The names and addresses, with the port, that lead to it from a Pod of `namespace`."""
        names = {"kubernetes.default", "kubernetes.default.svc", f"kubernetes.default.svc.{self.domain}", self.address}
        if namespace == "default":
            names.add("kubernetes")
        return frozenset(f"{name}:{self.port}" for name in names)


def spec_of(pod: Obj, container: str) -> Obj | None:
    """The container of that name, of whatever kind."""
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for one in dig(pod, "spec", kind, default=[]):
            if one.get("name") == container:
                return dict(one)
    return None


def status_of(pod: Obj, container: str) -> Obj:
    """What the Pod's status says of a container; empty where it says nothing."""
    for kind in ("containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"):
        for one in dig(pod, "status", kind, default=[]):
            if one.get("name") == container:
                return dict(one)
    return {}


def open_container(pod: Obj, name: str, volumes: VolumeHost, api: Api, now: datetime) -> Container | None:
    """The running container `name`; None if it does not run."""
    spec, status = spec_of(pod, name), status_of(pod, name)
    started = dig(status, "state", "running", "startedAt")
    if spec is None or not started:
        return None
    user, group, groups = identity(spec, pod["spec"])
    files = {**FILES, **_network_files(pod, api)}
    view = ContainerFiles(tuple(_mounts(pod, spec, volumes)), files, Identity(user, group, groups), parse_time(started))
    return Container(
        view,
        environment.kept(pod, name, volumes),
        name_of(pod),
        now,
        api.hosts(namespace_of(pod)),
        api.ca,
        str(spec.get("workingDir") or "/"),
    )


def freeze_sub_paths(pod: Obj, container: Obj, volumes: VolumeHost, scope: Scope) -> None:
    """Keep what the container's subPath mounts find now: a running container never sees them change (PRJ-12)."""
    for number, mount in enumerate(container.get("volumeMounts") or ()):
        path, volume = mount.get("subPath"), _volume_of(pod, mount["name"])
        tree = volumes.tree(volume) if volume else None
        if path and tree is not None:
            target = _frozen(pod, container, number)
            volumes.write(target, _snapshot(tree, path, scope.now), group=None, now=scope.now, random=scope.random)


def _mounts(pod: Obj, container: Obj, volumes: VolumeHost) -> Iterator[Mount]:
    for number, mount in enumerate(container.get("volumeMounts") or ()):
        volume = _volume_of(pod, mount["name"])
        if volume is None:
            continue
        path = "/" + mount["mountPath"].strip("/")
        read_only = bool(mount.get("readOnly")) or volume.plugin != EMPTY_DIR
        if not mount.get("subPath"):
            tree = volumes.tree(volume)
            if tree is not None:
                yield Mount(path, tree, "", read_only)
            continue
        tree = volumes.tree(_frozen(pod, container, number))
        data = tree.entry("..data") if tree else None
        if tree is not None and data is not None:
            yield Mount(path, tree, f"{data.target}/it", read_only)


def _frozen(pod: Obj, container: Obj, number: int) -> VolumeId:
    return VolumeId(uid_of(pod), SUB_PATH, f"{container['name']}-{number}")


def _volume_of(pod: Obj, name: str) -> VolumeId | None:
    for volume in dig(pod, "spec", "volumes", default=[]):
        if volume["name"] == name and plugin_of(volume):
            return VolumeId(uid_of(pod), plugin_of(volume), name)
    return None


def _snapshot(tree: Tree, path: str, now: datetime) -> Payload:
    """The file at `path`, or the files below it, with links followed."""
    files = ContainerFiles((Mount(_SOURCE, tree),), {}, Identity(), now)
    payload: dict[str, File] = {}

    def take(inside: str, name: str, depth: int) -> None:
        try:
            entry = files.status(inside)
            if entry.kind == "file":
                payload[name] = File(files.read(inside), entry.mode, entry.uid or None)
            elif depth < _DEEPEST:
                for child in files.names(inside):
                    take(f"{inside}/{child}", f"{name}/{child}", depth + 1)
        except FileError:
            return  # a subPath that is not there is an empty directory, as the kubelet makes one

    take(f"{_SOURCE}/{path}", "it", 0)
    return payload


def _network_files(pod: Obj, api: Api) -> dict[str, bytes]:
    address, name = dig(pod, "status", "podIP", default=""), name_of(pod)
    hosts = [
        "# Kubernetes-managed hosts file.",
        "127.0.0.1\tlocalhost",
        "::1\tlocalhost ip6-localhost ip6-loopback",
        "fe00::0\tip6-localnet",
        "fe00::0\tip6-mcastprefix",
        "fe00::1\tip6-allnodes",
        "fe00::2\tip6-allrouters",
        f"{address}\t{name}",
    ]
    search = f"{namespace_of(pod)}.svc.{api.domain} svc.{api.domain} {api.domain}"
    resolver = f"search {search}\nnameserver {api.dns}\noptions ndots:5\n"
    return {
        "/etc/hosts": ("\n".join(hosts) + "\n").encode(),
        "/etc/hostname": f"{name}\n".encode(),
        "/etc/resolv.conf": resolver.encode(),
    }
