"""Judging `metadata`: what every object has to get right, whatever its kind (apimachinery/pkg/api/validation/objectmeta.go).

Maps are judged in order of their keys; upstream's order is Go's random one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from labkit.kube import names
from labkit.kube.objects import Obj
from labkit.kube.status import FieldError, field_forbidden, field_invalid, field_required, field_too_long

ANNOTATIONS_LIMIT = 256 * 1024
STANDARD_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
MAY_NOT_OWN = frozenset({("v1", "Event")})
IMMUTABLE = "field is immutable"

# What an update may not change. It may leave out _KEPT: the server keeps them.
_KEPT = ("uid", "creationTimestamp")
_FIXED = ("name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds")


def validate(meta: Obj, *, namespaced: bool, name_rule: str = "subdomain", path: str = "metadata") -> list[FieldError]:
    """The rules that a new object's metadata breaks. `name_rule` is `Kind.name_rule`; a name has been generated before."""
    errors: list[FieldError] = []
    if base := meta.get("generateName"):
        errors += [field_invalid(f"{path}.generateName", base, text) for text in names.check_generate_name(name_rule, base)]
    if name := meta.get("name"):
        errors += [field_invalid(f"{path}.name", name, text) for text in names.check_name(name_rule, name)]
    else:
        errors.append(field_required(f"{path}.name", "name or generateName is required"))
    namespace = meta.get("namespace") or ""
    if namespaced and not namespace:
        errors.append(field_required(f"{path}.namespace"))
    elif namespaced:
        errors += [field_invalid(f"{path}.namespace", namespace, text) for text in names.is_label(namespace)]
    elif namespace:
        errors.append(field_forbidden(f"{path}.namespace", "not allowed on this type"))
    errors += _generation(meta, path)
    errors += _common(meta, path)
    return errors + _finalizers(meta.get("finalizers") or (), f"{path}.finalizers")


def validate_update(meta: Obj, old: Obj, path: str = "metadata") -> list[FieldError]:
    """The rules that a change of metadata breaks. The update names a resourceVersion: the caller fills it in where a client may omit it."""
    errors: list[FieldError] = []
    if old.get("deletionTimestamp") and (added := sorted(set(meta.get("finalizers") or ()) - set(old.get("finalizers") or ()))):
        listed = "[]string{" + ", ".join(json.dumps(item) for item in added) + "}"
        text = f"no new finalizers can be added if the object is being deleted, found new finalizers {listed}"
        errors.append(field_forbidden(f"{path}.finalizers", text))
    if not meta.get("resourceVersion"):
        errors.append(field_invalid(f"{path}.resourceVersion", "", "must be specified for an update"))
    errors += _generation(meta, path)
    if (meta.get("generation") or 0) < (old.get("generation") or 0):
        errors.append(field_invalid(f"{path}.generation", meta.get("generation") or 0, "must not be decremented"))
    for field in _FIXED:
        if field in _KEPT and not meta.get(field):
            continue
        missing = "" if field in {"name", "namespace"} else None
        new_value, old_value = meta.get(field, missing), old.get(field, missing)
        if new_value != old_value:
            errors.append(field_invalid(f"{path}.{field}", new_value, IMMUTABLE))
    return errors + _common(meta, path)


def validate_labels(labels: Mapping[str, str], path: str) -> list[FieldError]:
    """The rules that a set of labels breaks."""
    errors: list[FieldError] = []
    for key in sorted(labels):
        errors += [field_invalid(path, key, text) for text in names.is_qualified_name(key)]
        errors += [field_invalid(path, labels[key], text) for text in names.is_label_value(labels[key])]
    return errors


def validate_annotations(annotations: Mapping[str, str], path: str) -> list[FieldError]:
    """The rules that a set of annotations breaks. Keys may hold capitals in their prefix; together they stay within 256 KiB."""
    errors = [field_invalid(path, key, text) for key in sorted(annotations) for text in names.is_qualified_name(key.lower())]
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    return [*errors, field_too_long(path, ANNOTATIONS_LIMIT)] if size > ANNOTATIONS_LIMIT else errors


def validate_finalizer(finalizer: str, path: str, item_path: str = "") -> list[FieldError]:
    """The rules that one finalizer's name breaks: upstream's own are short, all others carry a domain.

    Of metadata's finalizers, upstream reports a bad form at the list, and a missing domain at the item.
    """
    errors = [field_invalid(path, finalizer, text) for text in names.is_qualified_name(finalizer)]
    if "/" not in finalizer and finalizer not in STANDARD_FINALIZERS:
        errors.append(field_invalid(item_path or path, finalizer, "name is neither a standard finalizer name nor is it fully qualified"))
    return errors


def _generation(meta: Obj, path: str) -> list[FieldError]:
    generation = meta.get("generation") or 0
    return [field_invalid(f"{path}.generation", generation, "must be greater than or equal to 0")] if generation < 0 else []


def _common(meta: Obj, path: str) -> list[FieldError]:
    errors = validate_labels(meta.get("labels") or {}, f"{path}.labels")
    errors += validate_annotations(meta.get("annotations") or {}, f"{path}.annotations")
    return errors + _owners(meta.get("ownerReferences") or (), f"{path}.ownerReferences")


def _owners(owners: Sequence[Obj], path: str) -> list[FieldError]:
    errors: list[FieldError] = []
    controller = ""
    for index, owner in enumerate(owners):
        here = f"{path}[{index}]"
        version = owner.get("apiVersion") or ""
        if version and (version.count("/") > 1 or version.endswith("/")):
            errors.append(field_invalid(f"{here}.apiVersion", version, "must be <group>/<version> or <version>"))
        missing = [key for key in ("apiVersion", "kind", "name", "uid") if not owner.get(key)]
        errors += [field_required(f"{here}.{key}", "must not be empty") for key in missing]
        if (version, owner.get("kind")) in MAY_NOT_OWN:
            errors.append(field_invalid(here, owner, f"/{version}, Kind={owner['kind']} is disallowed from being an owner"))
        if owner.get("controller"):
            this = f"{owner.get('kind') or ''}/{owner.get('name') or ''}"
            if controller:
                text = f'Only one reference can have Controller set to true. Found "true" in references for {controller} and {this}'
                errors.append(field_invalid(path, list(owners), text))
            controller = controller or this
    return errors


def _finalizers(finalizers: Sequence[str], path: str) -> list[FieldError]:
    errors = [error for index, finalizer in enumerate(finalizers) for error in validate_finalizer(finalizer, path, f"{path}[{index}]")]
    if {"orphan", "foregroundDeletion"} <= set(finalizers):
        errors.append(field_invalid(path, list(finalizers), "finalizer orphan and foregroundDeletion cannot be both set"))
    return errors
