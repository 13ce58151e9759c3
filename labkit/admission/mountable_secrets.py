"""Mountable secrets: an account may limit its Pods to the Secrets that it lists (ADM-20 to ADM-24).

The list has holes, which upstream has too: projected volumes and the other volume kinds that name a Secret are not looked at (ADM-22).
"""

from __future__ import annotations

from collections.abc import Iterator

from labkit.kube.objects import Obj, annotations_of, dig
from labkit.kube.status import ApiError
from labkit.resources.pod_references import containers, volumes

ANNOTATION = "kubernetes.io/enforce-mountable-secrets"
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})  # what Go's ParseBool takes for true


def enforced(account: Obj) -> bool:
    """Whether the account limits its Pods; a value that is no boolean does not (ADM-20)."""
    return annotations_of(account).get(ANNOTATION) in _TRUE


def check_pod(pod: Obj, account: Obj, *, env_from: bool = True) -> str | None:
    """What a new Pod names and may not, as the refusal says it; None where all is well. `envFrom` counts since 1.29 (ADM-21, ADM-23)."""
    allowed, name = _names(account, "secrets"), dig(account, "metadata", "name", default="")
    for volume in volumes(pod):
        secret = dig(volume, "secret", "secretName", default="")
        if volume.get("secret") is not None and secret not in allowed:
            return f"volume with {_refused(secret, name)}"
    for kind, title in (("initContainers", "init container"), ("containers", "container")):
        for container in containers(pod, kind):
            for what, secret in _environment(container, env_from=env_from):
                if secret not in allowed:
                    return f"{title} {container.get('name', '')} {what} {_refused(secret, name)}"
    pullable = _names(account, "imagePullSecrets")
    for position, reference in enumerate(dig(pod, "spec", "imagePullSecrets", default=())):
        secret = reference.get("name", "")
        if secret not in pullable:
            return (
                f'imagePullSecrets[{position}].name="{secret}" is not allowed because service account {name} '
                "does not reference that imagePullSecret"
            )
    return None


def check_ephemeral_containers(pod: Obj, account: Obj) -> None:
    """Judge the ephemeral containers alone (ADM-24).

    Raises:
        ApiError: 500 without a reason: upstream does not wrap this refusal.
    """
    allowed, name = _names(account, "secrets"), dig(account, "metadata", "name", default="")
    for container in containers(pod, "ephemeralContainers"):
        for what, secret in _environment(container, env_from=True):
            if secret not in allowed:
                raise ApiError(f"ephemeral container {container.get('name', '')} {what} {_refused(secret, name)}", reason="")


def _names(account: Obj, field: str) -> frozenset[str]:
    return frozenset(reference.get("name", "") for reference in account.get(field) or ())


def _environment(container: Obj, *, env_from: bool) -> Iterator[tuple[str, str]]:
    """The Secrets of a container's environment, and how they come in. Variables come before whole Secrets."""
    for variable in container.get("env") or ():
        if (reference := dig(variable, "valueFrom", "secretKeyRef")) is not None:
            yield f"with envVar {variable.get('name', '')} referencing", reference.get("name", "")
    for source in container.get("envFrom") or () if env_from else ():
        if (reference := source.get("secretRef")) is not None:
            yield "with envFrom referencing", reference.get("name", "")


def _refused(secret: str, account: str) -> str:
    return f'secret.secretName="{secret}" is not allowed because service account {account} does not reference that secret'
