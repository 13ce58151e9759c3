"""Judging a Pod's volumes: names, one source each, modes, paths, projections (VAL-9 to VAL-12; ValidateVolumes).

The kinds of volume that the course uses are judged in full; of the others only that a volume has one source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from labkit.kube import names
from labkit.kube.objects import Obj
from labkit.kube.status import (
    FieldError,
    field_duplicate,
    field_forbidden,
    field_invalid,
    field_required,
    field_unsupported,
)

SHORTEST_SECONDS, LONGEST_SECONDS = 600, 1 << 32
LARGEST_MODE = 0o777
MODE_TEXT = "must be a number between 0 and 0777 (octal), both inclusive"
VOLUME_FIELDS = frozenset({"metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"})
_MORE_FIELDS = ("spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs")
ENVIRONMENT_FIELDS = frozenset({"metadata.name", "metadata.namespace", "metadata.uid", *_MORE_FIELDS})
_KNOWN_FIELDS = VOLUME_FIELDS | ENVIRONMENT_FIELDS | {"spec.restartPolicy", "spec.schedulerName", "status.phase"}
_COMPUTE = ("cpu", "ephemeral-storage", "memory")
RESOURCE_FIELDS = tuple(f"{part}.{name}" for part in ("limits", "requests") for name in _COMPUTE)
_SIZES = frozenset({"1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"})
_SIZES_TEXT = "only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi, 1Ei are supported with the"
PROJECTIONS = ("secret", "configMap", "downwardAPI", "serviceAccountToken", "clusterTrustBundle")
_HOST_PATH_TYPES = ("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")

# Upstream's order of sources, with the slips in its paths: after the first source each further one is an error there.
_ORDER = (
    ("emptyDir", "emptyDir"),
    ("hostPath", "hostPath"),
    ("gitRepo", "gitRepo"),
    ("gcePersistentDisk", "gcePersistentDisk"),
    ("awsElasticBlockStore", "awsElasticBlockStore"),
    ("secret", "secret"),
    ("nfs", "nfs"),
    ("iscsi", "iscsi"),
    ("glusterfs", "glusterfs"),
    ("flocker", "flocker"),
    ("persistentVolumeClaim", "persistentVolumeClaim"),
    ("rbd", "rbd"),
    ("cinder", "cinder"),
    ("cephfs", "cephFS"),
    ("quobyte", "quobyte"),
    ("downwardAPI", "downwarAPI"),
    ("fc", "fc"),
    ("flexVolume", "flexVolume"),
    ("configMap", "configMap"),
    ("azureFile", "azureFile"),
    ("vsphereVolume", "vsphereVolume"),
    ("photonPersistentDisk", "photonPersistentDisk"),
    ("portworxVolume", "portworxVolume"),
    ("azureDisk", "azureDisk"),
    ("storageos", "storageos"),
    ("projected", "projected"),
    ("scaleIO", "scaleIO"),
    ("csi", "csi"),
    ("ephemeral", "ephemeral"),
    ("image", "image"),
)


def validate_volumes(spec: Obj, path: str, *, tolerate_token_paths: bool = False) -> tuple[frozenset[str], list[FieldError]]:
    """The names of the good volumes, which mounts may refer to, and the rules that the others break.

    `tolerate_token_paths` lets a token's path lead outside its volume: for Pods that were stored with one (VAL-10).
    """
    good: set[str] = set()
    errors: list[FieldError] = []
    for index, volume in enumerate(spec.get("volumes") or ()):
        here, name = f"{path}[{index}]", volume.get("name") or ""
        found = _source(volume, here, tolerate_token_paths=tolerate_token_paths)
        if name:
            found += [field_invalid(f"{here}.name", name, text) for text in names.is_label(name)]
        else:
            found.append(field_required(f"{here}.name"))
        if name in good:
            found.append(field_duplicate(f"{here}.name", name))
        if not found:
            good.add(name)
        errors += found
    return frozenset(good), errors


def _source(volume: Obj, path: str, *, tolerate_token_paths: bool) -> list[FieldError]:
    errors: list[FieldError] = []
    first = True
    for kind, shown in _ORDER:
        source = volume.get(kind)
        if source is None:
            continue
        if not first:
            errors.append(field_forbidden(f"{path}.{shown}", "may not specify more than 1 volume type"))
            continue
        first = False
        if kind == "projected":
            errors += _projected(source, f"{path}.projected", tolerate_token_paths=tolerate_token_paths)
        elif kind in _CHECKS:
            errors += _CHECKS[kind](source, f"{path}.{kind}")
    return errors if not first else [field_required(path, "must specify a volume type")]


def _empty_dir(source: Obj, path: str) -> list[FieldError]:
    if str(source.get("sizeLimit") or "").startswith("-"):
        return [field_forbidden(f"{path}.sizeLimit", "SizeLimit field must be a valid resource quantity")]
    return []


def _host_path(source: Obj, path: str) -> list[FieldError]:
    where = source.get("path") or ""
    if not where:
        return [field_required(f"{path}.path")]
    errors = no_steps_back(where, f"{path}.path")
    if (kind := source.get("type") or "") not in _HOST_PATH_TYPES:
        errors.append(field_unsupported(f"{path}.type", kind, _HOST_PATH_TYPES))
    return errors


def _claim(source: Obj, path: str) -> list[FieldError]:
    return [] if source.get("claimName") else [field_required(f"{path}.claimName")]


def _secret(source: Obj, path: str) -> list[FieldError]:
    missing = [] if source.get("secretName") else [field_required(f"{path}.secretName")]
    return missing + _mode(source, "defaultMode", path) + _items(source, path)


def _config_map(source: Obj, path: str) -> list[FieldError]:
    missing = [] if source.get("name") else [field_required(f"{path}.name")]
    return missing + _mode(source, "defaultMode", path) + _items(source, path)


def _downward_api(source: Obj, path: str) -> list[FieldError]:
    return _mode(source, "defaultMode", path) + [error for item in source.get("items") or () for error in _downward_file(item, path)]


_CHECKS: Mapping[str, Callable[[Obj, str], list[FieldError]]] = {
    "emptyDir": _empty_dir,
    "hostPath": _host_path,
    "persistentVolumeClaim": _claim,
    "secret": _secret,
    "configMap": _config_map,
    "downwardAPI": _downward_api,
}


def _mode(source: Obj, field: str, path: str) -> list[FieldError]:
    mode = source.get(field)
    return [] if mode is None or 0 <= mode <= LARGEST_MODE else [field_invalid(f"{path}.{field}", mode, MODE_TEXT)]


def _items(source: Obj, path: str) -> list[FieldError]:
    return [error for index, item in enumerate(source.get("items") or ()) for error in _item(item, f"{path}.items[{index}]")]


def _item(item: Obj, path: str) -> list[FieldError]:
    errors = [field_required(f"{path}.{key}") for key in ("key", "path") if not item.get(key)]
    return errors + local_path(item.get("path") or "", f"{path}.path") + _mode(item, "mode", path)


def local_path(value: str, path: str) -> list[FieldError]:
    """A path inside a volume: relative, without steps back, and not in the atomic writer's own names, which start with two dots."""
    errors = relative_path(value, path)
    if value.startswith("..") and not value.startswith("../"):
        errors.append(field_invalid(path, value, "must not start with '..'"))
    return errors


def relative_path(value: str, path: str) -> list[FieldError]:
    """A path that is relative and has no steps back."""
    absolute = [field_invalid(path, value, "must be a relative path")] if value.startswith("/") else []
    return absolute + no_steps_back(value, path)


def no_steps_back(value: str, path: str) -> list[FieldError]:
    """A path without `..`; said once, however many there are."""
    return [field_invalid(path, value, "must not contain '..'")] if ".." in value.split("/") else []


def _projected(source: Obj, path: str, *, tolerate_token_paths: bool) -> list[FieldError]:
    errors = _mode(source, "defaultMode", path)
    taken: set[str] = set()
    for index, part in enumerate(source.get("sources") or ()):
        here = f"{path}.sources[{index}]"
        kinds = [kind for kind in PROJECTIONS if part.get(kind) is not None]
        for kind in kinds:
            content, where = part[kind], f"{here}.{kind}"
            match kind:
                case "secret" | "configMap":
                    name = content.get("name") or ""
                    if not name:
                        errors.append(field_required(f"{where}.name"))
                    errors += _items(content, where)
                    errors += _taken(((item.get("path") or "", name) for item in content.get("items") or ()), taken, path)
                case "downwardAPI":
                    for item in content.get("items") or ():
                        errors += _downward_file(item, where)
                        errors += _taken([(item.get("path") or "", item.get("path") or "")], taken, path)
                case "serviceAccountToken":
                    errors += _token(content, where, path, tolerate_path=tolerate_token_paths)
                case _:
                    errors += _trust_bundle(content, where)
                    errors += _taken([(content.get("path") or "", content.get("path") or "")], taken, path)
        if len(kinds) > 1:
            errors.append(field_forbidden(here, "may not specify more than 1 volume type per source"))
    return errors


def _token(content: Obj, path: str, volume_path: str, *, tolerate_path: bool) -> list[FieldError]:
    """A token's projection. Its path is reported at the volume, not at the source (VAL-10), and takes no part in conflicts (VAL-11)."""
    errors: list[FieldError] = []
    seconds, where = content.get("expirationSeconds"), f"{path}.expirationSeconds"
    if seconds is None:
        errors.append(field_required(where))
    elif seconds < SHORTEST_SECONDS:
        errors.append(field_invalid(where, seconds, "may not specify a duration less than 10 minutes"))
    elif seconds > LONGEST_SECONDS:
        errors.append(field_invalid(where, seconds, "may not specify a duration larger than 2^32 seconds"))
    if not content.get("path"):
        errors.append(field_required(f"{volume_path}.path"))
    elif not tolerate_path:
        errors += local_path(content["path"], f"{volume_path}.path")
    return errors


def _trust_bundle(content: Obj, path: str) -> list[FieldError]:
    name, signer = content.get("name"), content.get("signerName")
    errors: list[FieldError] = []
    if name is not None and signer is not None:
        errors.append(field_invalid(path, content, "only one of name and signerName may be used"))
    elif name is None and signer is None:
        errors.append(field_required(path, "either name or signerName must be specified"))
    if not content.get("path"):
        errors.append(field_required(f"{path}.path"))
    return errors + local_path(content.get("path") or "", f"{path}.path")


def _taken(paths: Iterable[tuple[str, str]], taken: set[str], path: str) -> list[FieldError]:
    """Two sources want the same path; upstream shows the second one's name."""
    errors: list[FieldError] = []
    for where, shown in paths:
        if where and where in taken:
            errors.append(field_invalid(path, shown, "conflicting duplicate paths"))
        taken.add(where)
    return errors


def _downward_file(item: Obj, path: str) -> list[FieldError]:
    where = item.get("path") or ""
    errors = [] if where else [field_required(f"{path}.path")]
    errors += local_path(where, f"{path}.path")
    field, resource = item.get("fieldRef"), item.get("resourceFieldRef")
    if field is not None:
        errors += validate_field_reference(field, VOLUME_FIELDS, f"{path}.fieldRef")
        if resource is not None:
            errors.append(field_invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
    elif resource is not None:
        errors += validate_resource_reference(resource, f"{path}.resourceFieldRef", in_volume=True)
    else:
        errors.append(field_required(path, "one of fieldRef and resourceFieldRef is required"))
    return errors + _mode(item, "mode", path)


def validate_field_reference(reference: Obj, allowed: frozenset[str], path: str) -> list[FieldError]:
    """A `fieldRef` of the downward API: what may be read, in a volume or in the environment (VAL-16)."""
    for key in ("apiVersion", "fieldPath"):
        if not reference.get(key):
            return [field_required(f"{path}.{key}")]
    wanted = reference["fieldPath"]
    if reference["apiVersion"] != "v1":
        why = f"error converting fieldPath: unsupported pod version: {reference['apiVersion']}"
        return [field_invalid(f"{path}.fieldPath", wanted, why)]
    base, bracket, key = wanted.partition("['")
    if bracket and key.endswith("']"):
        if base not in {"metadata.annotations", "metadata.labels"}:
            why = f"error converting fieldPath: field label does not support subscript: {wanted}"
            return [field_invalid(f"{path}.fieldPath", wanted, why)]
        name = key.removesuffix("']")
        lowered = name.lower() if base == "metadata.annotations" else name
        return [field_invalid(path, lowered, text) for text in names.is_qualified_name(lowered)]
    if wanted == "spec.host":
        wanted = "spec.nodeName"  # what very old clients send
    if wanted not in _KNOWN_FIELDS:
        return [field_invalid(f"{path}.fieldPath", wanted, f"error converting fieldPath: field label not supported: {wanted}")]
    return [] if wanted in allowed else [field_unsupported(f"{path}.fieldPath", wanted, sorted(allowed))]


def validate_resource_reference(reference: Obj, path: str, *, in_volume: bool) -> list[FieldError]:
    """A `resourceFieldRef` of the downward API; a volume has to say of which container."""
    resource = reference.get("resource") or ""
    if in_volume and not reference.get("containerName"):
        errors = [field_required(f"{path}.containerName")]
    elif not resource:
        errors = [field_required(f"{path}.resource")]
    elif resource not in RESOURCE_FIELDS and not resource.startswith(("requests.hugepages-", "limits.hugepages-")):
        errors = [field_unsupported(f"{path}.resource", resource, RESOURCE_FIELDS)]
    else:
        errors = []
    divisor = str(reference.get("divisor") or "0")
    kind = resource.partition(".")[2]
    if divisor == "0":
        return errors
    if kind == "cpu" and divisor not in {"1", "1m"}:
        errors.append(field_invalid(f"{path}.divisor", resource, "only divisor's values 1m and 1 are supported with the cpu resource"))
    elif kind == "memory" and divisor not in _SIZES:
        errors.append(field_invalid(f"{path}.divisor", resource, f"{_SIZES_TEXT} memory resource"))
    elif kind == "ephemeral-storage" and divisor not in _SIZES:
        errors.append(field_invalid(f"{path}.divisor", resource, f"{_SIZES_TEXT} local ephemeral storage resource"))
    return errors


__all__ = [
    "ENVIRONMENT_FIELDS",
    "RESOURCE_FIELDS",
    "VOLUME_FIELDS",
    "local_path",
    "relative_path",
    "validate_field_reference",
    "validate_resource_reference",
    "validate_volumes",
]
