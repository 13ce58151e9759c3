"""The volume through which a Pod gets its token, and the mounts that show it to the containers (ADM-12 to ADM-16, ADM-18)."""

from __future__ import annotations

from labkit.kube.calls import Note, Rule
from labkit.kube.objects import Obj
from labkit.kube.randomness import generate_name
from labkit.kube.scope import Scope

VOLUME_PREFIX = "kube-api-access-"
MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN_SECONDS = 3607  # an hour and the seconds by which the server knows a token that it may extend (TRQ-16)
ROOT_CA_CONFIG_MAP = "kube-root-ca.crt"
DEFAULT_MODE = 0o644


def mount_token(spec: Obj, scope: Scope) -> Rule[Obj]:
    """The Pod's spec with the token mounted where containers lack it.

    1. A volume whose name starts with `kube-api-access-` is the token volume, whatever is in it (ADM-12).
    2. Init and regular containers without a mount at exactly the token path get one; ephemeral containers never (ADM-13).
    3. The volume is added only if a container got a mount and there was no such volume (ADM-14).
    """
    present = spec.get("volumes") or []
    existing = next((volume["name"] for volume in present if str(volume.get("name", "")).startswith(VOLUME_PREFIX)), None)
    name = existing or generate_name(scope.random, VOLUME_PREFIX)
    mount = {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}
    mounted, changed = dict(spec), False
    for kind in ("initContainers", "containers"):
        if not spec.get(kind):
            continue
        mounted[kind] = [_with_mount(container, mount) for container in spec[kind]]
        changed = changed or mounted[kind] != spec[kind]
    if changed and existing is None:
        mounted["volumes"] = [*present, token_volume(name)]
        yield Note("ADM-14", "token volume added", {"volume": name})
    elif not changed:
        yield Note("ADM-14", "no container needs the token volume")
    return mounted


def token_volume(name: str) -> Obj:
    """The projected volume: token, root CA, namespace, in this order (ADM-15). It is written as defaulting would leave it (ADM-16)."""
    return {
        "name": name,
        "projected": {
            "sources": [
                {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
                {"configMap": {"name": ROOT_CA_CONFIG_MAP, "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
            ],
            "defaultMode": DEFAULT_MODE,
        },
    }


def _with_mount(container: Obj, mount: Obj) -> Obj:
    mounts = container.get("volumeMounts") or []
    if any(present.get("mountPath") == MOUNT_PATH for present in mounts):
        return container
    return {**container, "volumeMounts": [*mounts, dict(mount)]}
