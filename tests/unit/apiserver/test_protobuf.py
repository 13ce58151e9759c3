"""Protobuf: what kubectl sends, and that reading undoes writing."""

from __future__ import annotations

import base64
import json
import string
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from labkit.apiserver import protobuf
from labkit.apiserver.data import load
from labkit.apiserver.protobuf import Envelope, Field, Message, decode, decode_object, encode, message_of
from labkit.apiserver.wire_format import BYTES, VARINT, WireError, read_fields, read_varint, signed, write_field, write_varint
from labkit.apiserver.wire_values import READERS
from labkit.kube.objects import Obj

# What kubectl 1.37.2 put on the wire, byte for byte, and the same as JSON.
KUBECTL = {
    "create-sa": (
        b'k8s\0\n\x14\n\x02v1\x12\x0eServiceAccount\x12\x15\n\x13\n\x03foo\x12\0\x1a\0"\0*\x002\x008\0B\0\x1a\0"\0',
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "foo"}},
    ),
    "create-token": (
        (
            b"k8s\0\n(\n\x18authentication.k8s.io/v1\x12\x0cTokenRequest"
            b'\x12 \n\x10\n\0\x12\0\x1a\0"\0*\x002\x008\0B\0\x12\x06\n\x01a \xd8\x04\x1a\x04\n\0\x12\0\x1a\0"\0'
        ),
        {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "metadata": {},
            "spec": {"audiences": ["a"], "expirationSeconds": 600},
            "status": {"token": ""},
        },
    ),
    "can-i": (
        (
            b"k8s\0\n2\n\x17authorization.k8s.io/v1\x12\x17SelfSubjectAccessReview"
            b'\x12<\n\x10\n\0\x12\0\x1a\0"\0*\x002\x008\0B\0\x12\x1e\n\x1c\n\x07default\x12\x03get\x1a\0"\0*\x04pods2\0:\0'
            b'\x1a\x08\x08\0\x12\0\x1a\0 \0\x1a\0"\0'
        ),
        {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "metadata": {},
            "spec": {"resourceAttributes": {"namespace": "default", "verb": "get", "resource": "pods"}},
            "status": {"allowed": False},
        },
    ),
    "create-secret": (
        b'k8s\0\n\x0c\n\x02v1\x12\x06Secret\x12\x1d\n\x11\n\x01s\x12\0\x1a\0"\0*\x002\x008\0B\0\x12\x06\n\x01a\x12\x01b\x1a\0\x1a\0"\0',
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "data": {"a": "Yg=="}},
    ),
}


@pytest.mark.parametrize(("body", "obj"), KUBECTL.values(), ids=KUBECTL)
def test_kubectl(body: bytes, obj: Obj) -> None:
    assert decode(body) == obj
    assert encode(obj) == body


def _envelope(kind: str, raw: bytes, api_version: str = "v1") -> bytes:
    type_meta = write_field(1, api_version.encode()) + write_field(2, kind.encode())
    return protobuf.MAGIC + write_field(1, type_meta) + write_field(2, raw)


def _account(raw: bytes) -> Obj:
    return decode(_envelope("ServiceAccount", raw))


def test_empty_fields_that_are_always_written_do_not_show() -> None:
    metadata = b"".join(write_field(n, b"") for n in (2, 3, 4, 5, 6, 8)) + write_field(1, b"foo") + write_field(7, 0)
    assert _account(write_field(1, metadata)) == {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "foo"}}


@pytest.mark.parametrize(("value", "shown"), [(0, False), (1, True)])
def test_a_pointer_keeps_its_zero(value: int, shown: bool) -> None:
    assert _account(write_field(4, value))["automountServiceAccountToken"] is shown


def _container(raw: bytes) -> Obj:
    found: Obj = decode_object(Envelope("v1", "Pod", write_field(2, write_field(2, raw))))["spec"]["containers"][0]
    return found


def _message(*fields: tuple[int, int | bytes]) -> bytes:
    return b"".join(write_field(number, value) for number, value in fields)


PORT_TEXT = _message((1, 1), (2, 0), (3, b"web"))
PORT_NUMBER = _message((1, 0), (2, 8080), (3, b""))
TIME = _message((1, 1_600_000_000), (2, 5))


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        pytest.param(
            lambda: decode(_envelope("Secret", write_field(2, _message((1, b"k"), (2, b"\x00\xff")))))["data"], {"k": "AP8="}, id="bytes"
        ),
        pytest.param(lambda: decode(_envelope("Secret", write_field(2, _message((1, b"k")))))["data"], {"k": ""}, id="empty-map-value"),
        pytest.param(
            lambda: _account(write_field(1, write_field(8, TIME)))["metadata"], {"creationTimestamp": "2020-09-13T12:26:40Z"}, id="time"
        ),
        pytest.param(
            lambda: _container(write_field(8, write_field(2, _message((1, b"cpu"), (2, write_field(1, b"100m"))))))["resources"],
            {"requests": {"cpu": "100m"}},
            id="quantity",
        ),
        pytest.param(
            lambda: _container(write_field(10, write_field(1, write_field(2, write_field(2, PORT_TEXT)))))["livenessProbe"],
            {"httpGet": {"port": "web"}},
            id="port-by-name-inlined-handler",
        ),
        pytest.param(
            lambda: _container(write_field(10, write_field(1, write_field(2, write_field(2, PORT_NUMBER)))))["livenessProbe"],
            {"httpGet": {"port": 8080}},
            id="port-by-number",
        ),
        pytest.param(
            lambda: _account(write_field(1, write_field(17, write_field(7, write_field(1, b'{"f:a":{}}')))))["metadata"]["managedFields"],
            [{"fieldsV1": {"f:a": {}}}],
            id="fieldsV1",
        ),
        pytest.param(
            lambda: decode(
                _envelope(
                    "SelfSubjectReview",
                    write_field(2, write_field(1, write_field(4, _message((1, b"k"), (2, _message((1, b"a"), (1, b"b"))))))),
                    "authentication.k8s.io/v1",
                )
            )["status"]["userInfo"]["extra"],
            {"k": ["a", "b"]},
            id="extra",
        ),
        pytest.param(
            lambda: decode(_envelope("DeleteOptions", write_field(1, 0), "rbac.authorization.k8s.io/v1"))["gracePeriodSeconds"],
            0,
            id="delete-options",
        ),
        pytest.param(
            lambda: _account(write_field(1, _message((1, b"a"), (99, b"later version"))))["metadata"], {"name": "a"}, id="unknown-field"
        ),
        pytest.param(
            lambda: _account(write_field(1, _message((1, b"a"))) + write_field(1, _message((3, b"b"))))["metadata"],
            {"name": "a", "namespace": "b"},
            id="in-parts",
        ),
        pytest.param(lambda: _account(write_field(1, write_field(1, b"\xff")))["metadata"]["name"], "�", id="no-utf-8"),
        pytest.param(
            lambda: decode_object(Envelope("v1", "Pod", write_field(2, write_field(4, 2**64 - 1))))["spec"],
            {"terminationGracePeriodSeconds": -1},
            id="negative",
        ),
    ],
)
def test_reads(read: Callable[[], Any], expected: Any) -> None:
    found = read()
    if isinstance(expected, dict):
        assert expected.items() <= found.items()
    else:
        assert found == expected


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "empty data", id="nothing"),
        pytest.param(b"hello", "does not appear to be a protobuf message", id="no-magic"),
        pytest.param(b"k8s\x00\x0a\x20abc", "unexpected EOF", id="cut-off"),
        pytest.param(_envelope("ServiceAccount", b"\x0a\x20abc"), "unexpected EOF", id="object-cut-off"),
        pytest.param(_envelope("ServiceAccount", b"\x08\x20"), "proto: wrong wireType = 0 for field Metadata", id="number-for-message"),
        pytest.param(_envelope("ServiceAccount", b"\x22\x01a"), "proto: wrong wireType = 2", id="bytes-for-bool"),
        pytest.param(_envelope("ServiceAccount", b"\x0b"), "illegal wireType 3", id="group"),
        pytest.param(_envelope("ServiceAccount", b"\x00\x00"), "illegal tag 0", id="field-zero"),
        pytest.param(b"k8s\x00" + b"\xff" * 11, "integer overflow", id="endless-number"),
    ],
)
def test_what_is_no_message(body: bytes, message: str) -> None:
    with pytest.raises(WireError, match=message):
        decode(body)


def test_a_kind_without_a_table() -> None:
    with pytest.raises(protobuf.UnknownKindError, match='no kind "Nope" is registered for version "v1"'):
        decode(_envelope("Nope", b""))


ROOTS = (
    ("v1", "ServiceAccount"),
    ("v1", "Secret"),
    ("v1", "Namespace"),
    ("v1", "ConfigMap"),
    ("v1", "Pod"),
    ("v1", "Event"),
    ("authentication.k8s.io/v1", "TokenRequest"),
    ("authentication.k8s.io/v1", "TokenReview"),
    ("authentication.k8s.io/v1", "SelfSubjectReview"),
    ("authorization.k8s.io/v1", "SelfSubjectAccessReview"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("coordination.k8s.io/v1", "Lease"),
    ("v1", "DeleteOptions"),
)
TEXT = st.text(max_size=8)
KEYS = st.text(string.ascii_lowercase, max_size=4)
# Times as upstream writes them; years that every reader takes.
SECONDS = st.integers(0, 4_000_000_000)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": TEXT,
    "bool": st.booleans(),
    "int32": st.integers(-(2**31), 2**31 - 1),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "bytes": st.binary(max_size=8).map(lambda raw: base64.b64encode(raw).decode()),
    "time": SECONDS.map(lambda seconds: READERS["time"](_message((1, seconds)))),
    "microtime": st.builds(lambda s, n: READERS["microtime"](_message((1, s), (2, n * 1000))), SECONDS, st.integers(0, 999_999)),
    "quantity": TEXT,
    "intorstring": st.one_of(st.integers(-(2**31), 2**31 - 1), TEXT),
    "json": st.dictionaries(KEYS, TEXT, min_size=1, max_size=2),
    "list:string": st.lists(TEXT, max_size=2),
}


MAX_OPTIONAL = 2  # of a message's many fields, in one example


@st.composite
def _objects(draw: st.DrawFn, message: Message, depth: int = 0) -> Obj:
    """Objects as the reader gives them: no empty lists, no zeros where they do not show."""
    found: Obj = {}
    optional: list[Field] = []
    for field in message.fields.values():
        if field.mode == "=":
            found |= draw(_objects(protobuf._message(field.kind), depth))
        elif field.mode == "!" and not field.shape and (field.is_message or field.kind in protobuf._ZERO or field.kind == "quantity"):
            found[field.name] = draw(_values(field, depth + 1))
        elif not (field.is_message and depth > 3):
            optional.append(field)
    for field in draw(st.lists(st.sampled_from(optional), max_size=MAX_OPTIONAL, unique=True)) if optional else ():
        found[field.name] = draw(_values(field, depth + 1))
    return found


def _values(field: Field, depth: int) -> st.SearchStrategy[Any]:
    one = _objects(protobuf._message(field.kind), depth) if field.is_message else VALUES[field.kind]
    if field.shape == "[]":
        return st.lists(one, min_size=1, max_size=2)
    if field.shape == "{}":
        return st.dictionaries(KEYS, one, min_size=1, max_size=2)
    return one.filter(bool) if field.mode == "-" and not field.is_message else one


@pytest.mark.parametrize(("api_version", "kind"), ROOTS, ids=[kind for _, kind in ROOTS])
def test_reading_undoes_writing(api_version: str, kind: str) -> None:
    message = message_of(api_version, kind)

    @settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_objects(message))
    def check(obj: Obj) -> None:
        whole = {"apiVersion": api_version, "kind": kind} | obj
        assert decode(encode(whole)) == whole

    check()


@given(st.binary(max_size=60))
def test_no_bytes_do_harm(raw: bytes) -> None:
    for kind in ("Pod", "Secret", "Event"):
        try:
            json.dumps(decode(_envelope(kind, raw)))
        except WireError:
            continue


@given(st.integers(-(2**63), 2**64 - 1))
def test_varints(value: int) -> None:
    data = write_varint(value)
    found, end = read_varint(data, 0)
    assert (found, end) == (value % 2**64, len(data))
    assert signed(found, 64) in (value, value - 2**64)


@given(st.lists(st.tuples(st.integers(1, 2**29 - 1), st.one_of(st.integers(0, 2**64 - 1), st.binary(max_size=300)))))
def test_fields(fields: list[tuple[int, int | bytes]]) -> None:
    data = b"".join(write_field(number, value) for number, value in fields)
    assert list(read_fields(data)) == [(number, VARINT if isinstance(value, int) else BYTES, value) for number, value in fields]


def test_every_message_that_a_table_names_has_a_table() -> None:
    tables = load("messages.json")
    for fields in tables.values():
        for entry in fields.values():
            number, mode, kind = entry.split(" ")
            kind = kind.removeprefix("[]").removeprefix("{}")
            assert number.isdigit()
            assert mode in "?!-="
            assert kind in tables if "." in kind else kind in VALUES
