"""Upstream's tables for the token manager: when a token is fetched again, what is kept, what makes two requests the same."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from labkit.kube.calls import Call, Create
from labkit.kube.clock import rfc3339
from labkit.kube.objects import Obj, copy
from labkit.kube.status import ApiError, NotFound
from labkit.machinery.drivers import run
from labkit.node.token_manager import TokenError, TokenManager, cache_key, requires_refresh
from tests.unit.node.world import START, Dice, scope

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


class Server:
    """Issues tokens of one lifetime, one after the other, or refuses."""

    def __init__(self, lifetime: timedelta = HOUR) -> None:
        self.lifetime, self.now, self.calls = lifetime, START, 0
        self.error: ApiError | None = None

    def __call__(self, call: Call) -> Any:
        assert isinstance(call, Create)
        self.calls += 1
        if self.error:
            raise self.error
        seconds = int(self.lifetime.total_seconds())
        status = {"token": f"foo-{self.calls}", "expirationTimestamp": rfc3339(self.now + self.lifetime)}
        return {**copy(call.body), "spec": {**call.body["spec"], "expirationSeconds": seconds}, "status": status}


def request(uid: str = "pod-1", account_uid: str = "", **spec: Any) -> Obj:
    reference = {"kind": "Pod", "apiVersion": "v1", "name": "foo-pod", "uid": uid}
    found: Obj = {"metadata": {}, "spec": {"audiences": ["foo1", "foo2"], "expirationSeconds": 2000, "boundObjectRef": reference, **spec}}
    if account_uid:
        found["metadata"]["uid"] = account_uid
    return found


def asked(manager: TokenManager, server: Server, wanted: Obj | None = None, era: str = "1.37") -> str:
    server_now = server.now
    return str(run(manager.get_token("ns", "sa", wanted or request(), scope(server_now, era)), server)["status"]["token"])


@pytest.mark.parametrize(
    ("later", "calls"),
    [
        pytest.param(timedelta(), 1, id="at once"),
        pytest.param(47 * MINUTE, 1, id="fresh"),
        pytest.param(50 * MINUTE, 2, id="T-KTM-1"),
    ],
)
def test_rotation(later: timedelta, calls: int) -> None:
    manager, server = TokenManager(), Server()
    asked(manager, server)
    server.now += later
    asked(manager, server)
    assert server.calls == calls


def test_a_refusal_is_survived_while_the_old_token_lives() -> None:
    """T-KTM-3"""
    manager, server = TokenManager(), Server()
    first = asked(manager, server)
    server.now, server.error = START + 50 * MINUTE, ApiError("no")
    assert asked(manager, server) == first


def test_a_refusal_after_the_end_is_an_error() -> None:
    """KTM-6"""
    manager, server = TokenManager(), Server()
    asked(manager, server)
    server.now, server.error = START + HOUR, ApiError("no")
    asked(manager, server)  # at its very end it still counts
    server.now += timedelta(seconds=1)
    with pytest.raises(TokenError, match=r"^token .* expired and refresh failed: no$") as caught:
        asked(manager, server)
    assert "foo-1" not in str(caught.value)


def test_a_refusal_with_nothing_kept_is_an_error_and_is_not_kept() -> None:
    """KTM-6, KTM-8"""
    manager, server = TokenManager(), Server()
    server.error = ApiError("no")
    with pytest.raises(TokenError, match=r"^failed to fetch token: no$"):
        asked(manager, server)
    assert len(manager) == 0


@pytest.mark.parametrize(
    ("era", "message"),
    [
        pytest.param("1.11", "failed to fetch token: the API server does not have TokenRequest endpoints enabled", id="KTM-7"),
        pytest.param("1.37", 'failed to fetch token: serviceaccounts "sa" not found', id="the account is missing"),
    ],
)
def test_not_found(era: str, message: str) -> None:
    manager, server = TokenManager(), Server()
    server.error = NotFound('serviceaccounts "sa" not found')
    with pytest.raises(TokenError) as caught:
        asked(manager, server, era=era)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("expires", "seconds", "now", "due"),
    [
        pytest.param(60 * MINUTE, 3600, 10 * MINUTE, False, id="T-KTM-6"),
        pytest.param(60 * MINUTE, 3600, 50 * MINUTE, True, id="T-KTM-7"),
        pytest.param(60 * HOUR, 216_000, 25 * HOUR, True, id="T-KTM-8"),
        pytest.param(60 * MINUTE, 3600, 70 * MINUTE, True, id="T-KTM-9"),
        pytest.param(60 * MINUTE, None, timedelta(), False, id="T-KTM-10"),
        pytest.param(timedelta(seconds=3607), 3607, timedelta(seconds=2886), False, id="KTM-4 3607 s"),
        pytest.param(timedelta(seconds=3607), 3607, timedelta(seconds=2887), True, id="KTM-4 3607 s, due"),
        pytest.param(timedelta(seconds=600), 600, timedelta(seconds=480), False, id="KTM-4 600 s"),
        pytest.param(timedelta(seconds=600), 600, timedelta(seconds=481), True, id="KTM-4 600 s, due"),
        pytest.param(40 * HOUR, 144_000, 24 * HOUR, False, id="KTM-4 40 h"),
        pytest.param(40 * HOUR, 144_000, 24 * HOUR + timedelta(seconds=1), True, id="KTM-4 40 h, due"),
    ],
)
def test_requires_refresh(expires: timedelta, seconds: int | None, now: timedelta, due: bool) -> None:
    token = {"spec": {"expirationSeconds": seconds}, "status": {"expirationTimestamp": rfc3339(START + expires)}}
    assert requires_refresh(token, START + now, Dice(fixed=0)) is due


def test_jitter_brings_it_forward_by_up_to_nine_seconds() -> None:
    """KTM-3"""

    def due(seconds: int, jitter: int) -> bool:
        token = {"spec": {"expirationSeconds": 3600}, "status": {"expirationTimestamp": rfc3339(START + HOUR)}}
        return requires_refresh(token, START + timedelta(seconds=seconds), Dice(fixed=jitter))

    assert not due(2871, 9)
    assert due(2872, 9)
    assert not due(2872, 0)


@pytest.mark.parametrize(
    ("deleted", "left"),
    [
        pytest.param([], 3, id="T-KTM-11"),
        pytest.param(["uid-1"], 2, id="T-KTM-12"),
        pytest.param(["uid-1", "uid-2", "uid-3"], 0, id="T-KTM-14"),
        pytest.param(["uid-100", "uid-200"], 3, id="T-KTM-20"),
    ],
)
def test_forget_pod(deleted: list[str], left: int) -> None:
    manager, server = TokenManager(), Server()
    for uid in ("uid-1", "uid-2", "uid-3"):
        asked(manager, server, request(uid))
    for uid in deleted:
        manager.forget_pod(uid)
    assert len(manager) == left


def test_forget_the_pod_that_succeeded_after_a_failure() -> None:
    """T-KTM-18"""
    manager, server = TokenManager(), Server()
    for uid in ("uid-1", "uid-2", "uid-3"):
        asked(manager, server, request(uid))
    server.error = ApiError("no")
    with pytest.raises(TokenError):
        asked(manager, server, request("uid-4"))
    server.error = None
    asked(manager, server, request("uid-4"))
    assert len(manager) == 4
    manager.forget_pod("uid-4")
    assert len(manager) == 3


@pytest.mark.parametrize(
    ("now", "left"),
    [
        pytest.param(START + 2 * HOUR, 0, id="T-KTM-21"),
        pytest.param(START, 1, id="T-KTM-22"),
        pytest.param(START + HOUR, 1, id="at its end"),
    ],
)
def test_clean_up(now: datetime, left: int) -> None:
    manager, server = TokenManager(), Server()
    asked(manager, server)
    manager.clean_up(now)
    assert len(manager) == left


OTHER_POD = {"kind": "Pod", "apiVersion": "v1", "name": "other-pod", "uid": "pod-1"}


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(request(), True, id="equal"),
        pytest.param(request(boundObjectRef=OTHER_POD), False, id="T-KTM-25"),
        pytest.param(request(audiences=["foo2", "foo1"]), False, id="KTM-1 order of audiences"),
        pytest.param(request(expirationSeconds=2001), False, id="another lifetime"),
        pytest.param(request(expirationSeconds=None), False, id="no lifetime"),
        pytest.param(request(account_uid="uid-1"), False, id="T-KTM-29"),
    ],
)
def test_cache_key(other: Obj, same: bool) -> None:
    assert (cache_key("ns", "sa", request()) == cache_key("ns", "sa", other)) is same


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param("uid-1", "uid-2", False, id="T-KTM-26"),
        pytest.param("uid-1", "uid-1", True, id="T-KTM-27"),
        pytest.param("", "", True, id="T-KTM-28"),
    ],
)
def test_cache_key_by_account_uid(one: str, other: str, same: bool) -> None:
    assert (cache_key("ns", "sa", request(account_uid=one)) == cache_key("ns", "sa", request(account_uid=other))) is same


def test_a_recreated_account_gets_a_new_token() -> None:
    """T-KTM-4"""
    manager, server = TokenManager(), Server()
    for uid in ("", "uid-1", "uid-2", "uid-2"):
        asked(manager, server, request(account_uid=uid))
    assert server.calls == 3
