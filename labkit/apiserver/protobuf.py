"""Kubernetes objects in protobuf: kubectl sends them for `create sa`, `create token`, `auth can-i` and others.

The body is `k8s\\0` and a runtime.Unknown, which names the kind and carries the object as bytes. What a decoded object looks like is what
the same client would have sent as JSON: field names, RFC 3339 times, base64, quantities as text; nulls are left out. The field tables come
from upstream's types (`data/messages.json`, made by `data/take.py`); fields that they do not name are skipped, as upstream skips them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from labkit.apiserver.data import load
from labkit.apiserver.wire_format import BYTES, VARINT, WireError, read_fields, read_varint, write_field
from labkit.apiserver.wire_values import READERS, WRITERS, bytes_of, text_of
from labkit.kube.objects import Obj

MEDIA_TYPE = "application/vnd.kubernetes.protobuf"
MAGIC = b"k8s\x00"
_ZERO: Mapping[str, Any] = {"string": "", "bool": False, "int32": 0, "int64": 0, "bytes": ""}


class UnknownKindError(LookupError):
    """No field table for this kind."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a message: its JSON name, its number, its type, and when it shows in JSON.

    `mode` is `?` for a pointer (kept whenever it was sent), `-` (left out when zero), `!` (always there), `=` (inlined).
    `shape` is "" for one value, `[]` for a list, `{}` for a map with string keys.
    """

    name: str
    number: int
    mode: str
    shape: str
    kind: str

    @property
    def is_message(self) -> bool:
        """Whether its values are messages with a table of their own."""
        return "." in self.kind


@dataclass(frozen=True, slots=True)
class Message:
    """The fields of a message by number, in order of number."""

    name: str
    fields: Mapping[int, Field]


@dataclass(frozen=True, slots=True)
class Envelope:
    """A body's outer layer: what it says it is, and the object's bytes."""

    api_version: str
    kind: str
    raw: bytes


def open_envelope(body: bytes) -> Envelope:
    """Take the outer layer off.

    Raises:
        WireError: the body does not begin as one, or is cut off.
    """
    if not body:
        raise WireError("empty data")
    if not body.startswith(MAGIC):
        raise WireError("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    api_version = kind = ""
    raw = b""
    for number, wire, value in read_fields(body[len(MAGIC) :]):
        if number in (1, 2):
            if wire != BYTES or not isinstance(value, bytes):
                raise WireError(f"proto: wrong wireType = {wire} for field {'TypeMeta' if number == 1 else 'Raw'}")
            if number == 2:
                raw = value
                continue
            for inner, _, text in read_fields(value):
                if isinstance(text, bytes):
                    api_version, kind = (text_of(text), kind) if inner == 1 else (api_version, text_of(text))
    return Envelope(api_version, kind, raw)


def decode(body: bytes) -> Obj:
    """The object in a body, with its apiVersion and kind.

    Raises:
        WireError: bytes that are no such body.
        UnknownKindError: a kind without a field table.
    """
    envelope = open_envelope(body)
    return decode_object(envelope)


def decode_object(envelope: Envelope) -> Obj:
    """The object in an opened envelope.

    Raises:
        WireError: its bytes are no such object.
        UnknownKindError: a kind without a field table.
    """
    found = _decode(message_of(envelope.api_version, envelope.kind), envelope.raw)
    return {"apiVersion": envelope.api_version, "kind": envelope.kind} | found


def encode(obj: Mapping[str, Any]) -> bytes:
    """The body for an object that has apiVersion and kind, as upstream would send it.

    Raises:
        UnknownKindError: a kind without a field table.
        ValueError, TypeError: a value that does not fit its field.
    """
    api_version, kind = str(obj.get("apiVersion", "")), str(obj.get("kind", ""))
    raw = _encode(message_of(api_version, kind), obj)
    type_meta = write_field(1, api_version.encode()) + write_field(2, kind.encode())
    return MAGIC + write_field(1, type_meta) + write_field(2, raw) + write_field(3, b"") + write_field(4, b"")


def message_of(api_version: str, kind: str) -> Message:
    """The field table of a kind. DeleteOptions exist in every group and are the same everywhere.

    Raises:
        UnknownKindError: there is none.
    """
    group, _, version = api_version.rpartition("/")
    name = f"{group.split('.')[0] or 'core'}.{version}.{kind}"
    if kind == "DeleteOptions":
        name = "meta.v1.DeleteOptions"
    if name not in load("messages.json"):
        raise UnknownKindError(f'no kind "{kind}" is registered for version "{api_version}"')
    return _message(name)


@cache
def _message(name: str) -> Message:
    fields: dict[int, Field] = {}
    for field_name, entry in load("messages.json")[name].items():
        number, mode, kind = entry.split(" ")
        shape = kind[:2] if kind[:2] in ("[]", "{}") else ""
        fields[int(number)] = Field(field_name, int(number), mode, shape, kind[len(shape) :])
    return Message(name, dict(sorted(fields.items())))


def _decode(message: Message, data: bytes) -> Obj:
    found: Obj = {}
    for number, wire, value in read_fields(data):
        field = message.fields.get(number)
        if field is None:
            continue
        if wire != (VARINT if field.kind in ("bool", "int32", "int64") and field.shape != "{}" else BYTES):
            if not (field.shape == "[]" and isinstance(value, bytes)):
                raise WireError(f"proto: wrong wireType = {wire} for field {field.name[:1].upper()}{field.name[1:]}")
            # Numbers in a list may come packed.
            found.setdefault(field.name, []).extend(_packed(field, value))
            continue
        if field.shape == "[]":
            found.setdefault(field.name, []).append(_value(field, value))
        elif field.shape == "{}":
            found.setdefault(field.name, {}).update([_entry(field, value)])
        elif field.mode == "=":
            found.update(_value(field, value))
        else:
            decoded = _value(field, value)
            if decoded is None or (field.mode == "-" and decoded in ("", False, 0)):
                found.pop(field.name, None)
            elif isinstance(decoded, dict) and isinstance(found.get(field.name), dict):
                found[field.name].update(decoded)  # a message that comes in parts is merged
            else:
                found[field.name] = decoded
    return found


def _value(field: Field, value: int | bytes) -> Any:
    if field.is_message and isinstance(value, bytes):
        return _decode(_message(field.kind), value)
    return READERS[field.kind](value)


def _entry(field: Field, value: int | bytes) -> tuple[str, Any]:
    """A map's entry: a message with the key as field 1 and the value as field 2; either may be missing when it is empty."""
    key: str = ""
    found: Any = _ZERO.get(field.kind, {})
    if field.kind.startswith("list:"):
        found = []
    for number, _, part in read_fields(bytes_of(value)):
        if number == 1:
            key = text_of(part)
        elif number == 2:
            found = _value(field, part)
    return key, found


def _packed(field: Field, value: bytes) -> list[Any]:
    found: list[Any] = []
    at = 0
    while at < len(value):
        number, at = read_varint(value, at)
        found.append(READERS[field.kind](number))
    return found


def _encode(message: Message, obj: Mapping[str, Any]) -> bytes:
    out = bytearray()
    for number, field in message.fields.items():
        value = obj if field.mode == "=" else obj.get(field.name)
        if value is None:
            # Upstream's writers always write fields that are no pointers.
            if field.shape or field.mode == "?":
                continue
            value = {} if field.is_message else _ZERO.get(field.kind)
            if value is None:
                out += write_field(number, b"")
                continue
        if field.shape == "[]":
            for item in value:
                out += write_field(number, _written(field, item))
        elif field.shape == "{}":
            for key in sorted(value):
                out += write_field(number, write_field(1, key.encode()) + write_field(2, _written(field, value[key])))
        else:
            out += write_field(number, _written(field, value))
    return bytes(out)


def _written(field: Field, value: Any) -> int | bytes:
    return _encode(_message(field.kind), value) if field.is_message else WRITERS[field.kind](value)


__all__ = [
    "MAGIC",
    "MEDIA_TYPE",
    "Envelope",
    "Field",
    "Message",
    "UnknownKindError",
    "WireError",
    "decode",
    "decode_object",
    "encode",
    "message_of",
    "open_envelope",
]
