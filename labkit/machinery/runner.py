"""Running controllers: informers feed a queue, workers drive `sync` for each key."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from labkit.kube.calls import Call, Get, Items, List, Sign, Sleep
from labkit.kube.controllers import Controller, Event, Source
from labkit.kube.objects import Obj, labels_of, name_of, namespace_of
from labkit.kube.randomness import Randomness
from labkit.kube.scope import Scope
from labkit.kube.selectors import parse_field_selector, parse_label_selector
from labkit.kube.users import UserInfo
from labkit.kube.versions import Era
from labkit.machinery.client import Client
from labkit.machinery.clock import MovableClock
from labkit.machinery.drivers import drive
from labkit.machinery.informer import IndexFunction, Informer
from labkit.machinery.queue import WorkQueue

WORKERS = 2
Report = Callable[[str, str, BaseException], None]


class Runner:
    """Runs one controller as a client of an API. Reads come from its informers' caches (unless `live`), writes are requests.

    Args:
        client: with the controller's own identity.
        watcher: with the identity that its informers use; upstream's controllers share those of the controller manager. None: `client`.
        sign: with the cluster's key; only the token controller has it.
        report: told of each failed sync, with the controller's name and the key.
    """

    def __init__(
        self,
        controller: Controller,
        client: Client,
        *,
        clock: MovableClock,
        random: Randomness,
        era: Era,
        indexes_of: Callable[[str], Mapping[str, IndexFunction]],
        report: Report,
        watcher: Client | None = None,
        sign: Callable[[Sign], str] | None = None,
    ) -> None:
        self.controller = controller
        self.queue = WorkQueue(clock)
        self._sign = sign
        self._client, self._clock, self._random, self._era, self._report = client, clock, random, era, report
        self._user = UserInfo(controller.user, controller.groups)
        self._informers: dict[str, Informer] = {}
        watching = watcher or client
        for source in controller.sources:
            informer = self._informers.get(source.resource)
            if informer is None:
                informer = Informer(watching, source.resource, clock, indexes_of(source.resource), source.field_selector)
                self._informers[source.resource] = informer
            informer.on_event(self._feed(source))
        for resource in controller.reads:
            self._informers.setdefault(resource, Informer(watching, resource, clock, indexes_of(resource)))

    def _feed(self, source: Source) -> Callable[[Event], None]:
        def feed(event: Event) -> None:
            for key in source.keys(event):
                self.queue.add(key)

        return feed

    async def run(self) -> None:
        """Run until cancelled. Workers start when all caches are filled (SAC-8)."""
        async with asyncio.TaskGroup() as tasks:
            for informer in self._informers.values():
                tasks.create_task(informer.run())
            for informer in self._informers.values():
                await informer.synced.wait()
            for key in self.controller.initial:
                self.queue.add(key)
            for _ in range(WORKERS):
                tasks.create_task(self._work())

    @property
    def seen(self) -> int:
        """The oldest of what the caches know: everything up to this resourceVersion has reached the queue."""
        return min((informer.seen for informer in self._informers.values()), default=0)

    async def _work(self) -> None:
        while True:
            key = await self.queue.take()
            try:
                await self._sync(key)
            finally:
                self.queue.done(key)

    async def _sync(self, key: str) -> None:
        scope = Scope(self._clock.now(), self._era, self._random, self._user)
        try:
            again = await drive(self.controller.sync(key, scope), self._answer)
        except Exception as error:  # noqa: BLE001  # one key's failure must stop neither its neighbours nor the other controllers
            limit = self.controller.max_retries
            if limit is None or self.queue.failures(key) < limit:
                self.queue.add_rate_limited(key)
            else:
                self.queue.forget(key)
            self._report(self.controller.name, key, error)
        else:
            self.queue.forget(key)
            if again is not None:
                self.queue.add_after(key, again)

    def _answer(self, call: Call) -> Any | Awaitable[Any]:
        match call:
            case Get(live=False) if (informer := self._informers.get(call.resource)) is not None:
                return informer.get(call.name, call.namespace)
            case List() if (informer := self._informers.get(call.resource)) is not None:
                return _selected(informer.list(call.namespace, call.index), call)
            case Sleep():
                return self._clock.sleep(call.seconds)
            case Sign() if self._sign is not None:
                return self._sign(call)
        return self._client.call(call)


def _selected(items: Iterable[Obj], call: List) -> Items:
    if call.label_selector:
        labels = parse_label_selector(call.label_selector)
        items = [item for item in items if labels.matches(labels_of(item))]
    if call.field_selector:
        fields = parse_field_selector(call.field_selector)
        items = [item for item in items if fields.matches(_metadata_fields(item))]
    return Items(items)


def _metadata_fields(item: Obj) -> dict[str, str]:
    return {"metadata.name": name_of(item), "metadata.namespace": namespace_of(item)}
