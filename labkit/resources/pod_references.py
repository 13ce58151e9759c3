"""What a Pod refers to by name: Secrets and ConfigMaps (pkg/api/v1/pod/util.go). References with an empty name do not count."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from labkit.kube.objects import Obj, dig

CONTAINERS = ("initContainers", "containers", "ephemeralContainers")

# Volume sources that name a Secret of the Pod's namespace, and where.
_SECRET_FIELDS: tuple[tuple[str, ...], ...] = (
    ("azureFile", "secretName"),
    ("cephfs", "secretRef", "name"),
    ("cinder", "secretRef", "name"),
    ("flexVolume", "secretRef", "name"),
    ("rbd", "secretRef", "name"),
    ("secret", "secretName"),
    ("scaleIO", "secretRef", "name"),
    ("iscsi", "secretRef", "name"),
    ("storageos", "secretRef", "name"),
    ("csi", "nodePublishSecretRef", "name"),
)


def secret_names(pod: Obj) -> Iterator[str]:
    """The Secrets that the Pod names anywhere: pull secrets, environment of every container, volumes (ADM-6)."""
    names: list[str | None] = [reference.get("name") for reference in dig(pod, "spec", "imagePullSecrets", default=())]
    names += _from_environment(pod, "secretRef", "secretKeyRef")
    for volume in volumes(pod):
        names += [dig(volume, *path) for path in _SECRET_FIELDS]
        names += [dig(source, "secret", "name") for source in projected_sources(volume)]
    yield from filter(None, names)


def config_map_names(pod: Obj) -> Iterator[str]:
    """The ConfigMaps that the Pod names anywhere: environment of every container, volumes."""
    names = _from_environment(pod, "configMapRef", "configMapKeyRef")
    for volume in volumes(pod):
        names.append(dig(volume, "configMap", "name"))
        names += [dig(source, "configMap", "name") for source in projected_sources(volume)]
    yield from filter(None, names)


def containers(pod: Obj, *kinds: str) -> Sequence[Obj]:
    """The Pod's containers, of the given kinds or of all three, in the order init, regular, ephemeral."""
    return [container for kind in kinds or CONTAINERS for container in dig(pod, "spec", kind, default=())]


def volumes(pod: Obj) -> Sequence[Obj]:
    """The Pod's volumes."""
    found: Sequence[Obj] = dig(pod, "spec", "volumes", default=())
    return found


def projected_sources(volume: Obj) -> Sequence[Obj]:
    """The sources of a projected volume; none for another volume."""
    found: Sequence[Obj] = dig(volume, "projected", "sources", default=())
    return found


def _from_environment(pod: Obj, whole: str, key: str) -> list[str | None]:
    names: list[str | None] = []
    for container in containers(pod):
        names += [dig(source, whole, "name") for source in container.get("envFrom") or ()]
        names += [dig(variable, "valueFrom", key, "name") for variable in container.get("env") or ()]
    return names
