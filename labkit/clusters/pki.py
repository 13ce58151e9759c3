"""The certificates of an embedded cluster: its authority, its server's certificate, its clients'.

They are real X.509: kubectl and the Python client verify the server by the authority, and the server knows a client by the common
name (the user) and the organisations (the groups) of its certificate. Certificates are valid on the machine's clock, whatever the
time in the cluster is. Keys are EC P-256, made once and kept; files with keys are for their owner alone (mode 0600).
"""

from __future__ import annotations

import ipaddress
import os
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from labkit.kube.clock import Clock, SystemClock

AUTHORITY_NAME = "kubernetes"
SERVER_NAME = "kube-apiserver"
CLUSTER_DOMAIN = "cluster.local"
SERVICE_ADDRESS = "10.96.0.1"
# kubeadm's names of the API server, so that Pods and people reach it by any of them.
SERVER_NAMES = (
    "localhost",
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    f"kubernetes.default.svc.{CLUSTER_DOMAIN}",
)
SERVER_ADDRESSES = ("127.0.0.1", "::1", SERVICE_ADDRESS)
AUTHORITY_LIFETIME = timedelta(days=3650)
LEAF_LIFETIME = timedelta(days=365)
RENEW_BEFORE = timedelta(days=30)
# A client whose clock is a little slow should not be refused.
BACKDATED = timedelta(minutes=5)
OWNER_ONLY = 0o600
PUBLIC = 0o644


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A certificate and its private key: where they are, and their PEM texts."""

    certificate_path: Path
    key_path: Path
    certificate: bytes
    key: bytes


class Pki:
    """The authority in `folder`, and the certificates that it has issued. Made on first use, reused as long as they are good."""

    def __init__(self, folder: Path, clock: Clock | None = None) -> None:
        self._folder = folder
        self._clock = clock or SystemClock()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._authority = self._load("ca", None) or self._make_authority()
        self._authority_certificate = x509.load_pem_x509_certificate(self._authority.certificate)

    @property
    def authority(self) -> KeyPair:
        """The cluster's certificate authority, `ca.crt` and `ca.key`."""
        return self._authority

    def server(self, names: Iterable[str] = (), addresses: Iterable[str] = ()) -> KeyPair:
        """The API server's certificate: kubeadm's names and addresses, and those given beside them."""
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in dict.fromkeys((*SERVER_NAMES, *names))]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in dict.fromkeys((*SERVER_ADDRESSES, *addresses))]
        return self._leaf("apiserver", _subject(SERVER_NAME, ()), x509.SubjectAlternativeName(alternatives))

    def client(self, common_name: str, organizations: Sequence[str] = ()) -> KeyPair:
        """A client certificate for the user `common_name` in the groups `organizations`, such as kubernetes-admin."""
        return self._leaf(_file_name(common_name), _subject(common_name, organizations), None)

    def _leaf(self, stem: str, subject: x509.Name, alternatives: x509.SubjectAlternativeName | None) -> KeyPair:
        kept = self._load(stem, subject, alternatives)
        if kept is not None:
            return kept
        key = ec.generate_private_key(ec.SECP256R1())
        usage = ExtendedKeyUsageOID.CLIENT_AUTH if alternatives is None else ExtendedKeyUsageOID.SERVER_AUTH
        builder = self._builder(subject, key.public_key(), self._authority_certificate.subject, LEAF_LIFETIME)
        builder = (
            builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._authority_key().public_key()), critical=False)
        )
        if alternatives is not None:
            builder = builder.add_extension(alternatives, critical=False)
        return self._store(stem, builder.sign(self._authority_key(), hashes.SHA256()), key)

    def _make_authority(self) -> KeyPair:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(AUTHORITY_NAME, ())
        builder = (
            self._builder(subject, key.public_key(), subject, AUTHORITY_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(AUTHORITY_NAME)]), critical=False)
        )
        return self._store("ca", builder.sign(key, hashes.SHA256()), key)

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, issuer: x509.Name, lifetime: timedelta
    ) -> x509.CertificateBuilder:
        now = self._clock.now()
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now + lifetime)
        )

    def _authority_key(self) -> ec.EllipticCurvePrivateKey:
        key = serialization.load_pem_private_key(self._authority.key, None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{self._authority.key_path} is no EC key; remove the folder to have its certificates made anew")
        return key

    def _store(self, stem: str, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> KeyPair:
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        pair = KeyPair(self._folder / f"{stem}.crt", self._folder / f"{stem}.key", pem, private)
        # The key first: a certificate that is there has its key, whenever the process died. A stale pair is found out by `_load`.
        write_file(pair.key_path, private, OWNER_ONLY)
        write_file(pair.certificate_path, pem, PUBLIC)
        return pair

    def _load(self, stem: str, subject: x509.Name | None, alternatives: x509.SubjectAlternativeName | None = None) -> KeyPair | None:
        """The kept pair, if it is whole, still good for a while, issued by this authority and for this subject."""
        certificate_path, key_path = self._folder / f"{stem}.crt", self._folder / f"{stem}.key"
        try:
            pair = KeyPair(certificate_path, key_path, certificate_path.read_bytes(), key_path.read_bytes())
            found = x509.load_pem_x509_certificate(pair.certificate)
            key = serialization.load_pem_private_key(pair.key, None)
            if not _same_key(key.public_key(), found) or found.not_valid_after_utc - RENEW_BEFORE < self._clock.now():
                return None
            if subject is None:
                return pair
            found.verify_directly_issued_by(self._authority_certificate)
            if alternatives is not None and _alternatives(found) != alternatives:
                return None
        except (FileNotFoundError, ValueError, TypeError, InvalidSignature):
            return None
        return pair if found.subject == subject else None


def make_pki(folder: Path, clock: Clock | None = None) -> Pki:
    """The certificates in `folder`, made where they are missing. `clock` is the machine's unless a test says otherwise."""
    return Pki(folder, clock)


def write_file(path: Path, content: bytes, mode: int = OWNER_ONLY) -> None:
    """Write a file so that a reader sees all of it or none, and nobody but its owner ever sees a secret one."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _subject(common_name: str, organizations: Sequence[str]) -> x509.Name:
    parts = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization) for organization in organizations]
    return x509.Name([*parts, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _file_name(common_name: str) -> str:
    """`system:node:lab` becomes `system-node-lab`; two users that differ in such signs only would take turns, and the subject tells."""
    return "client-" + "".join(sign if sign.isalnum() or sign in "-._" else "-" for sign in common_name)


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=True,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def _same_key(key: object, certificate: x509.Certificate) -> bool:
    return isinstance(key, ec.EllipticCurvePublicKey) and key == certificate.public_key()


def _alternatives(certificate: x509.Certificate) -> x509.SubjectAlternativeName:
    try:
        return certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return x509.SubjectAlternativeName([])


__all__ = ["KeyPair", "Pki", "make_pki", "write_file"]
