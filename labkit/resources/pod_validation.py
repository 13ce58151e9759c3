"""Judging a Pod, when it is new and when it changes (VAL-7, VAL-8, VAL-14; ValidatePodCreate, ValidatePodUpdate)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from labkit.kube import names
from labkit.kube.objects import Obj, annotations_of, copy, dig
from labkit.kube.status import (
    FieldError,
    field_duplicate,
    field_forbidden,
    field_invalid,
    field_required,
    field_unsupported,
)
from labkit.resources.metadata import IMMUTABLE, validate_labels
from labkit.resources.pod_containers import LARGEST_ID, validate_containers, validate_host_network, validate_ids, validate_images
from labkit.resources.pod_diff import diff_specs
from labkit.resources.pod_volumes import validate_volumes

MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
DNS_POLICIES = ("ClusterFirstWithHostNet", "ClusterFirst", "Default", "None")
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_UPDATABLE = (
    "`spec.containers[*].image`",
    "`spec.initContainers[*].image`",
    "`spec.activeDeadlineSeconds`",
    "`spec.tolerations` (only additions to existing tolerations)",
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)",
)


def validate_pod(pod: Obj) -> list[FieldError]:
    """The rules that a new Pod breaks; metadata is judged by the generic part."""
    errors = _annotations_and_spec(pod)
    spec: Obj = pod.get("spec") or {}
    if spec.get("ephemeralContainers"):
        errors.append(field_forbidden("spec.ephemeralContainers", "cannot be set on create"))
    if spec.get("nodeName") and spec.get("schedulingGates"):
        errors.append(field_forbidden("spec.nodeName", "cannot be set until all schedulingGates have been cleared"))
    return errors


def validate_pod_spec(spec: Obj, path: str = "spec", *, tolerate_token_paths: bool = False) -> list[FieldError]:
    """The rules that a PodSpec breaks, in a Pod or in a template."""
    volumes, errors = validate_volumes(spec, f"{path}.volumes", tolerate_token_paths=tolerate_token_paths)
    errors += validate_containers(spec, volumes, path)
    errors += validate_host_network(spec, path)
    errors += _choice(spec, "restartPolicy", ("Always", "OnFailure", "Never"), path)
    errors += _choice(spec, "dnsPolicy", DNS_POLICIES, path)
    errors += validate_labels(spec.get("nodeSelector") or {}, f"{path}.nodeSelector")
    context: Obj = spec.get("securityContext") or {}
    errors += validate_ids(context, ("fsGroup", "runAsUser", "runAsGroup"), f"{path}.securityContext")
    if spec.get("dnsPolicy") == "None":
        errors += _needs_nameserver(spec, path)
    errors += _names(spec, path)
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and not 1 <= deadline <= LARGEST_ID:
        errors.append(field_invalid(f"{path}.activeDeadlineSeconds", deadline, names.not_in_range(1, LARGEST_ID)))
    errors += validate_tolerations(spec.get("tolerations") or (), f"{path}.tolerations")
    return errors + _host_aliases(spec.get("hostAliases") or (), f"{path}.hostAliases")


def validate_pod_update(pod: Obj, old: Obj) -> list[FieldError]:
    """The rules that a change of a Pod breaks (VAL-8).

    Images, the deadline, more tolerations and fewer scheduling gates may change; all else of the spec stays, and the refusal shows the
    difference.
    """
    errors = _annotations_and_spec(pod, old) + _mirror_changes(pod, old)
    spec, before = copy(pod.get("spec") or {}), old.get("spec") or {}
    for field in ("containers", "initContainers"):
        found, stop = _container_updates(spec.get(field) or (), before.get(field) or (), f"spec.{field}")
        errors += found
        if stop:
            return errors
    deadline, deadline_before = spec.get("activeDeadlineSeconds"), before.get("activeDeadlineSeconds")
    if deadline is not None and deadline_before is not None and deadline_before < deadline:
        return [*errors, field_invalid("spec.activeDeadlineSeconds", deadline, "must be less than or equal to previous value")]
    if deadline is None and deadline_before is not None:
        text = "must not update from a positive integer to nil value"
        errors.append(field_invalid("spec.activeDeadlineSeconds", None, text))
    errors += _only_more_tolerations(spec.get("tolerations") or (), before.get("tolerations") or ())
    errors += _only_fewer_gates(spec.get("schedulingGates") or (), before.get("schedulingGates") or ())
    if spec == before:
        return errors
    for field in ("containers", "initContainers"):
        for container, container_before in zip(spec.get(field) or (), before.get(field) or (), strict=True):
            container["image"] = container_before.get("image")
    for field in ("activeDeadlineSeconds", "schedulingGates", "tolerations"):
        _keep(spec, before, field)
    if before.get("schedulingGates"):
        added = {key: value for key, value in (spec.get("nodeSelector") or {}).items() if key not in (before.get("nodeSelector") or {})}
        if {**(before.get("nodeSelector") or {}), **added} == (spec.get("nodeSelector") or {}):
            _keep(spec, before, "nodeSelector")
    if difference := diff_specs(before, spec):
        text = f"pod updates may not change fields other than {','.join(_UPDATABLE)}\n{difference}"
        errors.append(field_forbidden("spec", text))
    return errors


def validate_status_update(pod: Obj, old: Obj) -> list[FieldError]:
    """The rules that a change of a Pod's status breaks."""
    errors = _mirror_changes(pod, old)
    for index, condition in enumerate(dig(pod, "status", "conditions", default=())):
        kind = condition.get("type") or ""
        if kind not in {"PodScheduled", "Ready", "Initialized"}:
            errors += [field_invalid(f"status.conditions[{index}].Type", kind, text) for text in names.is_qualified_name(kind)]
    quality, before = dig(pod, "status", "qosClass", default=""), dig(old, "status", "qosClass", default="")
    if quality != before:
        errors.append(field_invalid("status.qosClass", quality, IMMUTABLE))
    return errors


def validate_ephemeral_update(pod: Obj, old: Obj) -> list[FieldError]:
    """The rules that a change of ephemeral containers breaks: they are only added, and never to a mirror Pod."""
    if MIRROR_ANNOTATION in annotations_of(old):
        return [field_forbidden("", "static pods do not support ephemeral containers")]
    errors = _annotations_and_spec(pod, old) + _mirror_changes(pod, old)
    now = {container.get("name"): container for container in dig(pod, "spec", "ephemeralContainers", default=())}
    path = "spec.ephemeralContainers"
    for container in dig(old, "spec", "ephemeralContainers", default=()):
        name = container.get("name")
        if name not in now:
            errors.append(field_forbidden(path, f'existing ephemeral containers "{name}" may not be removed\n'))
        elif now[name] != container:
            difference = diff_specs(container, now[name], "EphemeralContainer")
            errors.append(field_forbidden(path, f'existing ephemeral containers "{name}" may not be changed\n{difference}'))
    return errors


def validate_tolerations(tolerations: Sequence[Obj], path: str) -> list[FieldError]:
    """The rules that tolerations break."""
    errors: list[FieldError] = []
    for index, toleration in enumerate(tolerations):
        here = f"{path}[{index}]"
        key, operator, value = toleration.get("key") or "", toleration.get("operator") or "", toleration.get("value") or ""
        if key:
            errors += [field_invalid(f"{here}.key", key, text) for text in names.is_qualified_name(key)]
        elif operator != "Exists":
            text = 'operator must be Exists when `key` is empty, which means "match all values and all keys"'
            errors.append(field_invalid(f"{here}.operator", operator, text))
        effect = toleration.get("effect") or ""
        if toleration.get("tolerationSeconds") is not None and effect != "NoExecute":
            errors.append(field_invalid(f"{here}.effect", effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"))
        if operator in {"", "Equal"}:
            if complaints := names.is_label_value(value):
                errors.append(field_invalid(f"{here}.operator", value, ";".join(complaints)))
        elif operator == "Exists":
            if value:
                errors.append(field_invalid(f"{here}.operator", value, "value must be empty when `operator` is 'Exists'"))
        else:
            errors.append(field_unsupported(f"{here}.operator", operator, ("Equal", "Exists")))
        if effect and effect not in EFFECTS:
            errors.append(field_unsupported(f"{here}.effect", effect, EFFECTS))
    return errors


def _annotations_and_spec(pod: Obj, old: Obj | None = None) -> list[FieldError]:
    spec: Obj = pod.get("spec") or {}
    errors: list[FieldError] = []
    mirror = annotations_of(pod).get(MIRROR_ANNOTATION)
    if mirror is not None and not spec.get("nodeName"):
        text = "must set spec.nodeName if mirror pod annotation is set"
        errors.append(field_invalid(f"metadata.annotations[{MIRROR_ANNOTATION}]", mirror, text))
    errors += validate_pod_spec(spec, tolerate_token_paths=old is not None and has_outside_token_path(old))
    if not spec.get("serviceAccountName"):
        errors += _tokens_without_account(spec)
    grace = spec.get("terminationGracePeriodSeconds")
    if grace is not None and grace < 0:
        errors.append(field_invalid("spec.terminationGracePeriodSeconds", grace, "must be greater than or equal to 0"))
    return errors + validate_images(spec, "spec")


def has_outside_token_path(pod: Obj) -> bool:
    """Whether a stored Pod has a token path that today's rules refuse, so that an update may keep it (VAL-10)."""
    from labkit.resources.pod_volumes import local_path

    tokens = [
        source["serviceAccountToken"]
        for volume in dig(pod, "spec", "volumes", default=())
        for source in dig(volume, "projected", "sources", default=())
        if source.get("serviceAccountToken")
    ]
    return any(local_path(token.get("path") or "", "path") for token in tokens)


def _tokens_without_account(spec: Obj) -> list[FieldError]:
    """A token's projection wants to know whose (VAL-14)."""
    return [
        field_forbidden(
            f"spec.volumes[{index}].projected.sources[{number}].serviceAccountToken",
            "must not be specified when serviceAccountName is not set",
        )
        for index, volume in enumerate(spec.get("volumes") or ())
        for number, source in enumerate(dig(volume, "projected", "sources", default=()))
        if source.get("serviceAccountToken") is not None
    ]


def _choice(spec: Obj, field: str, allowed: tuple[str, ...], path: str) -> list[FieldError]:
    value = spec.get(field) or ""
    if not value:
        return [field_required(f"{path}.{field}")]
    return [] if value in allowed else [field_unsupported(f"{path}.{field}", value, allowed)]


def _needs_nameserver(spec: Obj, path: str) -> list[FieldError]:
    config = spec.get("dnsConfig")
    if config is None:
        return [field_required(f"{path}.dnsConfig", "must provide `dnsConfig` when `dnsPolicy` is None")]
    if not config.get("nameservers"):
        text = "must provide at least one DNS nameserver when `dnsPolicy` is None"
        return [field_required(f"{path}.dnsConfig.nameservers", text)]
    return []


def _names(spec: Obj, path: str) -> list[FieldError]:
    """Scheduling gates, the account (VAL-7), the node, the host name."""
    errors: list[FieldError] = []
    seen: set[str] = set()
    for index, gate in enumerate(spec.get("schedulingGates") or ()):
        here, name = f"{path}.schedulingGates[{index}]", gate.get("name") or ""
        errors += [field_invalid(here, name, text) for text in names.is_qualified_name(name)]
        if name in seen:
            errors.append(field_duplicate(here, name))
        seen.add(name)
    checks = (
        ("serviceAccountName", names.is_subdomain),
        ("nodeName", names.is_subdomain),
        ("hostname", names.is_label),
        ("subdomain", names.is_label),
        ("priorityClassName", names.is_subdomain),
        ("runtimeClassName", names.is_subdomain),
    )
    for field, check in checks:
        if value := spec.get(field):
            errors += [field_invalid(f"{path}.{field}", value, text) for text in check(value)]
    return errors


def _host_aliases(aliases: Sequence[Obj], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, alias in enumerate(aliases):
        address = alias.get("ip") or ""
        try:
            ipaddress.ip_address(address)
        except ValueError:
            text = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            errors.append(field_invalid(f"{path}[{index}].ip", address, text))
        for number, name in enumerate(alias.get("hostnames") or ()):
            errors += [field_invalid(f"{path}[{index}].hostnames[{number}]", name, text) for text in names.is_subdomain(name)]
    return errors


def _mirror_changes(pod: Obj, old: Obj) -> list[FieldError]:
    """A Pod is a mirror of a static Pod for life, or never (corrections 14)."""
    path, now, before = f"metadata.annotations[{MIRROR_ANNOTATION}]", annotations_of(pod), annotations_of(old)
    if MIRROR_ANNOTATION in before and now.get(MIRROR_ANNOTATION) != before[MIRROR_ANNOTATION]:
        return [field_forbidden(path, "may not remove or update mirror pod annotation")]
    if MIRROR_ANNOTATION in now and MIRROR_ANNOTATION not in before:
        return [field_forbidden(path, "may not add mirror pod annotation")]
    return []


def _container_updates(now: Sequence[Obj], before: Sequence[Obj], path: str) -> tuple[list[FieldError], bool]:
    if len(now) != len(before):
        return [field_forbidden(path, "pod updates may not add or remove containers")], True
    errors: list[FieldError] = []
    for index, container in enumerate(now):
        image = container.get("image") or ""
        if not image:
            errors.append(field_required(f"{path}[{index}].image"))
        if image != image.strip():
            errors.append(field_invalid(f"{path}[{index}].image", image, "must not have leading or trailing whitespace"))
    return errors, False


def _only_more_tolerations(now: Sequence[Obj], before: Sequence[Obj]) -> list[FieldError]:
    def without_seconds(toleration: Obj) -> Obj:
        return {key: value for key, value in toleration.items() if key != "tolerationSeconds" and value}

    kept = [without_seconds(toleration) for toleration in now]
    if any(without_seconds(toleration) not in kept for toleration in before):
        return [field_forbidden("spec.tolerations", "existing toleration can not be modified except its tolerationSeconds")]
    return validate_tolerations(now, "spec.tolerations")


def _only_fewer_gates(now: Sequence[Obj], before: Sequence[Obj]) -> list[FieldError]:
    known = {gate.get("name") for gate in before}
    return [
        field_forbidden(f"spec.schedulingGates[{index}].name", f"only deletion is allowed, but found new scheduling gate '{gate['name']}'")
        for index, gate in enumerate(now)
        if gate.get("name") not in known
    ]


def _keep(spec: Obj, before: Obj, field: str) -> None:
    if field in before:
        spec[field] = before[field]
    else:
        spec.pop(field, None)


__all__ = [
    "MIRROR_ANNOTATION",
    "has_outside_token_path",
    "validate_ephemeral_update",
    "validate_pod",
    "validate_pod_spec",
    "validate_pod_update",
    "validate_status_update",
    "validate_tolerations",
]
