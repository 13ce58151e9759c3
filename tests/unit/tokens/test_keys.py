"""Signing keys: algorithms, key ids, PEM and JWK (SGN-1, SGN-2, OID-3)."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from jwt import PyJWK

from labkit.tokens.keys import PublicKey, SigningKey, key_id_of
from tests.unit.tokens.keys import ec_key, rsa_key


@pytest.mark.parametrize(("curve", "algorithm"), [("P-256", "ES256"), ("P-384", "ES384"), ("P-521", "ES512")])
def test_a_curve_decides_on_the_algorithm(curve: str, algorithm: str) -> None:
    assert ec_key(curve).algorithm == algorithm


def test_rsa_keys_sign_rs256() -> None:
    assert rsa_key().algorithm == "RS256"


def test_other_curves_are_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown private key curve, must be 256, 384, or 521"):
        SigningKey.of(ec.generate_private_key(ec.SECP256K1()))


def test_other_keys_are_refused() -> None:
    pem = ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with pytest.raises(ValueError, match="unknown private key type"):
        SigningKey.from_pem(pem)


def test_the_key_id_is_the_digest_of_the_public_der() -> None:
    key = rsa_key()
    der = key.public.key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    assert base64.urlsafe_b64decode(key.key_id + "=") == hashlib.sha256(der).digest()
    assert "=" not in key.key_id
    assert key_id_of(key.public.key) == key.key_id


@pytest.mark.parametrize("key", [rsa_key(), ec_key()], ids=["rsa", "ec"])
def test_a_key_survives_pem(key: SigningKey) -> None:
    assert SigningKey.from_pem(key.pem()).key_id == key.key_id
    assert PublicKey.from_pem(key.public.pem()) == key.public
    assert PublicKey.from_pem(key.pem()).key_id == key.key_id


@pytest.mark.parametrize("key", [rsa_key(), ec_key("P-384")], ids=["rsa", "ec"])
def test_the_jwk_is_the_public_key(key: SigningKey) -> None:
    jwk = key.public.jwk()
    assert (jwk["use"], jwk["kid"], jwk["alg"]) == ("sig", key.key_id, key.algorithm)
    assert PyJWK(jwk).key == key.public.key
    assert "d" not in jwk


def test_a_key_does_not_show_itself() -> None:
    assert "PRIVATE" not in repr(rsa_key())
    assert "key=" not in repr(rsa_key())


def test_importing_costs_no_cryptography() -> None:
    modules = "labkit.tokens.keys, labkit.tokens.verifier, labkit.tokens.issuer"
    program = f"import sys, {modules}; print('cryptography' in sys.modules, 'jwt' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert found.stdout.split() == ["False", "False"]
