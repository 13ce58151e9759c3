"""The protobuf wire format: varints, and a message as a row of numbered fields. What the fields mean is `protobuf`'s business."""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_MASK64 = (1 << 64) - 1


class WireError(ValueError):
    """Bytes that are no message. The text is the one that upstream's generated readers have."""


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The unsigned number at `at`, and where the next thing begins.

    Raises:
        WireError: the data end within the number, or it is longer than 64 bits.
    """
    value = shift = 0
    while True:
        if at >= len(data):
            raise WireError("unexpected EOF")
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & _MASK64, at
        shift += 7
        if shift >= 64:
            raise WireError("proto: integer overflow")


def write_varint(value: int) -> bytes:
    """The number as a varint; a negative one as its 64-bit two's complement."""
    value &= _MASK64
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value: int, bits: int) -> int:
    """The low `bits` of a number, read as a signed one."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


def read_fields(data: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """The fields of a message as they come: number, wire type, value (a number, or the bytes of a longer one).

    Raises:
        WireError: the data are cut off, or hold something that no field can be.
    """
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        number, wire = tag >> 3, tag & 7
        if number == 0 or number > (1 << 29) - 1:
            raise WireError(f"proto: illegal tag {number} (wire type {wire})")
        if wire == VARINT:
            value, at = read_varint(data, at)
            yield number, wire, value
            continue
        if wire == BYTES:
            length, at = read_varint(data, at)
        elif wire in (FIXED64, FIXED32):
            length = 8 if wire == FIXED64 else 4
        else:
            raise WireError(f"proto: illegal wireType {wire}")
        if at + length > len(data):
            raise WireError("unexpected EOF")
        yield number, wire, data[at : at + length]
        at += length


def write_field(number: int, value: int | bytes) -> bytes:
    """A field: a number as a varint, bytes with their length."""
    if isinstance(value, int):
        return write_varint(number << 3 | VARINT) + write_varint(value)
    return write_varint(number << 3 | BYTES) + write_varint(len(value)) + value


__all__ = ["BYTES", "FIXED32", "FIXED64", "VARINT", "WireError", "read_fields", "read_varint", "signed", "write_field", "write_varint"]
