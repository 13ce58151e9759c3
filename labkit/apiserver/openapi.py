"""OpenAPI v3, as far as clients use it: `kubectl explain` reads the schemas, `apply` the merge keys, `--dry-run=server` and
`--validate` look whether an operation takes `dryRun` and `fieldValidation`.

The schemas are upstream's without their descriptions (`data/schemas.json`), for the kinds that are served; paths and operations follow
from the table of kinds. `/openapi/v2` is not served: kubectl asks for it only where v3 is missing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

from labkit.apiserver.data import load
from labkit.apiserver.negotiation import encode_json
from labkit.apiserver.request import Request, Response
from labkit.kube.objects import Obj
from labkit.resources.kinds import Kind, Subresource

ROOT = "/openapi/v3"
SCHEMAS = "#/components/schemas/"
META = "io.k8s.apimachinery.pkg.apis.meta.v1"
_WRITE = (("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string"))
_LIST = (
    ("allowWatchBookmarks", "boolean"),
    ("continue", "string"),
    ("fieldSelector", "string"),
    ("labelSelector", "string"),
    ("limit", "integer"),
    ("resourceVersion", "string"),
    ("resourceVersionMatch", "string"),
    ("sendInitialEvents", "boolean"),
    ("timeoutSeconds", "integer"),
    ("watch", "boolean"),
)
_DELETE = (
    ("dryRun", "string"),
    ("gracePeriodSeconds", "integer"),
    ("orphanDependents", "boolean"),
    ("propagationPolicy", "string"),
)
# verb: method, upstream's word for the action, parameters, the media types of the body
_OPERATIONS = {
    "list": ("get", "list", _LIST),
    "create": ("post", "post", _WRITE),
    "deletecollection": ("delete", "deletecollection", (*_LIST, *_DELETE)),
    "get": ("get", "get", ()),
    "update": ("put", "put", _WRITE),
    "patch": ("patch", "patch", (*_WRITE, ("force", "boolean"))),
    "delete": ("delete", "delete", _DELETE),
}
_ON_COLLECTION = ("list", "create", "deletecollection")
_PATCH_TYPES = (
    "application/apply-patch+yaml",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
)


class OpenApi:
    """The documents for `kinds`. Each is made when it is first asked for."""

    def __init__(self, kinds: Iterable[Kind], version: str) -> None:
        self._version = version
        self._kinds: dict[str, list[Kind]] = {}
        for kind in kinds:
            where = f"apis/{kind.api_version}" if kind.group else f"api/{kind.version}"
            self._kinds.setdefault(where, []).append(kind)
        self._made: dict[str, tuple[bytes, str]] = {}

    def answer(self, request: Request) -> Response | None:
        """The index at `/openapi/v3`, a group-version's document below it, or None."""
        path = request.path.rstrip("/")
        if path == ROOT:
            return Response(200, self.index())
        where = path.removeprefix(f"{ROOT}/")
        if where not in self._kinds:
            return None
        body, tag = self._document(where)
        headers = {"Etag": f'"{tag}"', "Vary": "Accept"}
        if asked := request.param("hash"):
            if asked != tag:
                return Response(301, b"", {"Location": f"{ROOT}/{where}?hash={tag}"}, "text/plain")
            headers["Cache-Control"] = "public, immutable"
        if tag in request.headers.get("if-none-match", ""):
            return Response(304, b"", headers)
        return Response(200, body, headers)

    def index(self) -> Obj:
        """Where each group-version's document is; the hash changes with its content, so that clients may keep it."""
        return {"paths": {where: {"serverRelativeURL": f"{ROOT}/{where}?hash={self._document(where)[1]}"} for where in sorted(self._kinds)}}

    def _document(self, where: str) -> tuple[bytes, str]:
        if where not in self._made:
            body = encode_json(self.document(where))
            self._made[where] = (body, hashlib.sha512(body).hexdigest().upper())
        return self._made[where]

    def document(self, where: str) -> Obj:
        """The document of a group-version, such as `api/v1`."""
        kinds = self._kinds[where]
        paths: Obj = {}
        for kind in kinds:
            paths |= dict(_paths(where, kind))
        roots = {_schema_name(kind) for kind in kinds} | {f"{META}.DeleteOptions", f"{META}.Status"}
        roots |= {name for kind in kinds for sub in kind.subresources if (name := _body_name(kind, sub)) in load("schemas.json")}
        schemas = dict(_closure(roots))
        for kind in kinds:
            if "list" in kind.verbs:
                schemas[f"{_schema_name(kind)}List"] = _list_schema(kind)
        schemas[f"{META}.Patch"] = {"type": "object"}
        return {
            "openapi": "3.0.0",
            "info": {"title": "Kubernetes", "version": self._version},
            "paths": dict(sorted(paths.items())),
            "components": {"schemas": dict(sorted(schemas.items()))},
        }


def _paths(where: str, kind: Kind) -> Iterator[tuple[str, Obj]]:
    inside = "/namespaces/{namespace}" if kind.namespaced else ""
    collection = f"/{where}{inside}/{kind.plural}"
    parameters = [_parameter("namespace", "string", "path")] if kind.namespaced else []
    on_collection = [verb for verb in kind.verbs if verb in _ON_COLLECTION]
    on_object = [verb for verb in kind.verbs if verb in _OPERATIONS and verb not in _ON_COLLECTION]
    if on_collection:
        yield collection, _path(kind, _gvk(kind), _schema_name(kind), on_collection, parameters)
    if kind.namespaced and "list" in kind.verbs:
        yield f"/{where}/{kind.plural}", _path(kind, _gvk(kind), _schema_name(kind), ["list"], [])
    named = [_parameter("name", "string", "path"), *parameters]
    if on_object:
        yield f"{collection}/{{name}}", _path(kind, _gvk(kind), _schema_name(kind), on_object, named)
    for sub in kind.subresources:
        gvk = _gvk(kind) | ({"kind": sub.kind} if sub.kind else {}) | ({"group": sub.group, "version": sub.version} if sub.group else {})
        verbs = [verb for verb in sub.verbs if verb in _OPERATIONS]
        yield f"{collection}/{{name}}/{sub.name}", _path(kind, gvk, _body_name(kind, sub), verbs, named)


def _path(kind: Kind, gvk: Obj, schema: str, verbs: Iterable[str], parameters: list[Obj]) -> Obj:
    found: Obj = {"parameters": [*parameters, _parameter("pretty", "string", "query")]}
    for verb in verbs:
        method, action, options = _OPERATIONS[verb]
        answered = f"{schema}List" if verb == "list" else f"{META}.Status" if verb == "deletecollection" else schema
        operation: Obj = {
            "tags": [_tag(kind)],
            "parameters": [_parameter(name, type_, "query") for name, type_ in options],
            "responses": {"200": {"description": "OK", "content": {"application/json": {"schema": _ref(answered)}}}},
            "x-kubernetes-action": "connect" if gvk["kind"].endswith("Options") else action,
            "x-kubernetes-group-version-kind": gvk,
        }
        if verb in ("create", "update"):
            operation["requestBody"] = {"content": {"*/*": {"schema": _ref(schema)}}, "required": True}
        elif verb == "patch":
            operation["requestBody"] = {"content": {name: {"schema": _ref(f"{META}.Patch")} for name in _PATCH_TYPES}, "required": True}
        elif verb in ("delete", "deletecollection"):
            operation["requestBody"] = {"content": {"*/*": {"schema": _ref(f"{META}.DeleteOptions")}}}
        found[method] = operation
    return found


def _parameter(name: str, type_: str, place: str) -> Obj:
    required = {"required": True} if place == "path" else {}
    return {"name": name, "in": place, **required, "schema": {"type": type_, "uniqueItems": True}}


def _ref(name: str) -> Obj:
    """A reference to a schema; options of a connection (PodExecOptions) have none, and what comes back is text."""
    return {"type": "string"} if name.endswith("Options") and name not in load("schemas.json") else {"$ref": SCHEMAS + name}


def _gvk(kind: Kind) -> Obj:
    return {"group": kind.group, "version": kind.version, "kind": kind.kind}


def _tag(kind: Kind) -> str:
    return f"{(kind.group or 'core').removesuffix('.k8s.io').replace('.', '')}_{kind.version}"


def _schema_name(kind: Kind) -> str:
    return f"io.k8s.api.{kind.group.partition('.')[0] or 'core'}.{kind.version}.{kind.kind}"


def _body_name(kind: Kind, sub: Subresource) -> str:
    group, version = (sub.group, sub.version) if sub.group else (kind.group, kind.version)
    return f"io.k8s.api.{group.partition('.')[0] or 'core'}.{version}.{sub.kind or kind.kind}"


def _list_schema(kind: Kind) -> Obj:
    text = {"type": "string"}
    items = {"type": "array", "items": {"allOf": [_ref(_schema_name(kind))], "default": {}}}
    metadata = {"allOf": [_ref(f"{META}.ListMeta")], "default": {}}
    return {
        "type": "object",
        "required": ["items"],
        "properties": {"apiVersion": text, "items": items, "kind": text, "metadata": metadata},
        "x-kubernetes-group-version-kind": [_gvk(kind) | {"kind": kind.list_kind}],
    }


def _closure(roots: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """The schemas named, and all that they refer to."""
    known = load("schemas.json")
    waiting, seen = [*roots, f"{META}.ListMeta"], set()
    while waiting:
        name = waiting.pop()
        if name in seen or name not in known:
            continue
        seen.add(name)
        yield name, known[name]
        waiting += _references(known[name])


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if "$ref" in schema:
            yield schema["$ref"].removeprefix(SCHEMAS)
        for value in schema.values():
            yield from _references(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _references(item)


__all__ = ["OpenApi"]
