"""Drivers: replies, refusals, waiting, and a rule that is closed when it is given up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from labkit.kube.calls import Call, Get, Note, Rule, Sleep, find
from labkit.kube.status import Forbidden, NotFound
from labkit.machinery.drivers import drive, run, traced


def two_names() -> Rule[str]:
    """Asks twice, and notes something in between."""
    first: str = yield Get("pods", "one")
    yield Note("ADM-8", "default account")
    second: str = yield Get("pods", "two")
    return f"{first} {second}"


def named(call: Call) -> Any:
    """Answers with the name that was asked for."""
    assert isinstance(call, Get)
    return call.name


def test_replies_reach_the_rule_and_notes_ask_nobody() -> None:
    assert run(two_names(), named) == "one two"


def test_a_refusal_reaches_the_rule() -> None:
    def answer(call: Call) -> Any:
        raise NotFound("no")

    assert run(find("pods", "one"), answer) is None


def test_a_refusal_that_the_rule_lets_through_reaches_the_caller() -> None:
    def answer(call: Call) -> Any:
        raise Forbidden("no")

    with pytest.raises(Forbidden, match="no"):
        run(find("pods", "one"), answer)


def test_waiting_answers_are_awaited_and_others_are_not() -> None:
    async def slowly(value: str) -> str:
        await asyncio.sleep(0)
        return value

    async def main() -> tuple[str, str]:
        return await drive(two_names(), named), await drive(two_names(), lambda call: slowly(named(call)))

    assert asyncio.run(main()) == ("one two", "one two")


@pytest.mark.parametrize("how", ["cancelled", "other error"])
def test_a_rule_that_is_given_up_is_closed(how: str) -> None:
    closed: list[bool] = []

    def waits() -> Rule[None]:
        try:
            yield Sleep(100)
        finally:
            closed.append(True)

    def answer(call: Call) -> Any:
        if how == "other error":
            raise ZeroDivisionError
        return asyncio.sleep(100)

    async def main() -> None:
        task = asyncio.ensure_future(drive(waits(), answer))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises((asyncio.CancelledError, ZeroDivisionError)):
            await task

    asyncio.run(main())
    assert closed == [True]


def test_a_tracer_sees_calls_replies_and_notes_in_order() -> None:
    seen: list[tuple[Call, Any]] = []
    run(traced(two_names(), lambda call, reply: seen.append((call, reply))), named)
    assert seen == [(Get("pods", "one"), "one"), (Note("ADM-8", "default account"), None), (Get("pods", "two"), "two")]


def test_a_tracer_sees_refusals() -> None:
    seen: list[Any] = []

    def answer(call: Call) -> Any:
        raise NotFound("no")

    run(traced(find("pods", "one"), lambda _, reply: seen.append(reply)), answer)
    assert [type(reply) for reply in seen] == [NotFound]
