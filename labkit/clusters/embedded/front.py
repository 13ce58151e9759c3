"""The host as the outside sees it: the same answers, and a note of when somebody last asked."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator

from labkit.apiserver.host import Host
from labkit.apiserver.request import Answer, Request, WatchStream
from labkit.kube.objects import Obj


class Front:
    """Hands requests from outside on to the host. Controllers, scheduler and node go to the host itself and do not count."""

    def __init__(self, host: Host) -> None:
        self._host = host
        self._open = 0
        self._last = time.monotonic()

    def idle_for(self) -> float:
        """Seconds since the last request from outside ended; 0 while one is open."""
        return 0.0 if self._open else time.monotonic() - self._last

    async def handle(self, request: Request) -> Answer:
        """Answer a request."""
        self._begin()
        try:
            return await self._host.handle(request)
        finally:
            self._end()

    async def watch_events(self, stream: WatchStream) -> AsyncGenerator[Obj, None]:
        """A watch's events; the watch counts as open until it is closed."""
        self._begin()
        try:
            async for event in self._host.watch_events(stream):
                yield event
        finally:
            self._end()

    def _begin(self) -> None:
        self._open += 1

    def _end(self) -> None:
        self._open -= 1
        self._last = time.monotonic()
