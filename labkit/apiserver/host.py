"""The event loop's side of the API server: answers the pure core from the store, and keeps watches going."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

from labkit.apiserver.pipeline import ApiServer
from labkit.apiserver.reads import Filter, metadata_only, with_kind
from labkit.apiserver.request import Answer, Request, Response, WatchStream
from labkit.apiserver.store import Change, Store
from labkit.apiserver.tables import table
from labkit.kube.calls import Call, Create, Delete, Get, Items, List, Patch, Sign, Sleep, Update
from labkit.kube.objects import Obj, labels_of, meta, uid_of
from labkit.kube.patches import merge_patch
from labkit.kube.selectors import parse_label_selector
from labkit.kube.status import ApiError, InternalError, conflict
from labkit.machinery.clock import MovableClock
from labkit.machinery.drivers import drive
from labkit.resources.kinds import Kind
from labkit.resources.table import by_resource

BOOKMARK_SECONDS = 60.0
Signer = Callable[[Sign], str]


class Host:
    """Runs the core's rules: look-ups and writes go to the store, waiting to the clock, signing to the signer.

    What a request wrote is committed before its answer leaves; requests of one turn of the event loop share a commit.
    """

    def __init__(self, server: ApiServer, store: Store, clock: MovableClock, sign: Signer) -> None:
        self.server, self.store, self.clock = server, store, clock
        self.sign = sign
        self._kinds = by_resource(server.kinds.values())
        self._commit: asyncio.Future[None] | None = None
        self._answers: dict[type, Callable[[Any], Any]] = {
            Get: lambda call: store.get(call.resource, call.name, call.namespace),
            List: self._list,
            Create: lambda call: store.create(call.resource, call.body),
            Update: lambda call: store.update(call.resource, call.body),
            Patch: self._patch,
            Delete: lambda call: store.delete(call.resource, call.name, call.namespace),
            Sleep: lambda call: clock.sleep(call.seconds),
            Sign: sign,
        }

    async def handle(self, request: Request) -> Answer:
        """Answer one request."""
        answer = await drive(self.server.handle(request, self.clock.now()), self._answer)
        if self.store.dirty:
            try:
                await asyncio.shield(self._committed())
            except ApiError as error:
                return Response(error.status_code, error.status())
        return answer

    def _answer(self, call: Call) -> Any | Awaitable[Any]:
        answer = self._answers.get(type(call))
        if answer is None:
            raise InternalError(f"the embedded cluster has no answer to {type(call).__name__}")
        return answer(call)

    def _patch(self, call: Patch) -> Obj:
        """A merge patch of the server's own: authentication writes down when a token was last used (LEG-2)."""
        old = self.store.get(call.resource, call.name, call.namespace)
        patched = merge_patch(old, call.body)
        if uid_of(patched) != uid_of(old):
            raise conflict(call.resource, call.name, "another object has the name by now")
        return self.store.update(call.resource, patched)

    def _list(self, call: List) -> Items:
        found = self.store.list(call.resource, call.namespace, call.index)
        if call.label_selector:
            selector = parse_label_selector(call.label_selector)
            found = [item for item in found if selector.matches(labels_of(item))]
        items = Items(found)
        items.resource_version = str(self.store.revision)
        return items

    def _committed(self) -> asyncio.Future[None]:
        """The commit that takes in everything written so far in this turn."""
        if self._commit is None:
            self._commit = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_soon(self._commit_now, self._commit)
        return self._commit

    def _commit_now(self, done: asyncio.Future[None]) -> None:
        self._commit = None
        try:
            self.store.commit()
        except ApiError as error:
            done.set_exception(error)
        else:
            done.set_result(None)

    async def watch_events(self, stream: WatchStream) -> AsyncGenerator[Obj, None]:
        """The events of a watch as the client wants them, until its time is over. Closing the iterator ends the watch."""
        kind = self._kinds[stream.resource]
        shape = _Shape(kind, stream, self)
        changes: asyncio.Queue[Change] = asyncio.Queue()
        stop = self.store.listen(lambda change: changes.put_nowait(change) if change.resource == stream.resource else None)
        try:
            missed = self.store.since(stream.resource_version, stream.resource)
            if missed is None:
                yield {"type": "ERROR", "object": _too_old(stream.resource_version)}
                return
            for event in stream.initial:
                yield shape(event["type"], event["object"])
            if stream.initial_events_end:
                yield shape.bookmark(stream.resource_version, {"k8s.io/initial-events-end": "true"})
            seen = stream.resource_version
            for change in missed:
                seen = change.revision
                for event in shape.events(change):
                    yield event
            deadline = asyncio.get_running_loop().time() + stream.timeout_seconds if stream.timeout_seconds else None
            while True:
                wait = BOOKMARK_SECONDS if deadline is None else min(BOOKMARK_SECONDS, deadline - asyncio.get_running_loop().time())
                if wait <= 0:
                    return
                try:
                    change = await asyncio.wait_for(changes.get(), wait)
                except TimeoutError:
                    if stream.bookmarks:
                        yield shape.bookmark(max(seen, self.store.revision if changes.empty() and not self.store.dirty else seen), {})
                    continue
                if change.revision <= seen:
                    continue
                seen = change.revision
                for event in shape.events(change):
                    yield event
        finally:
            stop()


class _Shape:
    """Turns changes into one client's events: filtered by its selectors, as objects or as tables."""

    def __init__(self, kind: Kind, stream: WatchStream, host: Host) -> None:
        self._kind, self._stream, self._host = kind, stream, host
        self._filter = Filter(kind, stream.label_selector, stream.field_selector)
        self._columns_sent = False

    def events(self, change: Change) -> list[Obj]:
        """The event of a change: an object that begins or ceases to match is added or deleted for this client."""
        namespace = self._stream.namespace
        if namespace and meta(change.obj).get("namespace") != namespace:
            return []
        now = change.type != "DELETED" and self._filter.matches(change.obj)
        before = change.old is not None and self._filter.matches(change.old)
        if not now and not before:
            return []
        if now:
            return [self("MODIFIED" if before else "ADDED", change.obj)]
        last = change.old if change.type != "DELETED" else change.obj
        assert last is not None  # it matched before, so there was one
        gone = {**last, "metadata": {**meta(last), "resourceVersion": str(change.revision)}}
        return [self("DELETED", gone)]

    def __call__(self, event: str, obj: Obj) -> Obj:
        shown = with_kind(self._kind, obj)
        if self._stream.table:
            shown = table(self._kind, [obj], self._host.clock.now(), self._host.server.era, include_object=self._stream.include_object)
            shown["metadata"] = {"resourceVersion": meta(obj).get("resourceVersion", "")}
            if self._columns_sent:
                shown["columnDefinitions"] = None
            self._columns_sent = True
        return {"type": event, "object": shown}

    def bookmark(self, revision: int, annotations: dict[str, str]) -> Obj:
        """An event that only says how far the watch has come."""
        metadata: Obj = {"resourceVersion": str(revision), "creationTimestamp": None}
        if annotations:
            metadata["annotations"] = annotations
        if self._stream.table:
            empty = metadata_only({"metadata": metadata})
            shown = table(self._kind, [], self._host.clock.now(), self._host.server.era, include_object="None")
            shown["rows"] = [{"cells": [], "object": empty}]
            shown["metadata"] = {"resourceVersion": str(revision)}
            return {"type": "BOOKMARK", "object": shown}
        return {"type": "BOOKMARK", "object": {"kind": self._kind.kind, "apiVersion": self._kind.api_version, "metadata": metadata}}


def _too_old(revision: int) -> Obj:
    return ApiError(f"too old resource version: {revision}", code=410, reason="Expired").status()
