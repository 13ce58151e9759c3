"""Single values between protobuf and JSON: numbers, bytes, and upstream's types whose JSON is no object (times, quantities, ports)."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from labkit.apiserver.wire_format import WireError, read_fields, signed, write_field
from labkit.kube.clock import parse_time, rfc3339, rfc3339_micro

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def bytes_of(value: int | bytes) -> bytes:
    """The bytes of a field.

    Raises:
        WireError: it is a number.
    """
    if isinstance(value, int):
        raise WireError("proto: wrong wireType = 0")
    return value


def _int(value: int | bytes) -> int:
    if isinstance(value, bytes):
        raise WireError("proto: wrong wireType = 2")
    return value


def text_of(value: int | bytes) -> str:
    """The text in a field of bytes."""
    return bytes_of(value).decode(errors="replace")  # as Go's JSON writes bytes that are no UTF-8


def _read_time(value: int | bytes) -> datetime | None:
    if not value:
        return None
    seconds = nanos = 0
    for number, _, part in read_fields(bytes_of(value)):
        if number == 1:
            seconds = signed(_int(part), 64)
        elif number == 2:
            nanos = signed(_int(part), 32)
    try:
        return _EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError:
        raise WireError(f"Timestamp: seconds out of range: {seconds}") from None


def _write_time(text: str) -> bytes:
    since = parse_time(text) - _EPOCH
    return write_field(1, since.days * 86400 + since.seconds) + write_field(2, since.microseconds * 1000)


def _read_quantity(value: int | bytes) -> str:
    return next((text_of(part) for number, _, part in read_fields(bytes_of(value)) if number == 1), "0")


def _read_int_or_string(value: int | bytes) -> int | str:
    is_text, number, text = False, 0, ""
    for field, _, part in read_fields(bytes_of(value)):
        if field == 1:
            is_text = part == 1
        elif field == 2:
            number = signed(_int(part), 32)
        elif field == 3:
            text = text_of(part)
    return text if is_text else number


def _write_int_or_string(value: int | str) -> bytes:
    is_text = isinstance(value, str)
    number, text = (0, str(value)) if is_text else (int(value), "")
    return write_field(1, int(is_text)) + write_field(2, number) + write_field(3, text.encode())


def _read_json(value: int | bytes) -> Any:
    raw = next((bytes_of(part) for number, _, part in read_fields(bytes_of(value)) if number == 1), b"")
    try:
        return json.loads(raw) if raw else None
    except ValueError as error:
        raise WireError(str(error)) from None


def _read_list(value: int | bytes) -> list[str]:
    return [text_of(part) for number, _, part in read_fields(bytes_of(value)) if number == 1]


def _shown(at: datetime | None, write: Callable[[datetime], str]) -> str | None:
    return None if at is None else write(at)


def _compact(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


READERS: Mapping[str, Callable[[int | bytes], Any]] = {
    "string": text_of,
    "bool": lambda value: bool(_int(value)),
    "int32": lambda value: signed(_int(value), 32),
    "int64": lambda value: signed(_int(value), 64),
    "bytes": lambda value: base64.b64encode(bytes_of(value)).decode(),
    "time": lambda value: _shown(_read_time(value), rfc3339),
    "microtime": lambda value: _shown(_read_time(value), rfc3339_micro),
    "quantity": _read_quantity,
    "intorstring": _read_int_or_string,
    "json": _read_json,
    "list:string": _read_list,
}
WRITERS: Mapping[str, Callable[[Any], int | bytes]] = {
    "string": lambda value: str(value).encode(),
    "bool": int,
    "int32": int,
    "int64": int,
    "bytes": base64.b64decode,
    "time": _write_time,
    "microtime": _write_time,
    "quantity": lambda value: write_field(1, str(value).encode()),
    "intorstring": _write_int_or_string,
    "json": lambda value: write_field(1, _compact(value)),
    "list:string": lambda value: b"".join(write_field(1, str(item).encode()) for item in value),
}


__all__ = ["READERS", "WRITERS", "bytes_of", "text_of"]
