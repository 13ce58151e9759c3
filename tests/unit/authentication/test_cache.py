"""The token cache: ten seconds, by token and audiences (AUT-2)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from labkit.authentication.cache import SWEEP_SIZE, TokenCache
from labkit.authentication.identity import Authenticated
from labkit.kube.users import UserInfo
from tests.unit.resources.world import NOW

FOUND = Authenticated(UserInfo("x"))


@pytest.mark.parametrize(
    ("token", "audiences", "seconds", "hit"),
    [
        pytest.param("t", ("a",), 0, True, id="at-once"),
        pytest.param("t", ("a",), 9.9, True, id="just-before-ten-seconds"),
        pytest.param("t", ("a",), 10, False, id="after-ten-seconds"),
        pytest.param("t", ("b",), 0, False, id="other-audience"),
        pytest.param("ta", (), 0, False, id="the-same-text-split-elsewhere"),
        pytest.param("u", ("a",), 0, False, id="other-token"),
        pytest.param("t", ("a",), -1, False, id="a-clock-set-back"),
    ],
)
def test_hits(token: str, audiences: tuple[str, ...], seconds: float, hit: bool) -> None:
    cache = TokenCache()
    cache.put("t", ("a",), NOW, FOUND)
    assert (cache.get(token, audiences, NOW + timedelta(seconds=seconds)) is not None) is hit


def test_no_lifetime_no_cache() -> None:
    cache = TokenCache(timedelta())
    cache.put("t", (), NOW, FOUND)
    assert cache.get("t", (), NOW) is None


def test_outdated_answers_go() -> None:
    cache = TokenCache()
    for number in range(SWEEP_SIZE):
        cache.put(str(number), (), NOW, FOUND)
    cache.put("new", (), NOW + timedelta(seconds=11), FOUND)
    assert len(cache._kept) == 1


def test_clear() -> None:
    cache = TokenCache()
    cache.put("t", (), NOW, FOUND)
    cache.clear()
    assert cache.get("t", (), NOW) is None
