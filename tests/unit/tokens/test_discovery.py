"""The issuer's documents (OID-1 to OID-6; upstream's TestServeKeys, TestURLBoundaries, TestNewOpenIDMetadata)."""

from __future__ import annotations

import json

import pytest

from labkit.kube.status import NotAcceptable
from labkit.tokens.discovery import Document, documents, key_set, keys_uri, serve
from labkit.tokens.keys import PublicKey
from tests.unit.tokens.keys import ec_key, rsa_key

ISSUER = "https://issuer.example"
KEYS = (rsa_key().public, ec_key().public)


@pytest.fixture
def served() -> dict[str, Document]:
    return documents(ISSUER, KEYS, external_address="192.0.2.1:6443")


def test_the_configuration(served: dict[str, Document]) -> None:
    document = served["/.well-known/openid-configuration"]
    assert (document.content_type, document.cache_control) == ("application/json", "public, max-age=3600")
    assert list(json.loads(document.body).items()) == [
        ("issuer", ISSUER),
        ("jwks_uri", "https://192.0.2.1:6443/openid/v1/jwks"),
        ("response_types_supported", ["id_token"]),
        ("subject_types_supported", ["public"]),
        ("id_token_signing_alg_values_supported", ["ES256", "RS256"]),
    ]


def test_the_keys(served: dict[str, Document]) -> None:
    """T-OID-2: each key with its id, algorithm and use."""
    document = served["/openid/v1/jwks"]
    assert document.content_type == "application/jwk-set+json"
    assert [(key["kid"], key["alg"], key["use"]) for key in json.loads(document.body)["keys"]] == [
        (key.key_id, key.algorithm, "sig") for key in KEYS
    ]


def test_excluded_keys_are_not_published() -> None:
    """T-OID-5."""
    hidden = PublicKey.of(rsa_key().public.key, excluded=True)
    assert [key["kid"] for key in key_set((hidden, ec_key().public))["keys"]] == [ec_key().key_id]
    with pytest.raises(ValueError, match="no keys provided for validating keyset"):
        key_set((hidden,))


@pytest.mark.parametrize(
    ("path", "found"),
    [
        pytest.param("/.well-known/openid-configuration", True, id="T-OID-6"),
        pytest.param("/.well-known/openid-configuration/", True, id="corrections-7"),
        pytest.param("/.well-known", False, id="T-OID-8"),
        pytest.param("/openid/v1/jwks", True, id="T-OID-11"),
        pytest.param("/openid/v1/jwks/deeper", False, id="deeper"),
    ],
)
def test_paths(served: dict[str, Document], path: str, found: bool) -> None:
    assert (serve(served, path) is not None) is found


@pytest.mark.parametrize(
    ("accept", "served_as_asked"),
    [("", True), ("*/*", True), ("application/jwk-set+json", True), ("text/html, */*;q=0.1", True), ("application/json", False)],
)
def test_the_keys_are_negotiated(served: dict[str, Document], accept: str, served_as_asked: bool) -> None:
    if served_as_asked:
        assert serve(served, "/openid/v1/jwks", accept)
        return
    with pytest.raises(NotAcceptable, match="406: Not Acceptable\n\nAvailable representations: application/jwk-set\\+json"):
        serve(served, "/openid/v1/jwks", accept)


@pytest.mark.parametrize(
    ("issuer", "configured", "address", "text"),
    [
        pytest.param("http://issuer", "", "h", "issuer URL must use https scheme, got: http://issuer", id="T-OID-16"),
        pytest.param("https://issuer?a=b", "", "h", "issuer URL may not include a query, got: https://issuer?a=b", id="T-OID-18"),
        pytest.param("https://issuer#a", "", "h", "issuer URL may not include a fragment, got: https://issuer#a", id="fragment"),
        pytest.param("https://issuer?a#b", "", "h", "issuer URL may not include a query, got: https://issuer?a#b", id="T-OID-20"),
        pytest.param("issuer", "", "h", "issuer URL must use https scheme, got: issuer", id="T-OID-21"),
        pytest.param(ISSUER, "keys.example/x", "", "jwksURI requires https scheme, parsed as: keys.example/x", id="T-OID-23"),
        pytest.param("", "", "h", "empty issuer URL", id="empty"),
        pytest.param(ISSUER, "", "", "either the JWKS URI or the default external address, or both, must be set", id="no-address"),
    ],
)
def test_unsuitable(issuer: str, configured: str, address: str, text: str) -> None:
    with pytest.raises(ValueError) as refusal:
        keys_uri(issuer, configured, address)
    assert str(refusal.value) == text
    assert documents(issuer, KEYS, jwks_uri=configured, external_address=address) == {}


def test_a_scheme_in_the_external_address_is_refused() -> None:
    with pytest.raises(ValueError, match="attempted to build jwks_uri"):
        keys_uri(ISSUER, "", "https://h:6443")


@pytest.mark.parametrize("uri", ["https://192.0.2.7/openid/v1/jwks"], ids=["T-OID-14"])
def test_addresses_will_do(uri: str) -> None:
    assert keys_uri("https://192.0.2.7", uri, "192.0.2.7:80") == uri
