"""Certificates of an embedded cluster: what they say, that TLS accepts them, that they are kept, and who may read them."""

from __future__ import annotations

import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from labkit.clusters.pki import KeyPair, make_pki
from labkit.kube.clock import FixedClock

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)


def _parsed(pair: KeyPair) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pair.certificate)


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, name: str) -> ssl.SSLObject:
    """Both sides of a TLS handshake, in memory; the server's side."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server_side = server.wrap_bio(to_server, to_client, server_side=True)
    client_side = client.wrap_bio(to_client, to_server, server_hostname=name)
    for _ in range(6):
        for side in (client_side, server_side):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
    return server_side


def test_client_certificate_names_user_and_groups(tmp_path: Path) -> None:
    subject = _parsed(make_pki(tmp_path).client("kubernetes-admin", ["kubeadm:cluster-admins", "more"])).subject
    assert [part.value for part in subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["kubernetes-admin"]
    assert [part.value for part in subject.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)] == ["kubeadm:cluster-admins", "more"]


@pytest.mark.parametrize("name", ["localhost", "kubernetes.default.svc", "127.0.0.1", "10.96.0.1"])
def test_tls_accepts_both_sides(tmp_path: Path, name: str) -> None:
    pki = make_pki(tmp_path)
    server_pair, client_pair = pki.server(), pki.client("jane", ["developers"])
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(server_pair.certificate_path, server_pair.key_path)
    server.load_verify_locations(pki.authority.certificate_path)
    server.verify_mode = ssl.CERT_REQUIRED
    client = ssl.create_default_context(cafile=str(pki.authority.certificate_path))
    client.load_cert_chain(client_pair.certificate_path, client_pair.key_path)
    found = _handshake(server, client, name).getpeercert()
    assert found is not None
    assert (("commonName", "jane"),) in found["subject"]


def test_a_client_does_not_accept_a_server_of_another_name(tmp_path: Path) -> None:
    pki = make_pki(tmp_path)
    pair = pki.server()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pair.certificate_path, pair.key_path)
    client = ssl.create_default_context(cafile=str(pki.authority.certificate_path))
    with pytest.raises(ssl.SSLCertVerificationError):
        _handshake(server, client, "example.com")


@pytest.mark.parametrize(
    ("server", "usage"),
    [pytest.param(True, ExtendedKeyUsageOID.SERVER_AUTH, id="server"), pytest.param(False, ExtendedKeyUsageOID.CLIENT_AUTH, id="client")],
)
def test_a_certificate_serves_one_purpose(tmp_path: Path, server: bool, usage: x509.ObjectIdentifier) -> None:
    pki = make_pki(tmp_path)
    pair = pki.server() if server else pki.client("jane")
    assert list(_parsed(pair).extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [usage]


def test_everything_is_kept(tmp_path: Path) -> None:
    first, second = make_pki(tmp_path), make_pki(tmp_path)
    assert second.authority == first.authority
    assert second.server() == first.server()
    assert second.client("jane", ["a"]) == first.client("jane", ["a"])


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda folder: (folder / "client-jane.key").unlink(), id="key-gone"),
        pytest.param(lambda folder: (folder / "client-jane.crt").write_text("half a certifi"), id="torn"),
        pytest.param(lambda folder: (folder / "client-jane.key").write_bytes((folder / "apiserver.key").read_bytes()), id="another-key"),
        pytest.param(lambda folder: [path.unlink() for path in folder.glob("ca.*")], id="another-authority"),
    ],
)
def test_a_spoilt_pair_is_made_anew(tmp_path: Path, spoil: object) -> None:
    pki = make_pki(tmp_path)
    pki.server()
    before = pki.client("jane")
    assert callable(spoil)
    spoil(tmp_path)
    pki = make_pki(tmp_path)
    after = pki.client("jane")
    assert after.certificate != before.certificate
    _parsed(after).verify_directly_issued_by(_parsed(pki.authority))


@pytest.mark.parametrize(
    ("later", "kept"),
    [pytest.param(timedelta(days=300), True, id="good-for-a-while"), pytest.param(timedelta(days=340), False, id="ends-soon")],
)
def test_renewal(tmp_path: Path, later: timedelta, kept: bool) -> None:
    clock = FixedClock(NOW)
    before = make_pki(tmp_path, clock).client("jane")
    clock.advance(later)
    assert (make_pki(tmp_path, clock).client("jane") == before) is kept


def test_other_groups_need_another_certificate(tmp_path: Path) -> None:
    pki = make_pki(tmp_path)
    assert pki.client("jane", ["a"]).certificate != pki.client("jane", ["b"]).certificate


def test_more_names_need_another_certificate(tmp_path: Path) -> None:
    pki = make_pki(tmp_path)
    bare = pki.server()
    wider = pki.server(["lab-control-plane"], ["172.18.0.2"])
    assert wider.certificate != bare.certificate
    names = _parsed(wider).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "lab-control-plane" in names.get_values_for_type(x509.DNSName)


def test_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    pki = make_pki(tmp_path / "pki")
    for pair in (pki.authority, pki.server(), pki.client("system:node:lab", ["system:nodes"])):
        assert stat.S_IMODE(pair.key_path.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "pki").stat().st_mode) == 0o700
    assert not list((tmp_path / "pki").glob(".*")), "no temporary file stays behind"
