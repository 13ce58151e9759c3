"""Bound tokens: upstream's TestValidatePrivateClaims, and what the eras changed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from labkit.authentication.bound import check_bound
from labkit.authentication.identity import Authenticated, AuthenticationError
from labkit.kube.clock import rfc3339
from labkit.kube.objects import Obj
from labkit.kube.versions import Era
from labkit.machinery.drivers import run
from tests.unit.resources.world import NOW, World

AT = int(NOW.timestamp())
HOURS = 3600 * 1000
INVALIDATED = "service account token has been invalidated"
KINDS = {"serviceaccount": "serviceaccounts", "secret": "secrets", "pod": "pods", "node": "nodes"}
NAMES = {"serviceaccount": "saname", "secret": "secretname", "pod": "podname", "node": "nodename"}
UIDS = {"serviceaccount": "sauid", "secret": "secretuid", "pod": "poduid", "node": "nodeuid"}


def claims(*bound: str, **more: object) -> Obj:
    references = {kind: {"name": NAMES[kind], "uid": UIDS[kind]} for kind in ("serviceaccount", *bound)}
    return {"sub": "who", "kubernetes.io": {"namespace": "ns", **references}, **more}


def world(*, missing: str = "", deleted: tuple[str, int] | None = None) -> World:
    objects: list[tuple[str, Obj]] = []
    for kind, resource in KINDS.items():
        if kind == missing:
            continue
        meta = {"name": NAMES[kind], "uid": UIDS[kind], **({} if kind == "node" else {"namespace": "ns"})}
        if deleted and deleted[0] == kind:
            meta["deletionTimestamp"] = rfc3339(NOW + timedelta(seconds=deleted[1]))
        objects.append((resource, {"metadata": meta}))
    return World(objects)


def check(token: Obj, given: World, era: str = "1.37") -> Authenticated:
    return run(check_bound(token, NOW, Era(era)), given)


def other_uid(kind: str) -> Obj:
    token = claims(*([kind] if kind != "serviceaccount" else []))
    token["kubernetes.io"][kind]["uid"] += "old"
    return token


@pytest.mark.parametrize(
    ("token", "given"),
    [
        pytest.param(claims(), world(), id="T-CLM-10"),
        pytest.param(claims(), world(), id="T-CLM-20"),
        pytest.param(claims("secret"), world(), id="T-CLM-21"),
        pytest.param(claims("pod"), world(), id="T-CLM-22"),
        pytest.param(claims("node"), world(), id="T-CLM-23"),
        pytest.param(claims(), world(deleted=("serviceaccount", 0)), id="T-CLM-24"),
        pytest.param(claims("secret"), world(deleted=("secret", 0)), id="T-CLM-25"),
        pytest.param(claims("pod"), world(deleted=("pod", 0)), id="T-CLM-26"),
        pytest.param(claims("node"), world(deleted=("node", 0)), id="T-CLM-27"),
        pytest.param(claims(), world(deleted=("serviceaccount", -1)), id="T-CLM-28"),
        pytest.param(claims("secret"), world(deleted=("secret", -1)), id="T-CLM-29"),
        pytest.param(claims("pod"), world(deleted=("pod", -1)), id="T-CLM-30"),
        pytest.param(claims(), world(deleted=("serviceaccount", 1)), id="T-CLM-32"),
        pytest.param(claims("secret"), world(deleted=("secret", 1)), id="T-CLM-33"),
        pytest.param(claims("pod"), world(deleted=("pod", 1)), id="T-CLM-34"),
        pytest.param(claims("node"), world(deleted=("node", 1)), id="T-CLM-35"),
        pytest.param(claims(), world(deleted=("serviceaccount", -60)), id="T-CLM-36"),
        pytest.param(claims("secret"), world(deleted=("secret", -60)), id="T-CLM-37"),
        pytest.param(claims("pod"), world(deleted=("pod", -60)), id="T-CLM-38"),
        pytest.param(claims("node"), world(deleted=("node", -60)), id="T-CLM-39"),
        pytest.param(claims(exp=AT - 60, nbf=AT + 60, iat=AT + 60), world(), id="AUT-20-within-the-leeway"),
        pytest.param(claims("pod", "node"), world(missing="node"), id="AUT-25-the-pods-node-is-not-looked-up"),
    ],
)
def test_accepted(token: Obj, given: World) -> None:
    assert check(token, given).user.name == "system:serviceaccount:ns:saname"


@pytest.mark.parametrize(
    ("token", "given", "text"),
    [
        pytest.param(claims(exp=AT - HOURS), world(), "service account token has expired", id="T-CLM-11"),
        pytest.param(claims(nbf=AT + HOURS), world(), "service account token is not valid yet", id="T-CLM-12"),
        pytest.param(claims(iat=AT + 61), world(), "service account token is issued in the future", id="AUT-20"),
        pytest.param(claims(exp=AT - 61), world(), "service account token has expired", id="AUT-20-past-the-leeway"),
        pytest.param(claims(), world(missing="serviceaccount"), 'serviceaccounts "saname" not found', id="T-CLM-13"),
        pytest.param(claims("secret"), world(missing="secret"), INVALIDATED, id="T-CLM-14"),
        pytest.param(claims("pod"), world(missing="pod"), INVALIDATED, id="T-CLM-15"),
        pytest.param(claims("node"), world(missing="node"), INVALIDATED, id="T-CLM-16"),
        pytest.param(other_uid("serviceaccount"), world(), "service account UID (sauid) does not match claim (sauidold)", id="T-CLM-17"),
        pytest.param(
            other_uid("secret"),
            world(),
            "secret UID (secretuid) does not match service account secret ref claim (secretuidold)",
            id="T-CLM-18",
        ),
        pytest.param(other_uid("pod"), world(), "pod UID (poduid) does not match service account pod ref claim (poduidold)", id="T-CLM-19"),
        pytest.param(
            other_uid("node"), world(), "node UID (nodeuid) does not match service account node ref claim (nodeuidold)", id="AUT-26"
        ),
        pytest.param(claims(), world(deleted=("serviceaccount", -61)), "service account ns/saname has been deleted", id="T-CLM-40"),
        pytest.param(claims("secret"), world(deleted=("secret", -61)), INVALIDATED, id="T-CLM-41"),
        pytest.param(claims("pod"), world(deleted=("pod", -61)), INVALIDATED, id="T-CLM-42"),
        pytest.param(claims("node"), world(deleted=("node", -61)), INVALIDATED, id="AUT-26-deleted"),
        pytest.param({"kubernetes.io": {}}, world(), "resource name may not be empty", id="no-account-named"),
    ],
)
def test_refused(token: Obj, given: World, text: str) -> None:
    with pytest.raises(AuthenticationError) as refusal:
        check(token, given)
    assert str(refusal.value) == text


@pytest.mark.parametrize(
    ("token", "given", "era", "text"),
    [
        pytest.param(claims(exp=AT - HOURS), world(), "1.21", "Token has expired.", id="AUT-20-until-1.21"),
        pytest.param(claims(nbf=AT + HOURS), world(), "1.21", "Token could not be validated.", id="AUT-20-nbf-until-1.21"),
        pytest.param(
            other_uid("serviceaccount"), world(), "1.21", "ServiceAccount UID (sauid) does not match claim (sauidold)", id="AUT-21"
        ),
        pytest.param(
            other_uid("serviceaccount"),
            world(deleted=("serviceaccount", -61)),
            "1.28",
            "service account ns/saname has been deleted",
            id="AUT-21-deletion-first-before-1.29",
        ),
        pytest.param(claims("pod"), world(deleted=("pod", 30)), "1.15", "Token has been invalidated", id="AUT-22-no-grace-at-1.15"),
    ],
)
def test_refused_in_older_eras(token: Obj, given: World, era: str, text: str) -> None:
    with pytest.raises(AuthenticationError) as refusal:
        check(token, given, era)
    assert str(refusal.value) == text


def test_what_a_pods_token_tells() -> None:
    user = check(claims("pod", "node", jti="x"), world()).user
    prefix = "authentication.kubernetes.io/"
    assert {key.removeprefix(prefix): value for key, value in user.extra.items()} == {
        "pod-name": ("podname",),
        "pod-uid": ("poduid",),
        "node-name": ("nodename",),
        "node-uid": ("nodeuid",),
        "credential-id": ("JTI=x",),
    }
    assert set(check(claims("pod", "node", jti="x"), world(), "1.28").user.extra) == {prefix + "pod-name", prefix + "pod-uid"}


def test_use_after_the_warning_time_is_noted() -> None:
    token = claims()
    token["kubernetes.io"]["warnafter"] = AT - 7
    assert check(token, world()).audit == {"authentication.k8s.io/stale-token": "subject: who, seconds after warning threshold: 7"}
    token["kubernetes.io"]["warnafter"] = AT
    assert check(token, world()).audit == {}
