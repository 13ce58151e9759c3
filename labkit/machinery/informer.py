"""An informer: a cache of a resource that follows the API by list and watch, and tells handlers what changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

from labkit.kube.controllers import Event
from labkit.kube.objects import Obj, meta, name_of, namespace_of
from labkit.kube.status import ApiError, Expired, not_found
from labkit.machinery.client import Client
from labkit.machinery.clock import MovableClock

Key = tuple[str, str]
IndexFunction = Callable[[Obj], Iterable[str]]
RETRY_SECONDS = 0.2


class Informer:
    """Follows one resource. `run` never ends by itself; `synced` is set once the first list is in the cache."""

    def __init__(
        self, client: Client, resource: str, clock: MovableClock, indexes: Mapping[str, IndexFunction], field_selector: str = ""
    ) -> None:
        self.resource = resource
        self.synced = asyncio.Event()
        self.seen = 0  # the newest resourceVersion that this cache knows of
        self._client, self._clock, self._field_selector = client, clock, field_selector
        self._objects: dict[Key, Obj] = {}
        self._index_functions = indexes
        self._indexes: dict[str, dict[str, dict[Key, None]]] = {name: {} for name in indexes}
        self._handlers: list[Callable[[Event], None]] = []

    def on_event(self, handler: Callable[[Event], None]) -> None:
        """Call `handler` with each change from now on."""
        self._handlers.append(handler)

    def get(self, name: str, namespace: str = "") -> Obj:
        """The cached object, read-only.

        Raises:
            NotFound: the cache has none.
        """
        found = self._objects.get((namespace, name))
        if found is None:
            raise not_found(self.resource, name)
        return found

    def list(self, namespace: str = "", index: tuple[str, str] | None = None) -> list[Obj]:
        """The cached objects of a namespace (or of all), or those that an index holds; in key order."""
        keys: Iterable[Key] = self._objects if index is None else self._indexes[index[0]].get(index[1], {})
        return [self._objects[key] for key in sorted(keys) if not namespace or key[0] == namespace]

    async def run(self) -> None:
        """Follow the API: list, then watch; when the watch ends go on from where it ended, when that is too old list again."""
        version = ""
        while True:
            try:
                if not version:
                    version = await self._relist()
                async for event in self._client.watch(self.resource, version, self._field_selector):
                    version = self._apply(event) or version
            except Expired:
                version = ""
            except (ApiError, ConnectionError):
                version = ""
                await self._clock.sleep(RETRY_SECONDS)

    async def _relist(self) -> str:
        items, version = await self._client.list(self.resource, self._field_selector)
        fresh = {(namespace_of(item), name_of(item)): item for item in items}
        for key in [key for key in self._objects if key not in fresh]:
            self._change(key, "DELETED", self._objects[key])
        for key, item in fresh.items():
            old = self._objects.get(key)
            if old is None or meta(old).get("resourceVersion") != meta(item).get("resourceVersion"):
                self._change(key, "MODIFIED" if old else "ADDED", item)
        self.seen = max(self.seen, int(version))
        self.synced.set()
        return version

    def _apply(self, event: Obj) -> str:
        kind, obj = event["type"], event["object"]
        if kind == "ERROR":
            raise Expired(str(obj.get("message", "")))
        version = str(meta(obj).get("resourceVersion", ""))
        if kind != "BOOKMARK":
            self._change((namespace_of(obj), name_of(obj)), kind, obj)
        self.seen = max(self.seen, int(version or 0))
        return version

    def _change(self, key: Key, kind: str, obj: Obj) -> None:
        old = self._objects.pop(key, None)
        if old is not None:
            for name, values_of in self._index_functions.items():
                for value in values_of(old):
                    self._indexes[name].get(value, {}).pop(key, None)
        if kind != "DELETED":
            self._objects[key] = obj
            for name, values_of in self._index_functions.items():
                for value in values_of(obj):
                    self._indexes[name].setdefault(value, {})[key] = None
        event = Event("DELETED" if kind == "DELETED" else "MODIFIED" if old else "ADDED", obj, old)
        for handler in tuple(self._handlers):
            handler(event)
