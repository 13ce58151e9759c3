"""The volume through which a Pod gets its token, and the mounts that show it to the containers (ADM-12 to ADM-16, ADM-18)."""

from __future__ import annotations

from labkit.admission.token_eras import Mounting
from labkit.kube.calls import Note, Rule
from labkit.kube.objects import Obj
from labkit.kube.randomness import generate_name
from labkit.kube.scope import Scope

VOLUME_PREFIX = "kube-api-access-"
MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
ROOT_CA_CONFIG_MAP = "kube-root-ca.crt"
DEFAULT_MODE = 0o644


def projected_volume(spec: Obj, scope: Scope, how: Mounting) -> tuple[str, Obj | None]:
    """The token volume's name, and the volume if the Pod has none whose name starts with `kube-api-access-`, whatever is in it (ADM-12)."""
    for volume in spec.get("volumes") or ():
        if str(volume.get("name", "")).startswith(VOLUME_PREFIX):
            return str(volume["name"]), None
    name = generate_name(scope.random, VOLUME_PREFIX)
    return name, token_volume(name, how)


def mount_volume(spec: Obj, name: str, volume: Obj | None) -> Rule[Obj]:
    """The Pod's spec with the volume `name` mounted where containers lack a token.

    1. Init and regular containers without a mount at exactly the token path get one; ephemeral containers never (ADM-13).
    2. The volume, if one is given, is added only if a container got a mount (ADM-14).
    """
    mount = {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}
    mounted, changed = dict(spec), False
    for kind in ("initContainers", "containers"):
        if not spec.get(kind):
            continue
        mounted[kind] = [_with_mount(container, mount) for container in spec[kind]]
        changed = changed or mounted[kind] != spec[kind]
    if changed and volume is not None:
        mounted["volumes"] = [*(spec.get("volumes") or ()), volume]
        yield Note("ADM-14", "token volume added", {"volume": name})
    elif not changed:
        yield Note("ADM-14", "no container needs the token volume")
    return mounted


def token_volume(name: str, how: Mounting) -> Obj:
    """The projected volume: token, root CA, namespace, in this order (ADM-15).

    The hour's odd seconds are those by which the server knows a token that it may extend (TRQ-16). Today the volume is written as
    defaulting would leave it (ADM-16).
    """
    projected: Obj = {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": how.seconds, "path": "token"}},
            {"configMap": {"name": ROOT_CA_CONFIG_MAP, "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
        ]
    }
    if how.explicit_mode:
        projected["defaultMode"] = DEFAULT_MODE
    return {"name": name, "projected": projected}


def _with_mount(container: Obj, mount: Obj) -> Obj:
    mounts = container.get("volumeMounts") or []
    if any(present.get("mountPath") == MOUNT_PATH for present in mounts):
        return container
    return {**container, "volumeMounts": [*mounts, dict(mount)]}
