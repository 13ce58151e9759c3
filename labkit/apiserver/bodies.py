"""Request bodies: an object, delete options, or a patch to apply."""

from __future__ import annotations

import json
from typing import Any

from labkit.apiserver.field_validation import check_mode, conform
from labkit.apiserver.negotiation import decode_body, encode_json
from labkit.apiserver.request import Request
from labkit.kube.go import printed
from labkit.kube.objects import Obj, copy
from labkit.kube.patches import json_patch, merge_patch, strategic_merge_patch
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, BadRequest, NotImplementedHere, UnsupportedMediaType, field_invalid, invalid
from labkit.resources.kinds import Kind, Subresource
from labkit.resources.merge_keys import lookup, schema_of

PATCH_TYPES = ("application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json")
APPLY_TYPES = ("application/apply-patch+yaml", "application/apply-patch+cbor")


def read_body(request: Request, kind: Kind, scope: Scope, sub: Subresource | None = None) -> Obj:
    """The object in a request's body, without what its kind does not know.

    Raises:
        BadRequest: it cannot be read; or, with `fieldValidation=Strict`, it has unknown fields.
        UnsupportedMediaType: a media type that the server does not read.
    """
    mode = check_mode(request.param("fieldValidation"), "CreateOptions" if request.method == "POST" else "UpdateOptions")
    if isinstance(request.body, dict):
        return copy(request.body)  # type: ignore[no-any-return]  # copy keeps the type of what it copies
    decoded = decode_body(request.body, request.headers.get("content-type", ""), sub.kind if sub and sub.kind else kind.kind)
    if sub is not None and sub.kind:
        group, version = sub.group or kind.group, sub.version or kind.version
        decoded.setdefault("apiVersion", f"{group}/{version}" if group else version)
        decoded.setdefault("kind", sub.kind)
    return conform(decoded, kind, mode, scope)


def read_delete_options(request: Request) -> Obj:
    """DeleteOptions from the body, with those of the query over them."""
    options: Obj = {}
    if request.body:
        options = (
            copy(request.body) if isinstance(request.body, dict) else decode_body(request.body, request.headers.get("content-type", ""))
        )
    if policy := request.param("propagationPolicy"):
        options["propagationPolicy"] = policy
    if asked := request.param("gracePeriodSeconds"):
        options["gracePeriodSeconds"] = asked
    grace = options.get("gracePeriodSeconds")
    if grace is not None:
        try:
            options["gracePeriodSeconds"] = int(grace)
        except (TypeError, ValueError):
            raise BadRequest(f"gracePeriodSeconds has to be a number of seconds, not {json.dumps(grace)}") from None
    return options


def patched_object(request: Request, kind: Kind, old: Obj, scope: Scope) -> Obj:
    """`old` with the patch of the request applied to it.

    Raises:
        UnsupportedMediaType: none of the patch types.
        NotImplementedHere: server-side apply, which the embedded cluster does not serve yet.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip()
    if content_type in APPLY_TYPES:
        raise NotImplementedHere("the embedded cluster does not serve server-side apply yet; use `kubectl apply` without --server-side")
    if content_type not in PATCH_TYPES:
        listed = ", ".join((*PATCH_TYPES, *APPLY_TYPES))
        raise UnsupportedMediaType(
            f"the body of the request was in an unknown format - accepted media types include: {listed}",
        )
    body: Any = request.body
    if isinstance(body, bytes):
        try:
            body = json.loads(body)
        except ValueError as error:
            raise BadRequest(f"error decoding patch: {error}") from None
    if content_type == PATCH_TYPES[0]:
        patched = json_patch(old, body)
    elif content_type == PATCH_TYPES[1]:
        patched = merge_patch(old, body)
    else:
        patched = strategic_merge_patch(old, body, schema_of(kind.group, kind.version, kind.kind), lookup)
    if not isinstance(patched, dict):
        raise ApiError("the server rejected our request due to an error in our request", code=422, reason="Invalid")
    if isinstance(request.body, dict):
        return patched
    shown = printed(body) if content_type == PATCH_TYPES[2] else encode_json(patched).decode().strip()

    def refuse(why: str) -> ApiError:
        return invalid("", "", [field_invalid("patch", shown, why)])

    return conform(patched, kind, check_mode(request.param("fieldValidation"), "PatchOptions"), scope, refuse)
