"""Claims: upstream's TestClaims, and the claims of Secret-based tokens."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from labkit.kube.objects import Obj
from labkit.kube.versions import Era
from labkit.tokens.claims import bound_claims, legacy_claims

NOW = 1514764800
ACCOUNT: Obj = {"metadata": {"namespace": "myns", "name": "mysvcacct", "uid": "mysvcacct-uid"}}
POD: Obj = {"metadata": {"namespace": "myns", "name": "mypod", "uid": "mypod-uid"}}
SECRET: Obj = {"metadata": {"namespace": "myns", "name": "mysecret", "uid": "mysecret-uid"}}
NODE: Obj = {"metadata": {"name": "mynode", "uid": "mynode-uid"}}
REFERENCES: Obj = {"namespace": "myns", "serviceaccount": {"name": "mysvcacct", "uid": "mysvcacct-uid"}}


def claims_of(seconds: int, audiences: list[str], era: Era, **bound: Any) -> Obj:
    now = datetime.fromtimestamp(NOW, UTC)
    return bound_claims(ACCOUNT, issuer="me", audiences=audiences, now=now, seconds=seconds, era=era, token_id="fixed", **bound)


@pytest.mark.parametrize(
    ("seconds", "audiences", "bound", "private", "audience"),
    [
        pytest.param(100, [], {"pod": POD}, {"pod": {"name": "mypod", "uid": "mypod-uid"}}, None, id="T-CLM-2"),
        pytest.param(100, ["1"], {"secret": SECRET}, {"secret": {"name": "mysecret", "uid": "mysecret-uid"}}, ["1"], id="T-CLM-3"),
        pytest.param(100, ["1", "2"], {}, {}, ["1", "2"], id="T-CLM-4"),
        pytest.param(
            86400,
            [],
            {"pod": POD, "warn_after": 3600},
            {"pod": {"name": "mypod", "uid": "mypod-uid"}, "warnafter": NOW + 3600},
            None,
            id="T-CLM-5",
        ),
        pytest.param(0, [], {"node": NODE}, {"node": {"name": "mynode", "uid": "mynode-uid"}}, None, id="T-CLM-6"),
        pytest.param(100, [], {}, {}, None, id="T-CLM-9"),
        pytest.param(
            100,
            [],
            {"pod": POD, "node": {"metadata": {"name": "gone"}}},
            {"pod": {"name": "mypod", "uid": "mypod-uid"}, "node": {"name": "gone"}},
            None,
            id="BCL-3-a-node-known-by-name-only",
        ),
    ],
)
def test_bound_claims(seconds: int, audiences: list[str], bound: dict[str, Any], private: Obj, audience: list[str] | None) -> None:
    expected: Obj = {
        "iss": "me",
        "sub": "system:serviceaccount:myns:mysvcacct",
        "iat": NOW,
        "nbf": NOW,
        "exp": NOW + seconds,
        "jti": "fixed",
        "kubernetes.io": {**REFERENCES, **private},
    }
    if audience is not None:
        expected["aud"] = audience
    assert claims_of(seconds, audiences, Era(), **bound) == expected


@pytest.mark.parametrize(
    "bound",
    [pytest.param({"pod": POD, "secret": SECRET}, id="T-CLM-1"), pytest.param({"node": NODE, "secret": SECRET}, id="T-CLM-8")],
)
def test_one_binding_only(bound: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="internal error, token can only be bound to one object type"):
        claims_of(0, [], Era(), **bound)


def test_a_node_wants_its_gate() -> None:
    with pytest.raises(ValueError, match='"ServiceAccountTokenNodeBinding" feature gate is disabled'):
        claims_of(0, [], Era("1.30"), node=NODE)


def test_an_older_era_knows_neither_token_id_nor_the_pods_node() -> None:
    claims = claims_of(10, [], Era("1.28"), pod=POD, node=NODE)
    assert "jti" not in claims
    assert "node" not in claims["kubernetes.io"]


def test_legacy_claims_never_expire() -> None:
    assert legacy_claims(ACCOUNT, "a-token") == {
        "iss": "kubernetes/serviceaccount",
        "sub": "system:serviceaccount:myns:mysvcacct",
        "kubernetes.io/serviceaccount/namespace": "myns",
        "kubernetes.io/serviceaccount/service-account.name": "mysvcacct",
        "kubernetes.io/serviceaccount/service-account.uid": "mysvcacct-uid",
        "kubernetes.io/serviceaccount/secret.name": "a-token",
    }
