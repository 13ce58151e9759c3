"""Upstream's table for the token controller of the auto-create era (T-TKL), and the rules TKL-1 to TKL-11."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest

from labkit.controllers.token_creation import Recent, creates_tokens, ensure_token
from labkit.controllers.tokens import MAX_RETRIES, controller
from labkit.kube.calls import Call, Delete, Sign, Sleep
from labkit.kube.objects import Obj, annotations_of, copy, name_of
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, Conflict, Forbidden, NotFound
from labkit.kube.versions import Era
from tests.unit.rules_world import NOW, Numbers, World, obj, scope

CA, TYPE = "CA Data", "kubernetes.io/service-account-token"
ANNOTATIONS = {"kubernetes.io/service-account.name": "default", "kubernetes.io/service-account.uid": "12345"}
ACCOUNT_KEY = json.dumps(("account", "default", "default", "12345"))
FIRST = "default-token-bbbbb"  # from a randomness that always gives the lowest number
GET = ("get", "serviceaccounts", "default")
CREATE, UPDATE = ("create", "secrets", FIRST), ("update", "serviceaccounts", "default")


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FULL = {"token": encoded("ABC"), "ca.crt": encoded(CA), "namespace": encoded("default")}


def account(*secrets: str, uid: str = "12345", version: str = "1") -> Obj:
    return obj("default", "default", uid=uid, secrets=[{"name": name} for name in secrets], metadata={"resourceVersion": version})


def secret(name: Any = "token-secret-1", annotations: Any = None, **data: Any) -> Obj:
    kept = {key: value for key, value in (FULL | data).items() if value is not None}
    metadata = {"resourceVersion": "1", "annotations": ANNOTATIONS if annotations is None else annotations}
    return obj(name, "default", uid="23456", type=TYPE, data=kept, metadata=metadata)


OPAQUE = obj("regular-secret-1", "default", type="Opaque", data={})


def world(accounts: list[Obj], secrets: list[Obj]) -> World:
    return World({"serviceaccounts": accounts, "secrets": secrets})


class Counting(Numbers):
    """Randomness whose numbers count, so that each name is another."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = 0

    def below(self, limit: int) -> int:
        self.drawn += 1
        return self.drawn % limit


def sync(there: World, key: str = ACCOUNT_KEY, version: str = "1.15", gates: dict[str, bool] | None = None, ca: str = CA) -> World:
    there.run(controller(ca).sync(key, scope(version=version, gates=gates)))
    return there


def references(there: World) -> list[str]:
    return [reference["name"] for reference in there.stored("serviceaccounts", "default", "default").get("secrets", [])]


@pytest.mark.parametrize(
    ("accounts", "secrets", "actions", "listed"),
    [
        pytest.param([account()], [], [GET, CREATE, UPDATE], [FIRST], id="TKL-1 no secrets"),
        pytest.param([account("missing")], [], [GET, CREATE, UPDATE], ["missing", FIRST], id="T-TKL-4, T-TKL-10"),
        pytest.param([account("regular-secret-1")], [OPAQUE], [GET, CREATE, UPDATE], ["regular-secret-1", FIRST], id="T-TKL-6"),
        pytest.param([account("token-secret-1")], [secret()], [], ["token-secret-1"], id="T-TKL-7, T-TKL-12"),
        pytest.param([account("a", "token-secret-1")], [secret()], [], ["a", "token-secret-1"], id="TKL-2 not the first it lists"),
        pytest.param([account()], [secret()], [GET, CREATE, UPDATE], [FIRST], id="TKL-10 a token that is not listed does not count"),
        pytest.param(
            [account("token-secret-1")],
            [secret(annotations={**ANNOTATIONS, "kubernetes.io/service-account.uid": "other"})],
            [GET, CREATE, UPDATE],
            ["token-secret-1", FIRST],
            id="TKL-2 another account's token does not count",
        ),
        pytest.param([account(uid="other")], [], [], [], id="TKL-1 another account of that name"),
    ],
)
def test_accounts(accounts: list[Obj], secrets: list[Obj], actions: list[Any], listed: list[str]) -> None:
    before = copy(accounts)
    there = sync(world(accounts, secrets))
    assert there.actions == actions
    assert references(there) == listed
    assert accounts == before, "what the cache holds is not changed"


@pytest.mark.parametrize(("ca", "data"), [(CA, FULL), ("", {key: value for key, value in FULL.items() if key != "ca.crt"})])
def test_what_is_created(ca: str, data: dict[str, str]) -> None:
    there = sync(world([account()], []), ca=ca)
    made = there.stored("secrets", FIRST, "default")
    assert (made["type"], annotations_of(made), made["data"]) == (TYPE, ANNOTATIONS, data), "TKL-5"
    (signed,) = [call.payload for call in there.calls if isinstance(call, Sign)]
    assert signed["kubernetes.io/serviceaccount/secret.name"] == FIRST


def test_a_long_name_is_cut() -> None:
    there = world([obj("a" * 70, "default", uid="12345")], [])
    there.run(ensure_token("default", "a" * 70, "12345", ca=CA, scope=scope(version="1.15"), recent=Recent()))
    (name,) = [name for verb, _, name in there.actions if verb == "create"]
    assert name == "a" * 58 + "bbbbb", "TKL-4"


@pytest.mark.parametrize(
    ("failures", "tries"),
    [pytest.param(2, 3, id="T-TKL-2"), pytest.param(100, 1 + MAX_RETRIES, id="T-TKL-3")],
)
def test_create_errors(failures: int, tries: int) -> None:
    there, random, rule = world([account()], []), Counting(), controller(CA)
    assert rule.max_retries == MAX_RETRIES == 10
    for attempt in range(tries):
        there.refuse = {("create", "secrets"): Forbidden("no!")} if attempt < failures else {}
        trying = rule.sync(ACCOUNT_KEY, Scope(NOW, Era("1.15"), random, scope().user))
        if attempt < failures:
            with pytest.raises(Forbidden):
                there.run(trying)
        else:
            there.run(trying)
    names = [name for verb, _, name in there.actions if verb == "create"]
    assert [action[0] for action in there.actions] == ["get", "create"] * tries + (["update"] if tries > failures else [])
    assert len(set(names)) == tries, "TKL-4: a new name on each attempt"
    assert references(there) == (names[-1:] if tries > failures else [])


TERMINATING = Forbidden("terminating", details={"causes": [{"reason": "NamespaceTerminating"}]})


def test_a_terminating_namespace() -> None:
    there = world([account()], [])
    there.refuse["create", "secrets"] = TERMINATING
    with pytest.raises(Forbidden):
        sync(there)
    sync(there, version="1.20")
    assert references(there) == [], "TKL-6"


@pytest.mark.parametrize("version", [pytest.param("1.15", id="T-TKL-5")])
def test_a_secret_that_only_the_controller_knows(version: str) -> None:
    there, recent = world([account("token-secret-1")], []), Recent()
    recent.add(secret(), NOW)
    for later, actions in ((59, []), (60, [GET, CREATE, UPDATE])):
        at = scope(version=version, now=NOW + timedelta(seconds=later))
        there.run(ensure_token("default", "default", "12345", ca=CA, scope=at, recent=recent))
        assert there.actions == actions, "T-TKL-5, TKL-7"


def test_no_second_token_before_the_cache_shows_the_first() -> None:
    there, rule = world([account()], []), controller(CA)
    there.run(rule.sync(ACCOUNT_KEY, scope(version="1.15")))
    hidden = there.objects["secrets"].pop(("default", FIRST))
    there.run(rule.sync(ACCOUNT_KEY, scope(version="1.15")))
    assert there.actions == [GET, CREATE, UPDATE], "TKL-7"
    assert name_of(hidden) == FIRST


@pytest.mark.parametrize("version", [pytest.param("1.15", id="T-TKL-13")])
def test_a_stale_cache(version: str) -> None:
    there = world([account()], [])
    there.live["serviceaccounts"] = {("default", "default"): account(version="2")}
    for _ in range(2):
        with pytest.raises(Conflict):
            sync(there, version=version)
    assert there.actions == [GET, GET], "T-TKL-13"


def test_an_account_that_only_the_cache_knows() -> None:
    there = world([account()], [])
    there.live["serviceaccounts"] = {("default", "default"): None}
    with pytest.raises(NotFound):
        sync(there)
    assert there.actions == [GET], "TKL-3: tried again"


class Changing(World):
    """A world in which each update of the account meets a conflict, and then it is `next_`."""

    def __init__(self, next_: Obj | None, times: int = 1) -> None:
        super().__init__({"serviceaccounts": [account()], "secrets": [secret("other")]})
        self.next, self.times = next_, times

    def __call__(self, call: Call) -> Any:
        if isinstance(call, Sleep) and self.times:
            self.times -= 1
            if not self.times:
                self.refuse.clear()
            self.live["serviceaccounts"] = {("default", "default"): self.next}
        return super().__call__(call)


DELETE = ("delete", "secrets", FIRST)


@pytest.mark.parametrize(
    ("there", "actions"),
    [
        pytest.param(Changing(account("mine", version="2")), [GET, UPDATE], id="TKL-8 read again"),
        pytest.param(Changing(account(uid="new")), [GET, DELETE], id="TKL-8 another account, TKL-9"),
        pytest.param(Changing(account("other", version="2")), [GET, DELETE], id="TKL-8 it got a token meanwhile, TKL-9"),
        pytest.param(Changing(None), [GET, DELETE], id="TKL-9 no account any more"),
        pytest.param(Changing(account(version="2"), times=100), [GET, UPDATE] * 4 + [DELETE], id="TKL-9 conflict after conflict"),
    ],
)
def test_conflicts_of_the_reference(there: Changing, actions: list[Any]) -> None:
    there.refuse["update", "serviceaccounts"] = Conflict("x")
    sync(there)
    assert there.actions == [GET, CREATE, UPDATE, *actions]
    assert (FIRST in {name for _, name in there.objects["secrets"]}) is (DELETE not in actions)
    if DELETE not in actions:
        assert references(there) == ["mine", FIRST]
    pauses = [call.seconds for call in there.calls if isinstance(call, Sleep)]
    assert pauses == [0.01] * (4 if there.times > 1 else 1)


@pytest.mark.parametrize("cleaning", [None, Forbidden("x")])
def test_a_reference_that_cannot_be_added(cleaning: ApiError | None) -> None:
    there = world([account()], [])
    there.refuse["update", "serviceaccounts"] = Forbidden("not you")
    if cleaning:
        there.refuse["delete", "secrets"] = cleaning
    with pytest.raises(Forbidden, match="not you"):
        sync(there)
    assert there.actions == [GET, CREATE, UPDATE, DELETE], "TKL-9"


@pytest.mark.parametrize("version", [pytest.param("1.15", id="T-TKL-15")])
def test_deletion_names_the_uid(version: str) -> None:
    there = sync(world([], [secret()]), version=version)
    assert there.actions == [("delete", "secrets", "token-secret-1")], "TKC-3"
    assert [call.uid for call in there.calls if isinstance(call, Delete)] == ["23456"]


SECRET_KEY = json.dumps(("secret", "default", "token-secret-1", "23456", "default", "12345"))
GET_SECRET, UPDATE_SECRET = ("get", "secrets", "token-secret-1"), ("update", "secrets", "token-secret-1")


@pytest.mark.parametrize(
    ("present", "actions"),
    [
        pytest.param(secret(token=None), [GET_SECRET, UPDATE_SECRET], id="T-TKL-18 without token"),
        pytest.param(secret(**{"ca.crt": None}), [GET_SECRET, UPDATE_SECRET], id="T-TKL-18 without ca"),
        pytest.param(secret(**{"ca.crt": encoded("other")}), [GET_SECRET, UPDATE_SECRET], id="T-TKL-18 mismatched ca"),
        pytest.param(secret(namespace=None), [GET_SECRET, UPDATE_SECRET], id="T-TKL-18 without namespace"),
        pytest.param(secret(namespace=encoded("custom")), [], id="T-TKL-19"),
    ],
)
def test_secrets(present: Obj, actions: list[Any]) -> None:
    assert sync(world([account("token-secret-1")], [present]), SECRET_KEY).actions == actions


@pytest.mark.parametrize(
    ("accounts", "actions"),
    [
        pytest.param([], [], id="TKC-11 no account"),
        pytest.param([account("token-secret-1")], [GET, UPDATE], id="T-TKL-21"),
        pytest.param([account()], [GET], id="TKC-11 no reference"),
    ],
)
def test_a_deleted_secret(accounts: list[Obj], actions: list[Any]) -> None:
    assert sync(world(accounts, []), SECRET_KEY).actions == actions


@pytest.mark.parametrize("version", [pytest.param("1.18", id="T-ITG-12, T-ITG-13, T-ITG-14, T-ITG-15")])
def test_what_a_user_sees(version: str) -> None:
    """T-ITG-12 to T-ITG-15, TKL-10: a new Secret for a deleted one, another for an emptied list, and all go with the account."""
    there, random, rule = world([account()], []), Counting(), controller(CA)

    def synced(key: str = ACCOUNT_KEY) -> None:
        there.run(rule.sync(key, Scope(NOW, Era(version), random, scope().user)))

    def token_key(name: str) -> str:
        return json.dumps(("secret", "default", name, "gone", "default", "12345"))

    synced()
    (first,) = references(there)
    del there.objects["secrets"]["default", first]
    synced(token_key(first))
    assert references(there) == []
    synced()
    (second,) = references(there)
    assert second != first
    there.objects["serviceaccounts"]["default", "default"]["secrets"] = []
    synced()
    (third,) = references(there)
    assert len({first, second, third}) == 3
    assert {name for _, name in there.objects["secrets"]} == {second, third}
    del there.objects["serviceaccounts"]["default", "default"]
    synced()
    assert not there.objects["secrets"]


GATE = "LegacyServiceAccountTokenNoAutoGeneration"


@pytest.mark.parametrize(
    ("version", "gates", "creates"),
    [
        ("1.6", {}, True),
        ("1.20", {}, True),
        ("1.23.17", {}, True),
        ("1.24", {}, False),
        ("1.24", {GATE: False}, True),
        ("1.26", {}, False),
        ("1.26", {GATE: False}, True),
        ("1.27", {}, False),
        ("1.37", {}, False),
    ],
)
def test_the_era(version: str, gates: dict[str, bool], creates: bool) -> None:
    assert creates_tokens(Era(version, gates)) is creates
    assert bool(sync(world([account()], []), version=version, gates=gates).actions) is creates


@pytest.mark.parametrize("version", ["1.23", "1.27", "1.28", "1.29"])
def test_where_the_gate_cannot_be_switched_off(version: str) -> None:
    with pytest.raises(ValueError, match="locked to true" if version in {"1.27", "1.28"} else "unrecognized feature gate"):
        Era(version, {GATE: False})
