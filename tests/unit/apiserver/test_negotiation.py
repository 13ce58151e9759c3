"""Bodies and Accept headers. The texts are those of a real 1.37.2, unless a row says otherwise."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.apiserver.negotiation import (
    DISCOVERY_TRANSFORMS,
    OBJECT_TRANSFORMS,
    check_accept,
    decode_body,
    encode,
    encode_json,
    negotiate,
    parse_json,
    wants_aggregated_discovery,
    wants_metadata,
    wants_pretty,
    wants_table,
    warning_header,
)
from labkit.kube.status import BadRequest, NotAcceptable, UnsupportedMediaType

JSON, YAML, PROTOBUF = "application/json", "application/yaml", "application/vnd.kubernetes.protobuf"
ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "x"}}
TEXT = json.dumps(ACCOUNT).encode()
TYPE_META = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
KUBECTL_GET = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json"
METADATA = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"


@pytest.mark.parametrize(
    ("body", "content_type", "expected"),
    [
        pytest.param(TEXT, JSON, ACCOUNT, id="json"),
        pytest.param(TEXT, "", ACCOUNT, id="no-content-type"),
        pytest.param(TEXT, "application/json; charset=utf-8", ACCOUNT, id="charset"),
        pytest.param(b"null", JSON, {}, id="null-is-empty"),
        pytest.param(b"apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: x}\n", YAML, ACCOUNT, id="yaml"),
        pytest.param(TEXT, YAML, ACCOUNT, id="json-is-yaml"),
        pytest.param(TEXT + b"\n---\n" + b"a: b", YAML, ACCOUNT, id="first-document"),
        pytest.param(b"", YAML, {}, id="empty-yaml"),
        pytest.param(b"{1: a, true: b, x: 2026-11-22}", YAML, {"1": "a", "true": "b", "x": "2026-11-22"}, id="yaml-has-json-types"),
        pytest.param(b"a: &x [1]\nb: *x", YAML, {"a": [1], "b": [1]}, id="alias"),
        pytest.param(b"a: yes\nb: 'yes'\nc: n\nd: Off", YAML, {"a": True, "b": "yes", "c": False, "d": False}, id="yaml-booleans"),
        pytest.param(
            b"list: [0400, 0x10, 1e3, .5, 22:22, ~, 1_0, -7]",
            YAML,
            {"list": [256, 16, 1000.0, 0.5, "22:22", None, 10, -7]},
            id="yaml-numbers",
        ),
        pytest.param(b"a: &a {x: 1, y: 2}\nb: {<<: *a, x: 3}", YAML, {"a": {"x": 1, "true": 2}, "b": {"x": 3, "true": 2}}, id="yaml-merge"),
    ],
)
def test_bodies(body: bytes, content_type: str, expected: Any) -> None:
    assert decode_body(body, content_type) == expected


UNRECOGNIZED = "the object provided is unrecognized (must be of type ServiceAccount): "
NO_KIND = f"{UNRECOGNIZED}couldn't get version/kind; json parse error: "
HANDLED = "cannot be handled as a ServiceAccount: "


@pytest.mark.parametrize(
    ("body", "content_type", "message"),
    [
        pytest.param(b'{"a":', JSON, f'{NO_KIND}unexpected end of JSON input ({{"a":)', id="cut-off"),
        pytest.param(b"hello", JSON, f"{NO_KIND}invalid character 'h' looking for beginning of value (68656c6c6f)", id="no-json"),
        pytest.param(b"[]", JSON, f"{NO_KIND}json: cannot unmarshal array into Go value of type {TYPE_META} (5b5d)", id="array"),
        pytest.param(b"", JSON, f"{NO_KIND}unexpected end of JSON input (<empty>)", id="empty"),
        pytest.param(
            b'{"apiVersion":"v1","kind":"ServiceAccount"} x',
            JSON,
            f'{NO_KIND}invalid character \'x\' after top-level value ({{"apiVersion":"v1","kind":"Ser ...)',
            id="more-after-it",
        ),
        pytest.param(
            b'{"kind":1,"apiVersion":"v9"}',
            JSON,
            f'{NO_KIND}json: cannot unmarshal number into Go struct field .kind of type string ({{"kind":1,"apiVersion":"v9"}})',
            id="kind-is-a-number",
        ),
        pytest.param(
            b'{"kind":"ServiceAccount","apiVersion":"a/b/c"}',
            JSON,
            f'{UNRECOGNIZED}unexpected GroupVersion string: a/b/c ({{"kind":"ServiceAccount","apiV ...)',
            id="two-slashes",
        ),
        pytest.param(
            b"hello", YAML, f"{NO_KIND}json: cannot unmarshal string into Go value of type {TYPE_META} (68656c6c6f)", id="yaml-scalar"
        ),
        pytest.param(b"a: [1\nb", YAML, f"{UNRECOGNIZED}yaml: line 2: did not find expected ',' or ']' (613a205b310a62)", id="no-yaml"),
        pytest.param(
            b"hello",
            PROTOBUF,
            f"{UNRECOGNIZED}provided data does not appear to be a protobuf message, expected prefix [107 56 115 0] (68656c6c6f)",
            id="no-protobuf",
        ),
        pytest.param(b"", PROTOBUF, f"{UNRECOGNIZED}empty data (<empty>)", id="empty-protobuf"),
        pytest.param(b"k8s\0\x0a\x20abc", PROTOBUF, f"{UNRECOGNIZED}unexpected EOF (6b3873000a20616263)", id="protobuf-cut-off"),
        pytest.param(
            b"k8s\0\x0a\x0a\x0a\x02v1\x12\x04Nope\x12\x00",
            PROTOBUF,
            f'Nope in version "v1" {HANDLED}no kind "Nope" is registered for version "v1" in scheme "pkg/runtime/scheme.go:111"',
            id="unknown-kind",
        ),
        pytest.param(
            b"k8s\0\x0a\x14\x0a\x02v1\x12\x0eServiceAccount\x12\x03\x0a\x20a",
            PROTOBUF,
            f'ServiceAccount in version "v1" {HANDLED}unexpected EOF',
            id="object-cut-off",
        ),
    ],
)
def test_unreadable_bodies(body: bytes, content_type: str, message: str) -> None:
    with pytest.raises(BadRequest) as refused:
        decode_body(body, content_type, "ServiceAccount")
    assert refused.value.message == message


@pytest.mark.parametrize("content_type", ["text/plain", "a b;;", "application/cbor", "application/json-patch+json"])
def test_other_media_types(content_type: str) -> None:
    with pytest.raises(UnsupportedMediaType) as refused:
        decode_body(TEXT, content_type)
    assert refused.value.message == (
        "the body of the request was in an unknown format - accepted media types include: "
        "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    )


# Go's words for what its reader stumbles over.
@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a" 1}', "invalid character '1' after object key"),
        ('{"a":1 2}', "invalid character '2' after object key:value pair"),
        ('{"a":1,}', "invalid character '}' looking for beginning of object key string"),
        ("{a:1}", "invalid character 'a' looking for beginning of object key string"),
        ('{"a":"b', "unexpected end of JSON input"),
        ("NaN", "invalid character 'N' looking for beginning of value"),
        ("-Infinity", "invalid character 'I' looking for beginning of value"),
        ("[" * 100_000, "json: exceeded max depth"),
        ('{"a":1e400}', "json: cannot unmarshal number 1e400 into Go value of type float64"),
    ],
    ids=["colon", "comma", "trailing-comma", "no-quotes", "open-string", "nan", "infinity", "deep", "too-large"],
)
def test_json_errors(text: str, message: str) -> None:
    with pytest.raises(ValueError) as refused:
        parse_json(text.encode())
    assert str(refused.value) == message


def test_a_yaml_bomb_does_not_go_off() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(BadRequest, match="excessive aliasing"):
        decode_body("\n".join(lines).encode(), YAML)


def test_yaml_that_contains_itself() -> None:
    with pytest.raises(BadRequest):
        decode_body(b"a: &a [*a]", YAML)


@pytest.mark.parametrize(
    ("accept", "table", "metadata"),
    [
        pytest.param(KUBECTL_GET, True, False, id="kubectl-get"),
        pytest.param(METADATA, False, True, id="metadata"),
        pytest.param("application/json", False, False, id="json"),
        pytest.param("", False, False, id="nothing"),
        pytest.param("application/json;as=Table;v=v9;g=meta.k8s.io,application/json", False, False, id="unknown-version"),
        pytest.param("application/json;as=Table;v=v1;g=other,application/json", False, False, id="other-group"),
        pytest.param("application/json,application/json;as=Table;v=v1;g=meta.k8s.io", False, False, id="plain-first"),
        pytest.param("application/json;q=0.5,application/json;as=Table;v=v1;g=meta.k8s.io", True, False, id="quality"),
        pytest.param(
            f"{PROTOBUF};as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1;g=meta.k8s.io", True, False, id="protobuf-first"
        ),
    ],
)
def test_forms(accept: str, table: bool, metadata: bool) -> None:
    assert (wants_table(accept), wants_metadata(accept)) == (table, metadata)


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        ("*/*", JSON),
        ("application/*", JSON),
        (f"{PROTOBUF},{JSON}", JSON),
        (YAML, YAML),
        (f"{YAML};q=0.9,{JSON}", JSON),
        ("text/html,application/xml;q=0.9,*/*;q=0.8", JSON),
        ("application/json;stream=watch", JSON),
    ],
)
def test_media_type(accept: str, media_type: str) -> None:
    assert negotiate(accept, OBJECT_TRANSFORMS).media_type == media_type


@pytest.mark.parametrize(
    "accept", ["text/plain", PROTOBUF, "application/json;as=Table;v=v9;g=meta.k8s.io", "application/json;as=Nope;g=meta.k8s.io;v=v1"]
)
def test_not_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptable, match="only the following media types are accepted"):
        check_accept(accept)


def test_aggregated_discovery() -> None:
    accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    assert wants_aggregated_discovery(accept)
    assert negotiate(accept, DISCOVERY_TRANSFORMS).as_version == "v2"
    assert not wants_aggregated_discovery("application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json")
    assert not wants_aggregated_discovery("text/plain")


@pytest.mark.parametrize(
    ("query", "agent", "pretty"),
    [
        (None, "kubectl/v1.37.2", False),
        (None, "curl/8.5.0", True),
        (None, "Wget/1.21", True),
        ("", "x", True),
        ("1", "x", True),
        ("false", "curl/8", False),
    ],
)
def test_pretty(query: str | None, agent: str, pretty: bool) -> None:
    assert wants_pretty(query, agent) is pretty


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10
)


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.text(), JSON_VALUES))
def test_what_is_written_can_be_read(obj: dict[str, Any]) -> None:
    for pretty in (False, True):
        text = encode_json(obj, pretty=pretty)
        assert parse_json(text) == obj
        assert not set(b"<>&") & set(text)
    body, media_type = encode(obj, YAML)
    assert media_type == YAML
    assert yaml.safe_load(body) == obj


@given(st.text())
def test_a_warning_stays_one_header(text: str) -> None:
    value = warning_header(text)
    assert value.startswith('299 - "')
    assert value.endswith('"')
    assert value.isprintable()
    inside = value[7:-1].replace("\\\\", "").replace('\\"', "")
    assert '"' not in inside
    assert "\\" not in inside
