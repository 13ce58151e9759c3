"""Checking tokens: passed on, refused, accepted (AUT-5 to AUT-9; upstream's TestTokenGenerateAndValidate)."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

import jwt
import pytest

from labkit.kube.versions import Era
from labkit.tokens.issuer import sign
from labkit.tokens.keys import PublicKey
from labkit.tokens.verifier import BAD_SIGNATURE, NO_KEYS, TokenError, verify
from tests.unit.tokens.keys import ec_key, rsa_key

ISSUERS = {"kubernetes/serviceaccount", "bar"}
CLAIMS = {"iss": "bar", "sub": "system:serviceaccount:test:my-service-account"}


def part(value: Any) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def raw(payload: bytes) -> str:
    """A rightly signed token with these bytes as its claims."""
    key = ec_key()
    return jwt.PyJWS().encode(payload, key.key, algorithm="ES256", headers={"kid": key.key_id, "typ": ""})


GOOD = sign(rsa_key(), CLAIMS)
HEADER, PAYLOAD, SIGNATURE = GOOD.split(".")


@pytest.mark.parametrize(
    "keys",
    [
        pytest.param([rsa_key().public], id="T-JWT-4"),
        pytest.param([ec_key().public, rsa_key().public], id="T-JWT-9"),
        pytest.param([rsa_key(1).public, rsa_key().public], id="the-second-of-two"),
    ],
)
def test_accepted(keys: Sequence[PublicKey]) -> None:
    found = verify(GOOD, keys, ISSUERS, Era())
    assert found is not None
    assert found.claims == CLAIMS
    assert found.key_id == rsa_key().key_id


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_an_rsa_key_may_sign_in_other_ways(algorithm: str) -> None:
    token = jwt.encode(CLAIMS, rsa_key().key, algorithm=algorithm, headers={"kid": rsa_key().key_id})
    assert verify(token, [rsa_key().public], ISSUERS, Era()) is not None


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("invalid token", id="no-jwt"),
        pytest.param("", id="empty"),
        pytest.param("a.b", id="two-parts"),
        pytest.param(f"{GOOD}.x", id="four-parts"),
        pytest.param(f"{HEADER}.{PAYLOAD}=.{SIGNATURE}", id="padded"),
        pytest.param(f"{HEADER}.!{PAYLOAD}.{SIGNATURE}", id="not-base64url"),
        pytest.param(f"{HEADER}.{part(b'[')}.{SIGNATURE}", id="not-json"),
        pytest.param(f"{HEADER}.{part([1])}.{SIGNATURE}", id="no-object"),
        pytest.param(f"{HEADER}.{part({'iss': 5})}.{SIGNATURE}", id="issuer-no-text"),
        pytest.param(sign(rsa_key(), {**CLAIMS, "iss": "elsewhere"}), id="another-issuer"),
        pytest.param(f"{part(b'x')}.{PAYLOAD}.{SIGNATURE}", id="header-no-json"),
        pytest.param(f"{part({'alg': 5})}.{PAYLOAD}.{SIGNATURE}", id="algorithm-no-text"),
        pytest.param('{"payload":"x", "extra":".' + part(CLAIMS) + '."}', id="T-JWT-14"),
        pytest.param(f"{HEADER}.{part(b'[' * 100_000)}.{SIGNATURE}", id="nested-too-deep"),
    ],
)
def test_passed_on(token: str) -> None:
    assert verify(token, [rsa_key().public], ISSUERS, Era()) is None


@pytest.mark.parametrize(
    ("token", "keys", "text"),
    [
        pytest.param(GOOD, [], NO_KEYS, id="T-JWT-1"),
        pytest.param(GOOD, [rsa_key(1).public, ec_key().public], NO_KEYS, id="T-JWT-2"),
        pytest.param(f"{HEADER}.{part({**CLAIMS, 'sub': 'other'})}.{SIGNATURE}", [rsa_key().public], BAD_SIGNATURE, id="changed-claims"),
        pytest.param(f"{HEADER}.{PAYLOAD}.", [rsa_key().public], BAD_SIGNATURE, id="no-signature"),
        pytest.param(f"{part({'alg': 'none'})}.{PAYLOAD}.", [rsa_key().public], BAD_SIGNATURE, id="algorithm-none"),
        pytest.param(
            f"{part({'alg': 'HS256'})}.{PAYLOAD}.{SIGNATURE}", [rsa_key().public], BAD_SIGNATURE, id="public-key-as-shared-secret"
        ),
        pytest.param(
            f"{part({'alg': 'ES256', 'kid': rsa_key().key_id})}.{PAYLOAD}.{SIGNATURE}", [rsa_key().public], BAD_SIGNATURE, id="other-family"
        ),
        pytest.param(
            jwt.encode(CLAIMS, rsa_key().key, algorithm="RS256", headers={"crit": ["b64"]}),
            [rsa_key().public],
            BAD_SIGNATURE,
            id="critical-header",
        ),
        pytest.param(raw(b'{"iss":"bar","sub":"a","sub":"b"}'), [ec_key().public], "json: duplicate key 'sub' in object", id="key-twice"),
        pytest.param(
            sign(ec_key(), {"iss": "bar", "exp": "5"}),
            [ec_key().public],
            "go-jose/go-jose/jwt: expected number value to unmarshal NumericDate",
            id="time-as-text",
        ),
        pytest.param(
            raw(b'{"iss":"bar","exp":1e400}'),
            [ec_key().public],
            "go-jose/go-jose/jwt: expected number value to unmarshal NumericDate",
            id="time-too-large",
        ),
        pytest.param(
            sign(ec_key(), {"iss": "bar", "aud": [5]}),
            [ec_key().public],
            "go-jose/go-jose/jwt: expected string or array value to unmarshal to Audience",
            id="audience-no-text",
        ),
        pytest.param(
            sign(ec_key(), {"iss": "bar", "kubernetes.io": {"pod": "x"}}),
            [ec_key().public],
            "json: cannot unmarshal string into Go value of type serviceaccount.ref",
            id="reference-no-object",
        ),
    ],
)
def test_refused(token: str, keys: Sequence[PublicKey], text: str) -> None:
    with pytest.raises(TokenError) as refusal:
        verify(token, keys, ISSUERS, Era())
    assert str(refusal.value) == text


def test_before_131_every_key_is_tried() -> None:
    unknown = sign(rsa_key(), CLAIMS)
    renamed = PublicKey.of(rsa_key().public.key, key_id="renamed")
    with pytest.raises(TokenError, match=NO_KEYS):
        verify(unknown, [renamed], ISSUERS, Era("1.31"))
    assert verify(unknown, [renamed], ISSUERS, Era("1.30")) is not None
    assert verify(unknown, [], ISSUERS, Era("1.30")) is None


def test_null_claims_are_absent_and_fractions_are_cut() -> None:
    found = verify(raw(b'{"iss":"bar","exp":5.9,"jti":null,"aud":"one"}'), [ec_key().public], ISSUERS, Era())
    assert found is not None
    assert found.claims == {"iss": "bar", "exp": 5, "aud": ["one"]}
