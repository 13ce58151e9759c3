"""The embedded cluster's clock: runs at real speed, can jump, and wakes whoever waits on it."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from datetime import UTC, datetime, timedelta


class MovableClock:
    """The machine's clock plus an offset, and the timers that wait on it.

    Sleepers wait for a time on this clock, so a jump wakes those whose time has come.
    """

    def __init__(self) -> None:
        self.offset = timedelta()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self._alarm: asyncio.TimerHandle | None = None

    def now(self) -> datetime:
        """The machine's time plus the offset."""
        return datetime.now(UTC) + self.offset

    async def sleep(self, seconds: float) -> None:
        """Wait until this clock has moved on by `seconds`."""
        await self.until(self.now() + timedelta(seconds=seconds))

    async def until(self, at: datetime) -> None:
        """Wait until this clock shows `at`."""
        if at <= self.now():
            return
        waiting: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (at, next(self._order), waiting))
        self._set_alarm()
        await waiting

    def move(self, offset: timedelta) -> None:
        """Set the offset, and wake all whose time has come."""
        self.offset = offset
        self._ring()

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        if self._sleepers:
            wait = max(0.0, (self._sleepers[0][0] - self.now()).total_seconds())
            self._alarm = asyncio.get_running_loop().call_later(wait, self._ring)

    def _ring(self) -> None:
        now = self.now()
        while self._sleepers and (self._sleepers[0][0] <= now or self._sleepers[0][2].done()):
            _, _, waiting = heapq.heappop(self._sleepers)
            if not waiting.done():
                waiting.set_result(None)
        self._set_alarm()
