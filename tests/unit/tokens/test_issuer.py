"""Signing: the form of a token, and that somebody else's library reads it."""

from __future__ import annotations

import base64
import json

import jwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.kube.versions import Era
from labkit.tokens.issuer import sign
from labkit.tokens.keys import SigningKey
from labkit.tokens.verifier import verify
from tests.unit.tokens.keys import ec_key, rsa_key


@pytest.mark.parametrize("key", [rsa_key(), ec_key("P-256"), ec_key("P-384"), ec_key("P-521")], ids=["rsa", "p256", "p384", "p521"])
def test_another_library_verifies_it(key: SigningKey) -> None:
    token = sign(key, {"iss": "me", "aud": ["api"], "sub": "x"})
    assert jwt.get_unverified_header(token) == {"alg": key.algorithm, "kid": key.key_id}
    assert jwt.decode(token, key.public.key, algorithms=[key.algorithm], audience="api")["sub"] == "x"


def test_claims_are_sorted_and_compact() -> None:
    payload = sign(ec_key(), {"sub": "x", "aud": ["api"]}).split(".")[1]
    assert base64.urlsafe_b64decode(payload + "==") == b'{"aud":["api"],"sub":"x"}'


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=8).filter(lambda key: not key.startswith("kubernetes.io")), st.integers() | st.text(max_size=8), max_size=4
    )
)
def test_what_is_signed_is_what_is_verified(extra: dict[str, int | str]) -> None:
    known = {"iss", "sub", "aud", "exp", "nbf", "iat", "jti"}
    claims = {**{key: value for key, value in extra.items() if key not in known}, "iss": "me"}
    found = verify(sign(ec_key(), claims), [ec_key().public], {"me"}, Era())
    assert found is not None
    assert found.claims == json.loads(json.dumps(claims))
