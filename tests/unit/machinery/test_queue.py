"""The work queue and the clock under it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from labkit.machinery.clock import MovableClock
from labkit.machinery.queue import WorkQueue


def on_loop(test: Callable[[], Awaitable[None]]) -> None:
    """Run an async test with two seconds at most."""
    asyncio.run(asyncio.wait_for(test(), 2))


def test_a_key_waits_once() -> None:
    async def main() -> None:
        queue = WorkQueue(MovableClock())
        for key in ("a", "b", "a"):
            queue.add(key)
        assert [await queue.take(), await queue.take()] == ["a", "b"]
        queue.done("a")
        queue.done("b")
        assert queue.idle

    on_loop(main)


def test_a_key_asked_for_during_its_work_comes_back_afterwards() -> None:
    async def main() -> None:
        queue = WorkQueue(MovableClock())
        queue.add("a")
        assert await queue.take() == "a"
        queue.add("a")
        waiting = asyncio.ensure_future(queue.take())
        await asyncio.sleep(0)
        assert not waiting.done(), "two workers never have the same key"
        queue.done("a")
        assert await waiting == "a"

    on_loop(main)


def test_failures_come_back_later_each_time() -> None:
    async def main() -> None:
        clock = MovableClock()
        queue = WorkQueue(clock)
        waits = []
        for _ in range(19):  # 5 ms, 10 ms, … 655 s, and then no more than 1000 s
            queue.add_rate_limited("a")
            [(due, _)] = queue._timers.values()
            waits.append((due - clock.now()).total_seconds())
            clock.move(clock.offset + timedelta(seconds=1001))
            queue.done(await queue.take())
        assert queue.failures("a") == 19
        assert waits[:4] == pytest.approx([0.005, 0.01, 0.02, 0.04], abs=0.003)
        assert waits[-2:] == pytest.approx([655.36, 1000], abs=1)
        queue.forget("a")
        assert queue.failures("a") == 0
        queue.close()

    on_loop(main)


def test_of_two_timers_the_earlier_counts() -> None:
    async def main() -> None:
        clock = MovableClock()
        queue = WorkQueue(clock)
        for seconds in (60, 30, 90):
            queue.add_after("a", seconds)
        taken = []
        for offset in (29, 31, 100):
            clock.move(timedelta(seconds=offset))
            await asyncio.sleep(0.01)
            if not queue.idle:
                taken.append(offset)
                queue.done(await queue.take())
        assert taken == [31], "the later ones are gone"
        queue.close()

    on_loop(main)


@pytest.mark.parametrize(("jump", "woken"), [(0, []), (59, []), (60, ["minute"]), (3600, ["minute", "hour"])])
def test_a_jump_wakes_whose_time_has_come(jump: int, woken: list[str]) -> None:
    async def main() -> None:
        clock, found = MovableClock(), []

        async def sleeper(name: str, seconds: float) -> None:
            await clock.sleep(seconds)
            found.append(name)

        tasks = [asyncio.ensure_future(sleeper("hour", 3600)), asyncio.ensure_future(sleeper("minute", 60))]
        await asyncio.sleep(0)
        clock.move(timedelta(seconds=jump))
        await asyncio.sleep(0.01)
        assert found == woken
        for task in tasks:
            task.cancel()

    on_loop(main)
