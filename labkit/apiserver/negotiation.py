"""Media types: reading bodies (JSON, YAML, protobuf), and what the Accept header asks for.

Answers are JSON, or YAML where a client asks for that alone; every client that lists protobuf first lists JSON too. Upstream:
apiserver/pkg/endpoints/handlers/negotiation, and rest.go's `transformDecodeError` for the texts of what cannot be read.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from labkit.apiserver import protobuf
from labkit.kube.objects import Obj
from labkit.kube.status import ApiError, BadRequest, NotAcceptable, UnsupportedMediaType

JSON, YAML, PROTOBUF = "application/json", "application/yaml", protobuf.MEDIA_TYPE
READABLE = (JSON, YAML, PROTOBUF)
BODY_LIMIT = 3 * 1024 * 1024
_SHOWN_BYTES = 30
_GO_TYPES = {list: "array", str: "string", bool: "bool", int: "number", float: "number"}
_TYPE_META = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
# The HTML-safe form that Go's encoder writes; these signs occur in strings only.
_HTML_SAFE = {"&": "\\u0026", "<": "\\u003c", ">": "\\u003e", "\u2028": "\\u2028", "\u2029": "\\u2029"}
_ESCAPES = str.maketrans(_HTML_SAFE)
# Clients of people, who get indented JSON without asking.
_PRETTY_AGENTS = ("curl", "Wget", "Mozilla/")


def decode_body(body: bytes, content_type: str, expected: str = "") -> Obj:
    """The object in a request's body, with whatever apiVersion and kind it names. `expected` is the kind that belongs there.

    Raises:
        UnsupportedMediaType: none of the forms that the server reads.
        BadRequest: the body is not what its media type says, or no object.
    """
    media_type = _media_type(content_type)
    if media_type == PROTOBUF:
        return _decode_protobuf(body, expected)
    found: Any
    if media_type == YAML:
        from labkit.apiserver import yaml_bodies  # rare, and slow to import

        try:
            found = yaml_bodies.parse_yaml(body)
        except yaml_bodies.YamlError as error:
            _unrecognized(body, expected, str(error))
    else:
        try:
            found = parse_json(body)
        except ValueError as error:
            _unrecognized(body, expected, f"couldn't get version/kind; json parse error: {error}")
    if found is None:
        return {}
    if not isinstance(found, dict):
        text = f"json: cannot unmarshal {_GO_TYPES[type(found)]} into Go value of type {_TYPE_META}"
        _unrecognized(body, expected, f"couldn't get version/kind; json parse error: {text}")
    for key in ("apiVersion", "kind"):
        value = found.get(key)
        if value is not None and not isinstance(value, str):
            shown = _GO_TYPES.get(type(value), "object")
            text = f"json: cannot unmarshal {shown} into Go struct field .{key} of type string"
            _unrecognized(body, expected, f"couldn't get version/kind; json parse error: {text}")
    if str(found.get("apiVersion", "")).count("/") > 1:
        _unrecognized(body, expected, f"unexpected GroupVersion string: {found['apiVersion']}")
    return found


def parse_json(body: bytes) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: there is none; the message is Go's.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        text = body.decode(errors="replace")  # as Go reads it
    try:
        return json.loads(text, parse_constant=_no_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise ValueError(_go_json_error(error)) from None
    except RecursionError:
        raise ValueError("json: exceeded max depth") from None


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a client accepts: the media type of the answer, and the form that it asks for with `as=`."""

    media_type: str = JSON
    as_kind: str = ""
    as_group: str = ""
    as_version: str = ""
    stream: bool = False


@dataclass(frozen=True, slots=True)
class _Clause:
    media_type: str
    quality: float
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def rank(self) -> tuple[float, int]:
        """Higher is asked for more; an exact type before a range."""
        return (self.quality, 2 - self.media_type.count("*"))


def negotiate(accept: str, transforms: tuple[tuple[str, str], ...] = ()) -> Accepted:
    """What to answer to this Accept header. `transforms` are the (kind, group) pairs that `as=` and `g=` may ask for here.

    Raises:
        NotAcceptable: nothing that the server can write.
    """
    for clause in _clauses(accept):
        media_type = {"*/*": JSON, "application/*": JSON}.get(clause.media_type, clause.media_type)
        if media_type not in (JSON, YAML):
            continue
        kind, group, version = (clause.params.get(name, "") for name in ("as", "g", "v"))
        if kind and ((kind, group) not in transforms or version not in _VERSIONS.get(group, ())):
            continue
        return Accepted(media_type, kind, group if kind else "", version if kind else "", clause.params.get("stream") == "watch")
    raise NotAcceptable("only the following media types are accepted: application/json, application/yaml")


_VERSIONS = {"meta.k8s.io": ("v1", "v1beta1"), "apidiscovery.k8s.io": ("v2",)}
META = "meta.k8s.io"
OBJECT_TRANSFORMS = (("Table", META), ("PartialObjectMetadata", META), ("PartialObjectMetadataList", META))
DISCOVERY_TRANSFORMS = (("APIGroupDiscoveryList", "apidiscovery.k8s.io"),)


def _accepted(accept: str) -> Accepted:
    try:
        return negotiate(accept, OBJECT_TRANSFORMS)
    except NotAcceptable:
        return Accepted()


def check_accept(accept: str) -> None:
    """Refuse a client that takes nothing that the server writes, before anything is done for it.

    Raises:
        NotAcceptable: as it says.
    """
    negotiate(accept, OBJECT_TRANSFORMS)


def wants_table(accept: str) -> bool:
    """Whether the client asks for rows and columns (`as=Table`), as `kubectl get` does."""
    return _accepted(accept).as_kind == "Table"


def wants_metadata(accept: str) -> bool:
    """Whether the client asks for metadata alone (`as=PartialObjectMetadata` or its list)."""
    return _accepted(accept).as_kind.startswith("PartialObjectMetadata")


def wants_aggregated_discovery(accept: str) -> bool:
    """Whether the client takes discovery in one document, as kubectl does since 1.26."""
    try:
        return negotiate(accept, DISCOVERY_TRANSFORMS).as_kind == "APIGroupDiscoveryList"
    except NotAcceptable:
        return False


def encode(body: Obj, accept: str = "", *, pretty: bool = False) -> tuple[bytes, str]:
    """An answer's bytes and their media type: JSON, or YAML where the client takes only that."""
    if _accepted(accept).media_type == YAML:
        from labkit.apiserver import yaml_bodies

        return yaml_bodies.dump_yaml(body), YAML
    return encode_json(body, pretty=pretty), JSON


def encode_json(body: Any, *, pretty: bool = False) -> bytes:
    """JSON as Go writes it: compact with a line end, or indented by two without one; `<`, `>` and `&` escaped."""
    if pretty:
        return json.dumps(body, indent=2, ensure_ascii=False).translate(_ESCAPES).encode(errors="replace")
    return (json.dumps(body, separators=(",", ":"), ensure_ascii=False).translate(_ESCAPES) + "\n").encode(errors="replace")


def wants_pretty(query_value: str | None, user_agent: str) -> bool:
    """Whether JSON is indented: as `?pretty` says, else for curl, wget and browsers."""
    if query_value is not None:
        return query_value not in ("0", "f", "F", "false", "FALSE", "False")
    return user_agent.startswith(_PRETTY_AGENTS)


def warning_header(text: str, agent: str = "-") -> str:
    """The value of a Warning header, `299 - "text"`: quotes and backslashes escaped, control characters made blanks (RFC 7234, 5.5)."""
    clean = "".join(sign if sign.isprintable() else " " for sign in text).replace("\\", "\\\\").replace('"', '\\"')
    return f'299 {agent} "{clean}"'


class RequestEntityTooLarge(ApiError):
    """413: the body is larger than `BODY_LIMIT`."""

    code, reason = 413, "RequestEntityTooLarge"

    def __init__(self) -> None:
        super().__init__(f"Request entity too large: limit is {BODY_LIMIT}")


def _media_type(content_type: str) -> str:
    """The media type of a body; none given means JSON.

    Raises:
        UnsupportedMediaType: none that the server reads.
    """
    media_type = content_type.partition(";")[0].strip().lower() or JSON
    if media_type not in READABLE:
        raise UnsupportedMediaType(
            f"the body of the request was in an unknown format - accepted media types include: {', '.join(READABLE)}",
        )
    return media_type


def _decode_protobuf(body: bytes, expected: str) -> Obj:
    try:
        envelope = protobuf.open_envelope(body)
    except protobuf.WireError as error:
        _unrecognized(body, expected, str(error))
    version = envelope.api_version.rpartition("/")[2]
    handled = f'{envelope.kind} in version "{version}" cannot be handled as a {expected or envelope.kind}'
    try:
        return protobuf.decode_object(envelope)
    except protobuf.UnknownKindError as error:
        raise BadRequest(f'{handled}: {error} in scheme "pkg/runtime/scheme.go:111"') from None
    except (protobuf.WireError, RecursionError) as error:
        raise BadRequest(f"{handled}: {error}") from None


def _unrecognized(body: bytes, expected: str, why: str) -> NoReturn:
    must = f" (must be of type {expected})" if expected else ""
    raise BadRequest(f"the object provided is unrecognized{must}: {why} ({_summary(body)})")


def _summary(body: bytes) -> str:
    """The body's beginning: as text where it looks like JSON, else in hexadecimal."""
    if not body:
        return "<empty>"
    head = body[:_SHOWN_BYTES]
    shown = head.decode(errors="replace") if head.startswith(b"{") else head.hex()
    return shown + (" ..." if len(body) > _SHOWN_BYTES else "")


def _clauses(accept: str) -> list[_Clause]:
    """The header's clauses, the most wanted first. No header accepts everything."""
    found: list[_Clause] = []
    for part in (accept or "*/*").split(","):
        media_type, *raw = (piece.strip() for piece in part.split(";"))
        params = {key.strip(): value.strip().strip('"') for key, _, value in (piece.partition("=") for piece in raw)}
        try:
            quality = float(params.pop("q", "1"))
        except ValueError:
            quality = 1.0
        found.append(_Clause(media_type.lower(), quality, params))
    return sorted(found, key=lambda clause: clause.rank, reverse=True)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"invalid character '{name.lstrip('-')[0]}' looking for beginning of value")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"json: cannot unmarshal number {text} into Go value of type float64")
    return value


_GO_PLACES = {
    "Expecting value": "looking for beginning of value",
    "Extra data": "after top-level value",
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Illegal trailing comma before end of array": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
    "Expecting ',' delimiter": "after object key:value pair",
    "Invalid control character at": "in string literal",
    "Invalid \\escape": "in string escape code",
    "Invalid \\uXXXX escape": "in \\u hexadecimal character escape",
}


def _go_json_error(error: json.JSONDecodeError) -> str:
    at = error.pos
    if "comma" in error.msg:
        at += 1
        at += len(error.doc[at:]) - len(error.doc[at:].lstrip())
    if at >= len(error.doc.rstrip()) or error.msg.startswith("Unterminated"):
        return "unexpected end of JSON input"
    return f"invalid character {_quoted_rune(error.doc[at])} {_GO_PLACES.get(error.msg, 'looking for beginning of value')}"


def _quoted_rune(sign: str) -> str:
    return {"'": "'\\''", "\\": "'\\\\'", "\n": "'\\n'", "\t": "'\\t'", "\r": "'\\r'"}.get(sign, f"'{sign}'")


__all__ = [
    "BODY_LIMIT",
    "JSON",
    "PROTOBUF",
    "YAML",
    "Accepted",
    "RequestEntityTooLarge",
    "check_accept",
    "decode_body",
    "encode",
    "encode_json",
    "negotiate",
    "parse_json",
    "wants_aggregated_discovery",
    "wants_metadata",
    "wants_pretty",
    "wants_table",
    "warning_header",
]
