"""Upstream's table for the token controller (T-TKC): what is there, and which requests a sync makes."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from labkit.controllers.tokens import controller, sync_account, sync_secret
from labkit.kube.controllers import Event
from labkit.kube.objects import Obj, copy
from labkit.kube.status import ApiError, Conflict, Forbidden, NotFound
from tests.unit.rules_world import World, obj, scope

CA = "CA Data"
TYPE = "kubernetes.io/service-account-token"
ANNOTATIONS = {"kubernetes.io/service-account.name": "default", "kubernetes.io/service-account.uid": "12345"}
UNNAMED = {"kubernetes.io/service-account.name": "default"}


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FULL = {"token": encoded("ABC"), "ca.crt": encoded(CA), "namespace": encoded("default")}


def account(*secrets: str, uid: str = "12345") -> Obj:
    return obj("default", "default", uid=uid, secrets=[{"name": name} for name in secrets], metadata={"resourceVersion": "1"})


def secret(annotations: Any = None, **data: Any) -> Obj:
    kept = {key: value for key, value in (FULL | data).items() if value is not None}
    metadata = {"resourceVersion": "1", "annotations": ANNOTATIONS if annotations is None else annotations}
    return obj("token-secret-1", "default", uid="23456", type=TYPE, data=kept, metadata=metadata)


def opaque() -> Obj:
    return obj("regular-secret-1", "default", type="Opaque", data={})


def world(accounts: list[Obj], secrets: list[Obj]) -> World:
    return World({"serviceaccounts": accounts, "secrets": secrets})


def synced_secret(there: World, account_uid: str = "12345") -> World:
    there.run(sync_secret("default", "token-secret-1", "23456", "default", account_uid, ca=CA, scope=scope()))
    return there


GET, UPDATE = ("get", "secrets", "token-secret-1"), ("update", "secrets", "token-secret-1")
GET_ACCOUNT = ("get", "serviceaccounts", "default")


@pytest.mark.parametrize(
    ("there", "secrets"),
    [
        pytest.param(world([account()], []), ["token-secret-1"], id="T-TKC-1, T-TKC-5"),
        pytest.param(world([account("missing")], []), [], id="T-TKC-2"),
        pytest.param(world([account("regular-secret-1")], [opaque()]), [], id="T-TKC-3, T-TKC-7"),
        pytest.param(world([account("token-secret-1")], [secret()]), [], id="T-TKC-4"),
        pytest.param(world([], []), [], id="T-TKC-11"),
        pytest.param(world([], [opaque()]), [], id="T-TKC-12"),
        pytest.param(world([], [secret({**ANNOTATIONS, "kubernetes.io/service-account.uid": "other"})]), [], id="TKC-3 another account's"),
    ],
)
def test_accounts_without_consequence(there: World, secrets: list[str]) -> None:
    there.run(sync_account("default", "default", "12345"))
    assert there.actions == []


@pytest.mark.parametrize("annotations", [ANNOTATIONS, UNNAMED])
def test_an_account_that_is_gone(annotations: dict[str, str]) -> None:
    there = world([], [secret(annotations), opaque()])
    there.run(sync_account("default", "default", "12345"))
    assert there.actions == [("delete", "secrets", "token-secret-1")], "T-TKC-13"


def test_an_account_made_again() -> None:
    there = world([account(uid="new")], [secret()])
    there.run(sync_account("default", "default", "12345"))
    assert there.actions == [("delete", "secrets", "token-secret-1")], "TKC-3"


@pytest.mark.parametrize(
    "accounts",
    [
        pytest.param([], id="T-TKC-14"),
        pytest.param([account(uid="other")], id="another account of that name"),
    ],
)
def test_a_secret_without_its_account(accounts: list[Obj]) -> None:
    there = synced_secret(world(accounts, [secret()]))
    assert there.actions == [GET_ACCOUNT, ("delete", "secrets", "token-secret-1")]
    assert not there.objects["secrets"]


def test_a_lagging_cache_costs_nobody_a_secret() -> None:
    there = world([], [secret()])
    there.live["serviceaccounts"] = {("default", "default"): account()}
    assert synced_secret(there).actions == [GET_ACCOUNT], "TKC-6"


@pytest.mark.parametrize(
    ("present", "after"),
    [
        pytest.param(secret(token=None), FULL, id="T-TKC-16"),
        pytest.param(secret(token=None, namespace=None, **{"ca.crt": None}), FULL, id="TKC-10 made by hand"),
        pytest.param(secret(**{"ca.crt": None}), FULL, id="T-TKC-17, T-TKC-24"),
        pytest.param(secret(**{"ca.crt": encoded("other")}), FULL, id="T-TKC-18"),
        pytest.param(secret(namespace=None), FULL, id="T-TKC-19, T-TKC-26"),
        pytest.param(secret(UNNAMED, token=None), FULL, id="TKC-9 both annotations"),
        pytest.param(
            secret(token=encoded("mine"), namespace=encoded("own"), **{"ca.crt": None}),
            FULL | {"token": encoded("mine"), "namespace": encoded("own")},
            id="TKC-8 what is never replaced",
        ),
    ],
)
def test_population(present: Obj, after: dict[str, str]) -> None:
    before = copy(present)
    there = synced_secret(
        world([account("token-secret-1")], [present]), present["metadata"]["annotations"].get("kubernetes.io/service-account.uid", "")
    )
    assert there.actions == [GET, UPDATE]
    found = there.stored("secrets", "token-secret-1", "default")
    assert (found["data"], found["metadata"]["annotations"]) == (after, ANNOTATIONS)
    assert present == before


@pytest.mark.parametrize(
    "namespace", [pytest.param(encoded("custom"), id="T-TKC-20, T-TKC-27"), pytest.param(FULL["namespace"], id="T-TKC-21")]
)
def test_nothing_to_do(namespace: str) -> None:
    assert synced_secret(world([account()], [secret(namespace=namespace)])).actions == []


def test_old_news() -> None:
    there = world([account()], [secret(token=None)])
    newer = secret(token=None)
    newer["metadata"]["resourceVersion"] = "2"
    there.live["secrets"] = {("default", "token-secret-1"): newer}
    assert synced_secret(there).actions == [GET], "TKC-9"


@pytest.mark.parametrize("error", [Conflict("x"), NotFound("x")])
def test_an_update_that_came_too_late(error: ApiError) -> None:
    there = world([account()], [secret(token=None)])
    there.refuse["update", "secrets"] = error
    synced_secret(there)


def test_an_update_that_fails() -> None:
    there = world([account()], [secret(token=None)])
    there.refuse["update", "secrets"] = Forbidden("x")
    with pytest.raises(Forbidden):
        synced_secret(there)


@pytest.mark.parametrize(
    ("accounts", "actions", "left"),
    [
        pytest.param([], [], None, id="T-TKC-28"),
        pytest.param([account("token-secret-1")], [GET_ACCOUNT, ("update", "serviceaccounts", "default")], [], id="T-TKC-29"),
        pytest.param([account("other")], [GET_ACCOUNT], [{"name": "other"}], id="T-TKC-30"),
        pytest.param(
            [account("token-secret-1", "a")], [GET_ACCOUNT, ("update", "serviceaccounts", "default")], [{"name": "a"}], id="others stay"
        ),
    ],
)
def test_a_deleted_secret(accounts: list[Obj], actions: list[Any], left: list[Obj] | None) -> None:
    there = synced_secret(world(accounts, []))
    assert there.actions == actions
    if left is not None:
        assert there.stored("serviceaccounts", "default", "default")["secrets"] == left


@pytest.mark.parametrize(("error", "tries"), [(Conflict("x"), 10), (Forbidden("x"), 1)])
def test_how_often_a_reference_is_removed(error: ApiError, tries: int) -> None:
    there = world([account("token-secret-1")], [])
    there.refuse["update", "serviceaccounts"] = error
    assert len([action for action in synced_secret(there).actions if action[0] == "update"]) == tries, "TKC-11"


@pytest.mark.parametrize(
    ("event", "number"),
    [
        pytest.param(Event("ADDED", secret()), 1, id="a token Secret"),
        pytest.param(Event("DELETED", secret()), 1, id="a deleted one"),
        pytest.param(Event("ADDED", opaque()), 0, id="TKC-5"),
        pytest.param(Event("ADDED", secret({})), 0, id="TKC-14"),
    ],
)
def test_keys_of_secrets(event: Event, number: int) -> None:
    (source,) = [source for source in controller(CA).sources if source.resource == "secrets"]
    keys = list(source.keys(event))
    assert len(keys) == number
    there = world([account()], [secret(token=None)])
    for key in keys:
        there.run(controller(CA).sync(key, scope()))


def test_keys_of_accounts() -> None:
    (source,) = [source for source in controller(CA).sources if source.resource == "serviceaccounts"]
    (key,) = source.keys(Event("DELETED", account()))
    there = world([], [secret()])
    there.run(controller(CA).sync(key, scope()))
    assert there.actions == [("delete", "secrets", "token-secret-1")], "T-TKC-31: the key carries the uid"
