"""A work queue as client-go's: a key waits once, is worked on by one worker at a time, and comes back later after a failure."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import datetime, timedelta

from labkit.machinery.clock import MovableClock

BASE_DELAY, MAX_DELAY = 0.005, 1000.0  # seconds; client-go's DefaultControllerRateLimiter, per item


class WorkQueue:
    """Keys to work on.

    Adding a key that already waits does nothing; adding one that is being worked on brings it back when that is done.
    """

    def __init__(self, clock: MovableClock) -> None:
        self._clock = clock
        self._ready: deque[str] = deque()
        self._dirty: set[str] = set()
        self._working: set[str] = set()
        self._failures: dict[str, int] = {}
        self._timers: dict[str, tuple[datetime, asyncio.Task[None]]] = {}
        self._news = asyncio.Event()

    def add(self, key: str) -> None:
        """Ask for `key` to be worked on."""
        if key in self._dirty:
            return
        self._dirty.add(key)
        if key not in self._working:
            self._ready.append(key)
            self._news.set()

    def add_after(self, key: str, seconds: float) -> None:
        """Ask for it in `seconds` of the cluster's clock. A key has one timer: of two, the earlier one counts."""
        due = self._clock.now() + timedelta(seconds=seconds)
        if key in self._timers:
            planned, timer = self._timers[key]
            if planned <= due:
                return
            timer.cancel()
        self._timers[key] = due, asyncio.ensure_future(self._add_at(key, due))

    def add_rate_limited(self, key: str) -> None:
        """Ask for it again after a failure: 5 ms at first, twice as long each time, at most 1000 s."""
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.add_after(key, min(BASE_DELAY * 2.0**failures, MAX_DELAY))

    def failures(self, key: str) -> int:
        """How often `key` has failed since it last succeeded."""
        return self._failures.get(key, 0)

    def forget(self, key: str) -> None:
        """`key` succeeded, or is given up."""
        self._failures.pop(key, None)

    async def take(self) -> str:
        """The next key; call `done` when it has been worked on."""
        while not self._ready:
            self._news.clear()
            await self._news.wait()
        key = self._ready.popleft()
        self._dirty.discard(key)
        self._working.add(key)
        return key

    def done(self, key: str) -> None:
        """The work on `key` is over; if it was asked for meanwhile, it waits again."""
        self._working.discard(key)
        if key in self._dirty:
            self._ready.append(key)
            self._news.set()

    @property
    def idle(self) -> bool:
        """Whether nothing waits and nothing is being worked on (timers apart)."""
        return not self._ready and not self._working

    async def _add_at(self, key: str, due: datetime) -> None:
        await self._clock.until(due)
        del self._timers[key]
        self.add(key)

    def close(self) -> None:
        """Drop the timers."""
        for _, timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
