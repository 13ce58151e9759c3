"""Signing keys and the public keys that tokens are checked with (SGN-1, SGN-2; pkg/serviceaccount/jwt.go, keyid.go).

`cryptography` and `jwt` are imported when a key is made or read, so that importing this module costs nothing.
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey

    Public: TypeAlias = RSAPublicKey | EllipticCurvePublicKey
    Private: TypeAlias = RSAPrivateKey | EllipticCurvePrivateKey

RSA_BITS = 2048
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
_CURVE_NAMES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key that checks tokens. `key_id` is the `kid` of tokens signed with its private half; `algorithm` is what it signs with.

    `excluded` keys verify but are not published (OID-3).
    """

    key: Public = field(repr=False)
    key_id: str
    algorithm: str
    excluded: bool = False

    @classmethod
    def of(cls, key: Public, *, key_id: str = "", excluded: bool = False) -> PublicKey:
        """The record of a key.

        Raises:
            ValueError: the key is of a kind that Kubernetes does not sign with.
        """
        return cls(key, key_id or key_id_of(key), algorithm_of(key), excluded)

    @classmethod
    def from_pem(cls, pem: bytes) -> PublicKey:
        """The key in a PEM text: a public key, a certificate, or a private key, of which the public half is taken.

        Raises:
            ValueError: there is none, or none that Kubernetes uses.
        """
        from cryptography import x509
        from cryptography.hazmat.primitives import serialization

        if b"PRIVATE KEY" in pem:
            return SigningKey.from_pem(pem).public
        certified = b"CERTIFICATE" in pem
        found = x509.load_pem_x509_certificate(pem).public_key() if certified else serialization.load_pem_public_key(pem)
        return cls.of(found)  # type: ignore[arg-type]  # `algorithm_of` refuses other kinds of key

    def pem(self) -> bytes:
        """The key as PEM, in the form of `openssl rsa -pubout`."""
        from cryptography.hazmat.primitives import serialization

        return self.key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def jwk(self) -> dict[str, str]:
        """The key as a JSON Web Key, in upstream's order of fields (OID-3)."""
        from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
        from jwt.algorithms import ECAlgorithm, RSAAlgorithm

        if isinstance(self.key, RSAPublicKey):
            numbers = RSAAlgorithm.to_jwk(self.key, as_dict=True)
            return {"use": "sig", "kty": "RSA", "kid": self.key_id, "alg": self.algorithm, "n": numbers["n"], "e": numbers["e"]}
        numbers = ECAlgorithm.to_jwk(self.key, as_dict=True)
        curve = _CURVE_NAMES[self.algorithm]
        found = {"use": "sig", "kty": "EC", "kid": self.key_id, "crv": curve, "alg": self.algorithm}
        return {**found, "x": numbers["x"], "y": numbers["y"]}


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key that signs tokens, with its public half. Its text form never shows the key."""

    key: Private = field(repr=False)
    public: PublicKey

    @classmethod
    def of(cls, key: Private) -> SigningKey:
        """The record of a private key.

        Raises:
            ValueError: the key is of a kind that Kubernetes does not sign with.
        """
        return cls(key, PublicKey.of(key.public_key()))

    @classmethod
    def generate_rsa(cls, bits: int = RSA_BITS) -> SigningKey:
        """A new RSA key; kubeadm's has 2048 bits. Takes a tenth of a second or so: make one for each home, not for each test."""
        from cryptography.hazmat.primitives.asymmetric import rsa

        return cls.of(rsa.generate_private_key(public_exponent=65537, key_size=bits))

    @classmethod
    def generate_ec(cls, curve: str = "P-256") -> SigningKey:
        """A new elliptic-curve key on P-256, P-384 or P-521; quick to make."""
        from cryptography.hazmat.primitives.asymmetric import ec

        curves: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
        return cls.of(ec.generate_private_key(curves[curve]))

    @classmethod
    def from_pem(cls, pem: bytes) -> SigningKey:
        """The private key in a PEM text (PKCS #1, SEC 1 or PKCS #8, without a password).

        Raises:
            ValueError: there is none, or none that Kubernetes uses.
        """
        from cryptography.hazmat.primitives import serialization

        return cls.of(serialization.load_pem_private_key(pem, password=None))  # type: ignore[arg-type]  # `algorithm_of` refuses others

    def pem(self) -> bytes:
        """The key as PEM (PKCS #8, no password): write it with mode 0600."""
        from cryptography.hazmat.primitives import serialization

        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())

    @property
    def key_id(self) -> str:
        """The `kid` of tokens that this key signs (SGN-2)."""
        return self.public.key_id

    @property
    def algorithm(self) -> str:
        """RS256, ES256, ES384 or ES512 (SGN-1)."""
        return self.public.algorithm


def key_id_of(key: Public) -> str:
    """Unpadded base64url of the SHA-256 of the public key's DER form (SGN-2)."""
    from cryptography.hazmat.primitives import serialization

    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).decode().rstrip("=")


def algorithm_of(key: Public) -> str:
    """What Kubernetes signs with, given such a key: RS256 for every RSA key, else by the curve (SGN-1).

    Raises:
        ValueError: another kind of key, or another curve.
    """
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if isinstance(key, RSAPublicKey):
        return "RS256"
    if isinstance(key, EllipticCurvePublicKey):
        if key.curve.name not in _CURVES:
            raise ValueError("unknown private key curve, must be 256, 384, or 521")
        return _CURVES[key.curve.name]
    raise ValueError(f"unknown private key type {type(key).__name__}, must be *rsa.PrivateKey, *ecdsa.PrivateKey, or jose.OpaqueSigner")


__all__ = ["PublicKey", "SigningKey", "algorithm_of", "key_id_of"]
