"""create, update, patch and delete: one path for every kind, in upstream's order.

decode → defaulting → mutating admission → preparation → validation → validating admission → storage
(apiserver/pkg/endpoints/handlers, apiserver/pkg/registry/generic/registry/store.go).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta

from labkit.admission.chain import admit, validate
from labkit.admission.request import AdmissionRequest, Operation
from labkit.apiserver.reads import with_kind
from labkit.apiserver.request import Response
from labkit.authorization.authorizer import authorize
from labkit.authorization.escalation import check_escalation
from labkit.kube.calls import Create, Delete, Rule, Update, find, get
from labkit.kube.clock import rfc3339
from labkit.kube.objects import Obj, copy, is_deleted, meta, name_of, namespace_of, uid_of
from labkit.kube.randomness import generate_name
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, BadRequest, Conflict, already_exists, conflict, invalid, modified, resource_details
from labkit.resources import metadata as metadata_rules
from labkit.resources.kinds import Kind

RECREATED = "The object might have been deleted and then recreated"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a write goes: its kind, the namespace and name of the URL, and how."""

    kind: Kind
    namespace: str
    name: str
    plugins: frozenset[str]
    subresource: str = ""
    dry_run: bool = False

    def admission(self, operation: Operation, obj: Obj | None, old: Obj | None, options: Obj | None = None) -> AdmissionRequest:
        """The request as admission sees it."""
        return AdmissionRequest(
            operation=operation,
            resource=self.kind.resource,
            subresource=self.subresource,
            namespace=self.namespace,
            name=self.name or (name_of(obj) if obj else ""),
            obj=obj,
            old=old,
            dry_run=self.dry_run,
            options=options or {},
            authorize=authorize,
        )


def create(target: Target, body: Obj, scope: Scope) -> Rule[Response]:
    """Answer `create`."""
    kind = target.kind
    obj = _own(target, body)
    metadata = meta(obj)
    if metadata.get("resourceVersion"):
        raise ApiError("resourceVersion should not be set on objects to be created", reason="")
    kind.strategy.default(obj)
    obj = copy((yield from admit(target.admission("CREATE", obj, None), scope, target.plugins)))
    yield from check_escalation(kind.resource, obj, None, scope, authorize)
    metadata = meta(obj)
    for field in ("deletionTimestamp", "deletionGracePeriodSeconds", "selfLink"):
        metadata.pop(field, None)
    if not metadata.get("name") and metadata.get("generateName"):
        metadata["name"] = generate_name(scope.random, metadata["generateName"])
    metadata["uid"] = scope.random.uuid()
    metadata["creationTimestamp"] = rfc3339(scope.now)
    kind.strategy.default(obj)  # once more: what admission added, and what follows from a generated name
    kind.strategy.prepare_for_create(obj, scope)
    errors = metadata_rules.validate(metadata, namespaced=kind.namespaced, name_rule=kind.name_rule) + kind.strategy.validate(obj)
    if errors:
        raise invalid(kind.kind, name_of(obj), errors, kind.group)
    for text in kind.strategy.warnings(obj, None, scope):
        scope.warn(text)
    yield from validate(target.admission("CREATE", obj, None), scope, target.plugins)
    if target.dry_run:
        if (yield from find(kind.resource, name_of(obj), namespace_of(obj))) is not None:
            raise already_exists(kind.resource, name_of(obj))
        return Response(201, with_kind(kind, obj))
    stored: Obj = yield Create(kind.resource, _ordered(obj), namespace_of(obj))
    return Response(201, with_kind(kind, stored))


def update(target: Target, body: Obj, scope: Scope) -> Rule[Response]:
    """Answer `update`, and what `patch` made of the object."""
    kind = target.kind
    obj = _own(target, body)
    if name_of(obj) != target.name:
        raise BadRequest(f"the name of the object ({name_of(obj)}) does not match the name on the URL ({target.name})")
    old = yield from get(kind.resource, target.name, target.namespace)
    return (yield from _replace(target, obj, old, scope))


def patch(target: Target, patched: Obj, old: Obj, scope: Scope) -> Rule[Response]:
    """Answer `patch`: `patched` is `old` with the patch applied."""
    obj = _own(target, patched)
    if name_of(obj) != target.name:
        raise BadRequest(f"the name of the object ({name_of(obj)}) does not match the name on the URL ({target.name})")
    return (yield from _replace(target, obj, old, scope))


def _replace(target: Target, obj: Obj, old: Obj, scope: Scope) -> Rule[Response]:
    kind, metadata, before = target.kind, meta(obj), meta(old)
    version = metadata.get("resourceVersion", "")
    if version and not str(version).isdigit():
        raise ApiError(f'resourceVersion: Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax', reason="")
    if version and version != before["resourceVersion"]:
        raise modified(kind.resource, target.name)
    if metadata.get("uid") and metadata["uid"] != before["uid"]:
        raise conflict(
            kind.resource, target.name, f"Precondition failed: UID in precondition: {metadata['uid']}, UID in object meta: {before['uid']}"
        )
    kind.strategy.default(obj)
    obj = copy((yield from admit(target.admission("UPDATE", obj, old), scope, target.plugins)))
    yield from check_escalation(kind.resource, obj, old, scope, authorize)
    kind.strategy.default(obj)
    metadata = meta(obj)
    for field in ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "selfLink"):
        if field in before:
            metadata[field] = before[field]
        else:
            metadata.pop(field, None)
    metadata["resourceVersion"] = before["resourceVersion"]
    kind.strategy.prepare_for_update(obj, old, scope, target.subresource)
    errors = metadata_rules.validate_update(metadata, before) + kind.strategy.validate_update(obj, old, target.subresource)
    if errors:
        raise invalid(kind.kind, name_of(obj), errors, kind.group)
    for text in kind.strategy.warnings(obj, old, scope):
        scope.warn(text)
    yield from validate(target.admission("UPDATE", obj, old), scope, target.plugins)
    obj = _ordered(obj)
    if target.dry_run or obj == old:
        return Response(200, with_kind(kind, obj))
    if is_deleted(old) and not _has_finalizers(kind, obj) and not before.get("deletionGracePeriodSeconds"):
        yield Delete(kind.resource, target.name, target.namespace)
        return Response(200, with_kind(kind, obj))
    stored: Obj = yield Update(kind.resource, obj, target.namespace)
    return Response(200, with_kind(kind, stored))


def delete(target: Target, options: Obj, scope: Scope) -> Rule[Response]:
    """Answer `delete`: at once, or by marking the object where a finalizer or a grace period keeps it."""
    kind = target.kind
    old = yield from get(kind.resource, target.name, target.namespace)
    _check_preconditions(kind, old, options)
    yield from validate(target.admission("DELETE", None, old, options), scope, target.plugins)
    obj = copy(old)
    _add_deletion_finalizers(obj, options)
    grace = grace_period(kind, old, options)
    if grace == 0 and not _has_finalizers(kind, obj):
        if target.dry_run:
            return _deleted(kind, old)
        gone: Obj = yield Delete(kind.resource, target.name, target.namespace)
        return _deleted(kind, gone)
    _mark(kind, obj, old, grace, scope)
    if target.dry_run or obj == old:
        return Response(200, with_kind(kind, obj))
    stored: Obj = yield Update(kind.resource, _ordered(obj), target.namespace)
    return Response(200, with_kind(kind, stored))


def grace_period(kind: Kind, old: Obj, options: Obj) -> int:
    """The seconds that an object lives on after its deletion was asked for: only Pods that a node runs have any."""
    if kind.resource != "pods":
        return 0
    spec, status = old.get("spec") or {}, old.get("status") or {}
    if not spec.get("nodeName") or status.get("phase") in ("Failed", "Succeeded"):
        return 0
    asked = options.get("gracePeriodSeconds")
    grace = int(spec.get("terminationGracePeriodSeconds") or 0) if asked is None else int(asked)
    current = meta(old).get("deletionGracePeriodSeconds")
    return min(grace, int(current)) if current is not None else max(grace, 0)


def _mark(kind: Kind, obj: Obj, old: Obj, grace: int, scope: Scope) -> None:
    """Write down that the object is to go; a mark can be brought forward and never put back."""
    metadata = meta(obj)
    if is_deleted(old) and grace >= int(metadata.get("deletionGracePeriodSeconds") or 0):
        return
    metadata["deletionTimestamp"] = rfc3339(scope.now + timedelta(seconds=grace))
    if kind.resource != "namespaces":
        metadata["deletionGracePeriodSeconds"] = grace
    else:
        obj["status"] = {**(obj.get("status") or {}), "phase": "Terminating"}


def _has_finalizers(kind: Kind, obj: Obj) -> bool:
    """Whether somebody still has to act before the object may go."""
    if meta(obj).get("finalizers"):
        return True
    return kind.resource == "namespaces" and bool((obj.get("spec") or {}).get("finalizers"))


def _add_deletion_finalizers(obj: Obj, options: Obj) -> None:
    wanted = {"Foreground": "foregroundDeletion", "Orphan": "orphan"}.get(options.get("propagationPolicy") or "")
    if options.get("orphanDependents"):
        wanted = "orphan"
    if wanted and not is_deleted(obj):
        finalizers = meta(obj).setdefault("finalizers", [])
        if wanted not in finalizers:
            finalizers.append(wanted)


def _check_preconditions(kind: Kind, old: Obj, options: Obj) -> None:
    wanted = options.get("preconditions") or {}
    for field, path, found in (("UID", "uid", uid_of(old)), ("ResourceVersion", "resourceVersion", meta(old).get("resourceVersion"))):
        value = wanted.get(path)
        if value and value != found:
            why = f"the {field} in the precondition ({value}) does not match the {field} in record ({found}). {RECREATED}"
            text = f'Operation cannot be fulfilled on {kind.kind} "{name_of(old)}": {why}'
            raise Conflict(text, details=resource_details(kind.resource, name_of(old)))


def _deleted(kind: Kind, gone: Obj) -> Response:
    """Some kinds answer a deletion with the object, the others with a Status that names it."""
    if kind.resource in ("pods", "serviceaccounts"):
        return Response(200, with_kind(kind, gone))
    details: Obj = {"name": name_of(gone)}
    if kind.group:
        details["group"] = kind.group
    details |= {"kind": kind.plural, "uid": uid_of(gone)}
    return Response(200, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})


def _own(target: Target, body: Obj) -> Obj:
    """A copy of the body that belongs to this URL.

    Raises:
        BadRequest: another kind, or another namespace than the URL's.
    """
    kind = target.kind
    obj: Obj = copy(body)
    found = (obj.get("apiVersion", kind.api_version), obj.get("kind", kind.kind))
    if found != (kind.api_version, kind.kind):
        raise BadRequest(
            f"{found[1]} in version {json.dumps(str(found[0]).rpartition('/')[2])} cannot be handled as a {kind.kind}: "
            f"converting ({found[0]}, {found[1]}) to ({kind.api_version}, {kind.kind}): unknown conversion"
        )
    obj["apiVersion"], obj["kind"] = kind.api_version, kind.kind
    if not isinstance(obj.get("metadata"), dict):
        obj["metadata"] = {}
    metadata = meta(obj)
    if kind.namespaced:
        if metadata.get("namespace") not in (None, "", target.namespace):
            raise BadRequest("the namespace of the provided object does not match the namespace sent on the request")
        metadata["namespace"] = target.namespace
    else:
        metadata.pop("namespace", None)
    return obj


def _ordered(obj: Obj) -> Obj:
    """As kept: apiVersion and kind are known from the place; metadata is in upstream's order of fields, without what is empty."""
    kept = {key: value for key, value in obj.items() if key not in ("apiVersion", "kind", "metadata")}
    found = {key: value for key, value in meta(obj).items() if value not in (None, "", [], {})}
    metadata = {field: found.pop(field) for field in _METADATA_ORDER if field in found} | found
    return {"metadata": metadata} | kept


_METADATA_ORDER = (
    "name",
    "generateName",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "labels",
    "annotations",
    "ownerReferences",
    "finalizers",
    "managedFields",
)
