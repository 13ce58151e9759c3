"""What a Pod's volumes hold: tokens, ConfigMaps, Secrets and the Pod's own fields.

Upstream: pkg/volume/{projected,configmap,secret,downwardapi}, pkg/volume/util/util.go (FsUserFrom). Rules PRJ-1 to PRJ-8, PRJ-14.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from labkit.kube.calls import Note, Rule, get
from labkit.kube.objects import Obj, dig, name_of, namespace_of, uid_of
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, NotFound
from labkit.kube.versions import Era
from labkit.node.downward import FieldPathError, field_value, resource_value
from labkit.node.token_manager import TokenError, TokenManager
from labkit.node.volumes import CONFIG_MAP, DOWNWARD_API, EMPTY_DIR, PROJECTED, SECRET, File, Payload, VolumeError

TOKEN_MODE = 0o600
PLUGINS: Mapping[str, str] = {
    "projected": PROJECTED,
    "configMap": CONFIG_MAP,
    "secret": SECRET,
    "downwardAPI": DOWNWARD_API,
    "emptyDir": EMPTY_DIR,
}
NO_DEFAULT_MODE = "no defaultMode used, not even the default value for it"


def plugin_of(volume: Obj) -> str:
    """The name of the plugin that serves a Pod's volume; empty for a kind that this node does not serve."""
    return next((plugin for kind, plugin in PLUGINS.items() if kind in volume), "")


@dataclass(frozen=True, slots=True)
class Pantry:
    """What volumes are made from, besides the API: the node's tokens and its sizes, and the request's surroundings."""

    tokens: TokenManager
    scope: Scope
    allocatable: Mapping[str, str]


def collect(pod: Obj, volume: Obj, pantry: Pantry) -> Rule[Payload]:
    """The files of a volume of the Pod's spec.

    Raises:
        VolumeError: something that is not optional is missing; nothing may be mounted or changed then (PRJ-3).
    """
    if source := volume.get("configMap"):
        found = yield from _config_map(pod, source, source.get("name", ""), _mode(source))
        return found
    if source := volume.get("secret"):
        found = yield from _secret(pod, source, source.get("secretName", ""), _mode(source))
        return found
    if source := volume.get("downwardAPI"):
        return _downward(pod, source.get("items") or (), _mode(source), pantry.allocatable)
    source = volume["projected"]
    mode = _mode(source)
    payload: dict[str, File] = {}
    errors: list[str] = []
    for part in source.get("sources") or ():
        try:
            payload.update((yield from _projection(pod, part, mode, pantry)))
        except VolumeError as error:
            errors.append(str(error))
    if errors:
        raise VolumeError(aggregate(errors))
    return payload


def _projection(pod: Obj, part: Obj, mode: int, pantry: Pantry) -> Rule[Mapping[str, File]]:
    if source := part.get("configMap"):
        found = yield from _config_map(pod, source, source.get("name", ""), mode)
        return found
    if source := part.get("secret"):
        found = yield from _secret(pod, source, source.get("name", ""), mode)
        return found
    if source := part.get("downwardAPI"):
        return _downward(pod, source.get("items") or (), mode, pantry.allocatable)
    if source := part.get("serviceAccountToken"):
        file = yield from _token(pod, source, mode, pantry)
        return {source["path"]: file}
    if part:
        raise VolumeError(f"labkit's node does not serve the projected source {next(iter(part))}")
    return {}


def _token(pod: Obj, source: Obj, mode: int, pantry: Pantry) -> Rule[File]:
    """A token, asked for with the audience and the lifetime of its source, and bound to the Pod (PRJ-1)."""
    scope = pantry.scope
    if not scope.era.enabled("TokenRequestProjection"):
        raise VolumeError("pod request ServiceAccountToken projection but the TokenRequestProjection feature was not enabled")
    spec: Obj = {
        "audiences": [source["audience"]] if source.get("audience") else [],
        "boundObjectRef": {"kind": "Pod", "apiVersion": "v1", "name": name_of(pod), "uid": uid_of(pod)},
    }
    if source.get("expirationSeconds") is not None:
        spec["expirationSeconds"] = source["expirationSeconds"]
    request: Obj = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "metadata": {}, "spec": spec}
    account = str(dig(pod, "spec", "serviceAccountName", default=""))
    try:
        answer = yield from pantry.tokens.get_token(namespace_of(pod), account, request, scope)
    except TokenError as error:
        raise VolumeError(str(error)) from error
    owner = common_user(pod, scope.era)
    token_mode = mode_of_token(mode, owner, fs_group(pod), scope.era)
    yield Note("PRJ-5", f"the token file gets mode {token_mode:04o}", {"owner": owner, "fsGroup": fs_group(pod)})
    return File(answer["status"]["token"].encode(), token_mode, owner if scope.era.since("1.19") else None)


def mode_of_token(default: int, owner: int | None, group: int | None, era: Era) -> int:
    """The token file's mode: narrow where somebody is known to need it, else the volume's default (PRJ-5).

    Before 1.19 the file was always root's alone.
    """
    return TOKEN_MODE if owner is not None or group is not None or not era.since("1.19") else default


def common_user(pod: Obj, era: Era) -> int | None:
    """The one user that every container of the Pod runs as; None if one of them names none or another (PRJ-6)."""
    spec = pod.get("spec") or {}
    containers: list[Obj] = [*(spec.get("initContainers") or ()), *(spec.get("containers") or ())]
    if era.since("1.31"):
        containers += spec.get("ephemeralContainers") or ()
    default = dig(spec, "securityContext", "runAsUser")
    users = {dig(container, "securityContext", "runAsUser", default=default) for container in containers}
    return users.pop() if len(users) == 1 else None


def fs_group(pod: Obj) -> int | None:
    """The Pod's fsGroup, if it has one."""
    found: int | None = dig(pod, "spec", "securityContext", "fsGroup")
    return found


def _config_map(pod: Obj, source: Obj, name: str, mode: int) -> Rule[Mapping[str, File]]:
    optional = bool(source.get("optional"))
    found = yield from _fetch(pod, "configmaps", "configmap", name, optional)
    data = {key: value.encode() for key, value in (found.get("data") or {}).items()}
    data |= {key: base64.b64decode(value) for key, value in (found.get("binaryData") or {}).items()}
    return _keys_to_paths(data, source, mode, optional, "configmap references non-existent config key")


def _secret(pod: Obj, source: Obj, name: str, mode: int) -> Rule[Mapping[str, File]]:
    optional = bool(source.get("optional"))
    found = yield from _fetch(pod, "secrets", "secret", name, optional)
    data = {key: base64.b64decode(value) for key, value in (found.get("data") or {}).items()}
    return _keys_to_paths(data, source, mode, optional, "references non-existent secret key")


def _fetch(pod: Obj, resource: str, singular: str, name: str, optional: bool) -> Rule[Obj]:
    try:
        found = yield from get(resource, name, namespace_of(pod), live=True)
    except NotFound as error:
        if optional:
            return {}
        raise VolumeError(f'{singular} "{name}" not found') from error  # the kubelet's own cache words it in the singular
    except ApiError as error:
        raise VolumeError(error.message) from error
    return found


def _keys_to_paths(data: Mapping[str, bytes], source: Obj, mode: int, optional: bool, missing: str) -> Mapping[str, File]:
    items = source.get("items")
    if not items:
        return {key: File(value, mode) for key, value in data.items()}
    payload: dict[str, File] = {}
    for item in items:
        if item["key"] in data:
            payload[item["path"]] = File(data[item["key"]], _item_mode(item, mode))
        elif not optional:
            raise VolumeError(f"{missing}: {item['key']}")
    return payload


def _downward(pod: Obj, items: Iterable[Obj], mode: int, allocatable: Mapping[str, str]) -> Mapping[str, File]:
    payload: dict[str, File] = {}
    errors: list[str] = []
    for item in items:
        try:
            if reference := item.get("fieldRef"):
                value = field_value(pod, reference["fieldPath"])
            else:
                value = _resource(pod, item["resourceFieldRef"], allocatable)
        except FieldPathError as error:
            errors.append(str(error))
        else:
            payload[item["path"]] = File(value.encode(), _item_mode(item, mode))
    if errors:
        raise VolumeError(aggregate(errors))
    return payload


def _resource(pod: Obj, reference: Obj, allocatable: Mapping[str, str]) -> str:
    wanted = reference.get("containerName", "")
    containers = [*(dig(pod, "spec", "containers", default=[])), *(dig(pod, "spec", "initContainers", default=[]))]
    container = next((one for one in containers if one.get("name") == wanted), None)
    if container is None:
        raise FieldPathError(f"container {wanted} not found")
    return resource_value(container, reference["resource"], str(reference.get("divisor") or ""), allocatable)


def _mode(source: Obj) -> int:
    if source.get("defaultMode") is None:
        raise VolumeError(NO_DEFAULT_MODE)
    return int(source["defaultMode"])


def _item_mode(item: Obj, default: int) -> int:
    return default if item.get("mode") is None else int(item["mode"])


def aggregate(errors: Iterable[str]) -> str:
    """Several errors in one text, as apimachinery's Aggregate prints them: repeated ones once, one alone without brackets."""
    unique = list(dict.fromkeys(errors))
    return unique[0] if len(unique) == 1 else f"[{', '.join(unique)}]"
