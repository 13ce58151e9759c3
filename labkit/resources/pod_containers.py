"""Judging a Pod's containers: names, images, ports, environment, mounts, resources, probes (validateContainers and its siblings)."""

from __future__ import annotations

from collections.abc import Sequence

from labkit.kube import names
from labkit.kube.objects import Obj
from labkit.kube.status import (
    FieldError,
    field_duplicate,
    field_forbidden,
    field_invalid,
    field_not_found,
    field_required,
    field_unsupported,
)
from labkit.resources.pod_diff import internal
from labkit.resources.pod_resources import validate_resources
from labkit.resources.pod_volumes import ENVIRONMENT_FIELDS, relative_path, validate_field_reference, validate_resource_reference

PULL_POLICIES = ("Always", "IfNotPresent", "Never")
PROTOCOLS = ("SCTP", "TCP", "UDP")
MESSAGE_POLICIES = ("File", "FallbackToLogsOnError")
RESTART_POLICIES = ("Always", "Never", "OnFailure")
PROPAGATIONS = ("Bidirectional", "HostToContainer", "None")
LARGEST_ID = 2**31 - 1
_NEVER_EPHEMERAL = ("ports", "resources", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "resizePolicy", "restartPolicy")
_VALUE_SOURCES = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")


def validate_containers(spec: Obj, volumes: frozenset[str], path: str) -> list[FieldError]:
    """The rules that a spec's regular, init and ephemeral containers break; `volumes` are what mounts may name."""
    return [
        *_regular(spec, volumes, f"{path}.containers"),
        *_init(spec, volumes, f"{path}.initContainers"),
        *_ephemeral(spec, volumes, f"{path}.ephemeralContainers"),
    ]


def validate_host_network(spec: Obj, path: str) -> list[FieldError]:
    """On the node's network a port of the host is the container's own."""
    if not spec.get("hostNetwork"):
        return []
    text = "must match `containerPort` when `hostNetwork` is true"
    return [
        field_invalid(f"{path}.containers[{index}].ports[{number}].hostPort", port.get("hostPort") or 0, text)
        for index, container in enumerate(spec.get("containers") or ())
        for number, port in enumerate(container.get("ports") or ())
        if (port.get("hostPort") or 0) != (port.get("containerPort") or 0)
    ]


def validate_images(spec: Obj, path: str) -> list[FieldError]:
    """What only Pods have to heed: an image's name has no blanks around it."""
    errors: list[FieldError] = []
    for field in ("containers", "initContainers"):
        for index, container in enumerate(spec.get(field) or ()):
            errors += _trimmed(container, f"{path}.{field}[{index}]")
    return errors


def _trimmed(container: Obj, path: str) -> list[FieldError]:
    image = container.get("image") or ""
    return [] if image == image.strip() else [field_invalid(f"{path}.image", image, "must not have leading or trailing whitespace")]


def _regular(spec: Obj, volumes: frozenset[str], path: str) -> list[FieldError]:
    listed: Sequence[Obj] = spec.get("containers") or ()
    if not listed:
        return [field_required(path)]
    errors: list[FieldError] = []
    taken: set[str] = set()
    for index, container in enumerate(listed):
        here = f"{path}[{index}]"
        errors += _common(container, volumes, here)
        errors += _unique(container, taken, here)
        errors += _hooks(container, here)
        policy = container.get("restartPolicy")
        if policy is not None and policy not in RESTART_POLICIES:
            errors.append(field_unsupported(f"{here}.restartPolicy", policy, RESTART_POLICIES))
    return errors + _host_ports(listed, path)


def _init(spec: Obj, volumes: frozenset[str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    taken = {container.get("name") or "" for container in spec.get("containers") or ()}
    for index, container in enumerate(spec.get("initContainers") or ()):
        here = f"{path}[{index}]"
        errors += _common(container, volumes, here)
        policy = container.get("restartPolicy")
        if policy is not None and policy not in RESTART_POLICIES:
            errors.append(field_unsupported(f"{here}.restartPolicy", policy, RESTART_POLICIES))
        errors += _unique(container, taken, here)
        errors += _host_ports([container], path)
        if policy == "Always":
            errors += _hooks(container, here)
            continue
        for field in ("lifecycle", "livenessProbe", "readinessProbe", "startupProbe"):
            if container.get(field) is not None:
                errors.append(field_forbidden(f"{here}.{field}", "may not be set for init containers without restartPolicy=Always"))
    return errors


def _ephemeral(spec: Obj, volumes: frozenset[str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    others = {c.get("name") or "" for field in ("containers", "initContainers") for c in spec.get(field) or ()}
    taken = set(others)
    for index, container in enumerate(spec.get("ephemeralContainers") or ()):
        here = f"{path}[{index}]"
        errors += _common(container, volumes, here) + _trimmed(container, here) + _unique(container, taken, here)
        target = container.get("targetContainerName")
        if target and target not in others:
            errors.append(field_not_found(f"{here}.targetContainerName", target))
        for field in _NEVER_EPHEMERAL:
            if container.get(field):
                errors.append(field_forbidden(f"{here}.{field}", "cannot be set for an Ephemeral Container"))
        for number, mount in enumerate(container.get("volumeMounts") or ()):
            for field in ("subPath", "subPathExpr"):
                if mount.get(field):
                    where = f"{here}.volumeMounts[{number}].{field}"
                    errors.append(field_forbidden(where, "cannot be set for an Ephemeral Container"))
    return errors


def _unique(container: Obj, taken: set[str], path: str) -> list[FieldError]:
    name = container.get("name") or ""
    if name in taken:
        return [field_duplicate(f"{path}.name", name)]
    taken.add(name)
    return []


def _common(container: Obj, volumes: frozenset[str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    if name := container.get("name"):
        errors += [field_invalid(f"{path}.name", name, text) for text in names.is_label(name)]
    else:
        errors.append(field_required(f"{path}.name"))
    if not container.get("image"):
        errors.append(field_required(f"{path}.image"))
    policy = container.get("terminationMessagePolicy")
    if policy not in MESSAGE_POLICIES:
        errors.append(field_unsupported(f"{path}.terminationMessagePolicy", policy, MESSAGE_POLICIES))
    errors += _ports(container, f"{path}.ports")
    errors += _environment(container.get("env") or (), f"{path}.env")
    errors += _environment_sources(container.get("envFrom") or (), f"{path}.envFrom")
    errors += _mounts(container, volumes, f"{path}.volumeMounts")
    if (pull := container.get("imagePullPolicy") or "") not in PULL_POLICIES:
        errors.append(field_unsupported(f"{path}.imagePullPolicy", pull, PULL_POLICIES))
    errors += validate_resources(container.get("resources") or {}, f"{path}.resources")
    return errors + _security(container.get("securityContext") or {}, f"{path}.securityContext")


def _ports(container: Obj, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    taken: set[str] = set()
    for index, port in enumerate(container.get("ports") or ()):
        here, name = f"{path}[{index}]", port.get("name") or ""
        complaints = names.is_port_name(name) if name else []
        errors += [field_invalid(f"{here}.name", name, text) for text in complaints]
        if name and not complaints:
            if name in taken:
                errors.append(field_duplicate(f"{here}.name", name))
            taken.add(name)
        number, on_host = port.get("containerPort") or 0, port.get("hostPort") or 0
        if not number:
            errors.append(field_required(f"{here}.containerPort"))
        else:
            errors += [field_invalid(f"{here}.containerPort", number, text) for text in names.is_port_number(number)]
        if on_host:
            errors += [field_invalid(f"{here}.hostPort", on_host, text) for text in names.is_port_number(on_host)]
        if port.get("protocol") not in PROTOCOLS:
            errors.append(field_unsupported(f"{here}.protocol", port.get("protocol"), PROTOCOLS))
    return errors


def _host_ports(containers: Sequence[Obj], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    taken: set[str] = set()
    for index, container in enumerate(containers):
        for number, port in enumerate(container.get("ports") or ()):
            if not port.get("hostPort"):
                continue
            claimed = f"{port.get('protocol')}/{port.get('hostIP') or ''}/{port['hostPort']}"
            if claimed in taken:
                errors.append(field_duplicate(f"{path}[{index}].ports[{number}].hostPort", claimed))
            taken.add(claimed)
    return errors


def _environment(variables: Sequence[Obj], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, variable in enumerate(variables):
        here = f"{path}[{index}]"
        if name := variable.get("name"):
            errors += [field_invalid(f"{here}.name", name, text) for text in names.is_environment_variable(name)]
        else:
            errors.append(field_required(f"{here}.name"))
        if variable.get("valueFrom") is not None:
            errors += _value_source(variable, f"{here}.valueFrom")
    return errors


def _value_source(variable: Obj, path: str) -> list[FieldError]:
    source: Obj = variable["valueFrom"]
    found = [kind for kind in _VALUE_SOURCES if source.get(kind) is not None]
    errors: list[FieldError] = []
    for kind in found:
        content, here = source[kind], f"{path}.{kind}"
        if kind == "fieldRef":
            errors += validate_field_reference(content, ENVIRONMENT_FIELDS, here)
        elif kind == "resourceFieldRef":
            errors += validate_resource_reference(content, here, in_volume=False)
        elif kind in {"configMapKeyRef", "secretKeyRef"}:
            name, key = content.get("name") or "", content.get("key") or ""
            errors += [field_invalid(f"{here}.name", name, text) for text in names.is_subdomain(name)]
            if key:
                errors += [field_invalid(f"{here}.key", key, text) for text in names.is_data_key(key)]
            else:
                errors.append(field_required(f"{here}.key"))
    if not found:
        kinds = "`fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        errors.append(field_invalid(path, "", f"must specify one of: {kinds}"))
    elif variable.get("value"):
        errors.append(field_invalid(path, "", "may not be specified when `value` is not empty"))
    elif len(found) > 1:
        errors.append(field_invalid(path, "", "may not have more than one field specified at a time"))
    return errors


def _environment_sources(sources: Sequence[Obj], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for index, source in enumerate(sources):
        here = f"{path}[{index}]"
        if prefix := source.get("prefix"):
            errors += [field_invalid(f"{here}.prefix", prefix, text) for text in names.is_environment_variable(prefix)]
        found = [kind for kind in ("configMapRef", "secretRef") if source.get(kind) is not None]
        for kind in found:
            if name := source[kind].get("name"):
                complaints = names.check_generate_name("subdomain", name)  # upstream lets these names end in a dash
                errors += [field_invalid(f"{here}.{kind}.name", name, text) for text in complaints]
            else:
                errors.append(field_required(f"{here}.{kind}.name"))
        if not found:
            errors.append(field_invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif len(found) > 1:
            errors.append(field_invalid(path, "", "may not have more than one field specified at a time"))
    return errors


def _mounts(container: Obj, volumes: frozenset[str], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    taken: set[str] = set()
    privileged = bool((container.get("securityContext") or {}).get("privileged"))
    for index, mount in enumerate(container.get("volumeMounts") or ()):
        here, name, where = f"{path}[{index}]", mount.get("name") or "", mount.get("mountPath") or ""
        if not name:
            errors.append(field_required(f"{here}.name"))
        if name not in volumes:
            errors.append(field_not_found(f"{here}.name", name))
        if not where:
            errors.append(field_required(f"{here}.mountPath"))
        if where in taken:
            errors.append(field_invalid(f"{here}.mountPath", where, "must be unique"))
        taken.add(where)
        inner, expression = mount.get("subPath") or "", mount.get("subPathExpr") or ""
        errors += relative_path(inner, f"{path}.subPath") if inner else []
        if inner and expression:
            errors.append(field_invalid(f"{here}.subPathExpr", expression, "subPathExpr and subPath are mutually exclusive"))
        errors += relative_path(expression, f"{path}.subPathExpr") if expression else []
        propagation = mount.get("mountPropagation")
        if propagation is not None and propagation not in PROPAGATIONS:
            errors.append(field_unsupported(f"{path}.mountPropagation", propagation, PROPAGATIONS))
        if propagation == "Bidirectional" and not privileged:
            text = "Bidirectional mount propagation is available only to privileged containers"
            errors.append(field_forbidden(f"{path}.mountPropagation", text))
    return errors


def validate_ids(context: Obj, fields: Sequence[str], path: str) -> list[FieldError]:
    """User and group ids fit into 31 bits."""
    found = ((field, context.get(field)) for field in fields)
    text = names.not_in_range(0, LARGEST_ID)
    return [field_invalid(f"{path}.{field}", value, text) for field, value in found if value is not None and not 0 <= value <= LARGEST_ID]


def _security(context: Obj, path: str) -> list[FieldError]:
    errors = validate_ids(context, ("runAsUser", "runAsGroup"), path)
    if context.get("allowPrivilegeEscalation") is False and context.get("privileged"):
        text = "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"
        errors.append(field_invalid(path, internal(context, "SecurityContext"), text))
    return errors


def _hooks(container: Obj, path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    for hook in ("postStart", "preStop"):
        handler = (container.get("lifecycle") or {}).get(hook)
        if handler is not None:
            errors += _handler(handler, f"{path}.lifecycle.{hook}")
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if container.get(probe) is not None:
            errors += _probe(container[probe], f"{path}.{probe}", once=probe != "readinessProbe")
    return errors


def _probe(probe: Obj, path: str, *, once: bool) -> list[FieldError]:
    errors = _handler(probe, path)
    for field in ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"):
        if (value := probe.get(field) or 0) < 0:
            errors.append(field_invalid(f"{path}.{field}", value, "must be greater than or equal to 0"))
    grace = probe.get("terminationGracePeriodSeconds")
    if grace is not None and not once:
        errors.append(field_invalid(f"{path}.terminationGracePeriodSeconds", grace, "must not be set for readinessProbes"))
    elif grace is not None and grace <= 0:
        errors.append(field_invalid(f"{path}.terminationGracePeriodSeconds", grace, "must be greater than 0"))
    if once and probe.get("successThreshold") != 1:
        errors.append(field_invalid(f"{path}.successThreshold", probe.get("successThreshold"), "must be 1"))
    return errors


def _handler(handler: Obj, path: str) -> list[FieldError]:
    found = [kind for kind in ("exec", "httpGet", "tcpSocket", "grpc", "sleep") if handler.get(kind) is not None]
    if not found:
        return [field_required(path, "must specify a handler type")]
    errors: list[FieldError] = []
    first, action = found[0], handler[found[0]]
    if first == "exec" and not action.get("command"):
        errors.append(field_required(f"{path}.exec.command"))
    if first in {"httpGet", "tcpSocket"}:
        port = action.get("port") or 0
        complaints = names.is_port_number(port) if isinstance(port, int) else names.is_port_name(port)
        errors += [field_invalid(f"{path}.{first}.port", port, text) for text in complaints]
    return errors + [field_forbidden(f"{path}.{kind}", "may not specify more than 1 handler type") for kind in found[1:]]


__all__ = ["validate_containers", "validate_host_network", "validate_ids", "validate_images"]
