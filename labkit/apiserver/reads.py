"""get, list and watch."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence

from labkit.apiserver.request import Request, Response, WatchStream
from labkit.kube.calls import Items, Rule, get, list_
from labkit.kube.objects import Obj, labels_of, meta, name_of, namespace_of
from labkit.kube.selectors import parse_field_selector, parse_label_selector
from labkit.kube.status import ApiError, BadRequest
from labkit.resources.kinds import Kind

METADATA_FIELDS = ("metadata.name", "metadata.namespace")


def selectable(kind: Kind, obj: Obj) -> dict[str, str]:
    """The fields of an object that a field selector may name."""
    fields = {"metadata.name": name_of(obj)}
    if kind.namespaced:
        fields["metadata.namespace"] = namespace_of(obj)
    return fields | kind.strategy.selectable_fields(obj)


class Filter:
    """A request's label and field selectors, ready to judge objects.

    Raises:
        BadRequest: a selector that cannot be read, or a field that this kind does not offer.
    """

    def __init__(self, kind: Kind, label_selector: str, field_selector: str) -> None:
        self._kind = kind
        self._labels = parse_label_selector(label_selector) if label_selector else None
        self._fields = parse_field_selector(field_selector) if field_selector else None
        if self._fields is not None:
            known = set(selectable(kind, {"metadata": {}}))
            for field in self._fields.fields:
                if field not in known:
                    raise BadRequest(_unknown_field(kind, field))

    def matches(self, obj: Obj) -> bool:
        """Whether both selectors accept the object."""
        if self._labels is not None and not self._labels.matches(labels_of(obj)):
            return False
        return self._fields is None or self._fields.matches(selectable(self._kind, obj))


def _unknown_field(kind: Kind, field: str) -> str:
    """Kinds with fields of their own say it in other words than the rest (apimachinery/pkg/runtime/conversion.go)."""
    if kind.strategy.selectable_fields({}):
        return f"field label not supported: {field}"
    return f'"{field}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def with_kind(kind: Kind, obj: Obj) -> Obj:
    """The object with apiVersion and kind in front, as a single object is sent."""
    return {"kind": kind.kind, "apiVersion": kind.api_version} | {
        key: value for key, value in obj.items() if key not in ("kind", "apiVersion")
    }


def read_one(kind: Kind, namespace: str, name: str) -> Rule[Response]:
    """Answer `get`."""
    found = yield from get(kind.resource, name, namespace)
    return Response(200, with_kind(kind, found))


def read_list(kind: Kind, namespace: str, request: Request) -> Rule[Response]:
    """Answer `list`, in pages where `limit` asks for them.

    A later page shows the present state; it keeps the first page's resourceVersion, so that a watch from there tells what the pages missed.
    """
    chosen = Filter(kind, request.param("labelSelector"), request.param("fieldSelector"))
    items: Items = yield from list_(kind.resource, namespace)
    _check_future(request.param("resourceVersion"), items.resource_version)
    version, start = _continued(request.param("continue")) or (items.resource_version, ("", ""))
    matching = [item for item in items if (namespace_of(item), name_of(item)) > start and chosen.matches(item)]
    metadata: Obj = {"resourceVersion": version}
    limit = _number(request, "limit")
    if limit and len(matching) > limit:
        last = matching[limit - 1]
        metadata["continue"] = _token(version, namespace_of(last), name_of(last))
        if not (request.param("labelSelector") or request.param("fieldSelector")):
            metadata["remainingItemCount"] = len(matching) - limit
        matching = matching[:limit]
    return Response(200, list_of(kind, matching, metadata))


def list_of(kind: Kind, items: Sequence[Obj], metadata: Obj) -> Obj:
    """The list object: its items carry no apiVersion and kind, as upstream sends them."""
    bare = [{key: value for key, value in item.items() if key not in ("kind", "apiVersion")} for item in items]
    return {"kind": kind.list_kind, "apiVersion": kind.api_version, "metadata": metadata, "items": bare}


def read_watch(kind: Kind, namespace: str, name: str, request: Request) -> Rule[WatchStream]:
    """Answer `watch`: what is there now where the client asks for it, then what changes."""
    fields = request.param("fieldSelector")
    if name and not fields:
        fields = f"metadata.name={name}"
    chosen = Filter(kind, request.param("labelSelector"), fields)
    asked = request.param("resourceVersion")
    send_initial = request.flag("sendInitialEvents")
    if asked and not asked.isdigit():
        raise ApiError(
            f"invalid resource version {json.dumps(asked)}: strconv.ParseUint: parsing {json.dumps(asked)}: invalid syntax", reason=""
        )
    items: Items = yield from list_(kind.resource, namespace)
    initial: tuple[Obj, ...] = ()
    start = int(asked) if asked else 0
    if start == 0 or send_initial:
        initial = tuple({"type": "ADDED", "object": with_kind(kind, item)} for item in items if chosen.matches(item))
        start = int(items.resource_version)
    return WatchStream(
        resource=kind.resource,
        namespace=namespace,
        resource_version=start,
        label_selector=request.param("labelSelector"),
        field_selector=fields,
        initial=initial,
        bookmarks=request.flag("allowWatchBookmarks"),
        initial_events_end=send_initial,
        timeout_seconds=float(_number(request, "timeoutSeconds")),
    )


def metadata_only(obj: Obj) -> Obj:
    """The object as PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": meta(obj)}


def _number(request: Request, name: str) -> int:
    text = request.param(name, "0")
    try:
        return int(text)
    except ValueError:
        raise BadRequest(f"unable to convert value {json.dumps(text)} of {name} to a number") from None


def _check_future(asked: str, current: str) -> None:
    if asked.isdigit() and current and int(asked) > int(current):
        raise ApiError(
            f"Timeout: Too large resource version: {asked}, current: {current}",
            code=504,
            reason="Timeout",
            details={"causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}], "retryAfterSeconds": 1},
        )


def _token(version: str, namespace: str, name: str) -> str:
    text = json.dumps({"v": "meta.k8s.io/v1", "rv": int(version), "start": [namespace, name]})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _continued(token: str) -> tuple[str, tuple[str, str]] | None:
    if not token:
        return None
    try:
        found = json.loads(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return str(found["rv"]), (str(found["start"][0]), str(found["start"][1]))
    except (ValueError, KeyError, TypeError, IndexError):
        raise BadRequest("continue key is not valid") from None
