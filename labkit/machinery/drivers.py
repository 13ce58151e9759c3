"""Driving a rule: fetch a call, answer it, hand the reply back, until there is a result."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from labkit.kube.calls import Call, Note, Rule
from labkit.kube.status import ApiError

T = TypeVar("T")
Answering: TypeAlias = Callable[[Call], Any]
Tracer: TypeAlias = Callable[[Call, Any], None]


def run(rule: Rule[T], answer: Answering) -> T:
    """Drive `rule` to its result with a host that answers at once.

    Raises:
        ApiError: the rule's own refusal, or a call's that the rule did not catch.
    """
    try:
        call = next(rule)
        while True:
            try:
                reply = None if type(call) is Note else answer(call)
            except ApiError as error:
                call = rule.throw(error)
            else:
                call = rule.send(reply)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # the protocol of generators: a Rule[T] returns T
    finally:
        rule.close()


async def drive(rule: Rule[T], answer: Answering) -> T:
    """Drive `rule` to its result; an answer may be an awaitable, and only then does the rule wait.

    Between two such calls the rule runs in one turn of the event loop: nobody else sees a half-done step. On cancellation, and on an
    error that is no `ApiError`, the rule is closed.

    Raises:
        ApiError: the rule's own refusal, or a call's that the rule did not catch.
    """
    try:
        call = next(rule)
        while True:
            try:
                reply = None if type(call) is Note else answer(call)
                if isinstance(reply, Awaitable):
                    reply = await reply
            except ApiError as error:
                call = rule.throw(error)
            else:
                call = rule.send(reply)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # the protocol of generators: a Rule[T] returns T
    finally:
        rule.close()


def traced(rule: Rule[T], tracer: Tracer) -> Rule[T]:
    """The same rule, with each call and its reply (or the error) shown to `tracer`. Notes are shown when they are made."""
    try:
        call = next(rule)
        while True:
            try:
                reply = yield call
            except ApiError as error:
                tracer(call, error)
                call = rule.throw(error)
            else:
                tracer(call, reply)
                call = rule.send(reply)
    except StopIteration as end:
        return end.value  # type: ignore[no-any-return]  # as above
    finally:
        rule.close()
