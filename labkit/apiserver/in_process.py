"""The front door without a socket: controllers, scheduler and node agent are clients of the server they live beside."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from labkit.apiserver.host import Host
from labkit.apiserver.request import Request, Response, WatchStream
from labkit.kube.calls import Call, Create, Delete, Get, Items, List, Patch, Update
from labkit.kube.objects import Obj, meta, name_of
from labkit.kube.status import InternalError, error_from_status, not_found
from labkit.kube.users import UserInfo
from labkit.resources.kinds import Kind
from labkit.resources.paths import path_of
from labkit.resources.table import by_resource


class InProcessClient:
    """A client with the identity of `user`: each call is a request, with authorization, admission and conflicts like anybody's."""

    def __init__(self, host: Host, user: UserInfo) -> None:
        self._host, self._user = host, user
        self._kinds = by_resource(host.server.kinds.values())

    async def call(self, call: Call) -> Any:
        """Answer a call by a request.

        Raises:
            ApiError: what the server refused.
        """
        match call:
            case Get():
                return await self._request("GET", self._path(call.resource, call.namespace, call.name))
            case List():
                query = {"labelSelector": call.label_selector, "fieldSelector": call.field_selector}
                found = await self._request("GET", self._path(call.resource, call.namespace), query)
                items = Items(found["items"])
                items.resource_version = str(meta(found).get("resourceVersion", ""))
                return items
            case Create():
                path = self._path(call.resource, call.namespace, call.name if call.subresource else "", call.subresource)
                return await self._request("POST", path, _options(call), call.body)
            case Update():
                path = self._path(call.resource, call.namespace, name_of(call.body), call.subresource)
                return await self._request("PUT", path, _options(call), call.body)
            case Patch():
                path = self._path(call.resource, call.namespace, call.name, call.subresource)
                return await self._request("PATCH", path, _options(call), call.body, call.content_type)
            case Delete():
                path = self._path(call.resource, call.namespace, call.name)
                return await self._request("DELETE", path, {"dryRun": "All"} if call.dry_run else {}, _delete_options(call))
        raise InternalError(f"a client has no answer to {type(call).__name__}")

    async def list(self, resource: str, field_selector: str = "") -> tuple[list[Obj], str]:
        """All objects, and the resourceVersion to watch from."""
        found = await self._request("GET", self._path(resource), {"fieldSelector": field_selector})
        return found["items"], str(meta(found)["resourceVersion"])

    async def watch(self, resource: str, resource_version: str, field_selector: str = "") -> AsyncIterator[Obj]:
        """Watch events after `resource_version`."""
        query = {"watch": ("true",), "resourceVersion": (resource_version,), "allowWatchBookmarks": ("true",)}
        if field_selector:
            query["fieldSelector"] = (field_selector,)
        answer = await self._host.handle(Request("GET", self._path(resource), query, user=self._user))
        if isinstance(answer, WatchStream):
            async for event in self._host.watch_events(answer):
                yield event
        elif isinstance(answer, Response) and isinstance(answer.body, dict):
            raise error_from_status(answer.body)

    async def _request(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        body: Obj | None = None,
        content_type: str = "application/json",
    ) -> Obj:
        values = {key: (value,) for key, value in (query or {}).items() if value}
        answer = await self._host.handle(
            Request(method, path, values, {"content-type": content_type}, b"" if body is None else body, user=self._user)
        )
        if not isinstance(answer, Response) or not isinstance(answer.body, dict):
            raise InternalError(f"{method} {path} was not answered with an object")
        if answer.status >= 400:
            raise error_from_status(answer.body)
        return answer.body

    def _path(self, resource: str, namespace: str = "", name: str = "", subresource: str = "") -> str:
        kind: Kind | None = self._kinds.get(resource)
        if kind is None:
            raise not_found(resource, name)
        return path_of(kind, namespace, name, subresource)


def _options(call: Create | Update | Patch) -> dict[str, str]:
    return {"fieldManager": call.field_manager, "dryRun": "All" if call.dry_run else ""}


def _delete_options(call: Delete) -> Obj:
    options: Obj = {"kind": "DeleteOptions", "apiVersion": "v1"}
    if call.propagation:
        options["propagationPolicy"] = call.propagation
    if call.grace_period_seconds is not None:
        options["gracePeriodSeconds"] = call.grace_period_seconds
    preconditions = {key: value for key, value in (("uid", call.uid), ("resourceVersion", call.resource_version)) if value}
    if preconditions:
        options["preconditions"] = preconditions
    return options
