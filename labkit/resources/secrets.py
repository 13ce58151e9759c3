"""Secrets: types and what each asks for, data keys, immutability (VAL-5, VAL-6; ValidateSecret, ValidateSecretUpdate)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence

from labkit.kube import names
from labkit.kube.objects import Obj, annotations_of
from labkit.kube.scope import Scope
from labkit.kube.status import FieldError, field_forbidden, field_invalid, field_required, field_too_long
from labkit.resources.indexes import ACCOUNT_NAME_ANNOTATION, TOKEN_SECRET_TYPE
from labkit.resources.kinds import Strategy
from labkit.resources.metadata import IMMUTABLE

OPAQUE = "Opaque"
SIZE_LIMIT = 1024 * 1024
IMMUTABLE_OBJECT = "field is immutable when `immutable` is set"
REDACTED = "<secret contents redacted>"


class SecretStrategy(Strategy):
    """Secrets, whose text form `stringData` exists only on the way in."""

    def default(self, obj: Obj) -> None:
        """Move `stringData` into `data`, where it wins, and make the type Opaque where there is none (VAL-15)."""
        if (texts := obj.pop("stringData", None)) is not None:
            encoded = {key: base64.b64encode((text or "").encode()).decode() for key, text in texts.items()}
            if encoded:
                obj["data"] = {**(obj.get("data") or {}), **encoded}
        drop_empty(obj, ("data",))
        obj["type"] = obj.get("type") or OPAQUE

    def prepare_for_update(self, obj: Obj, old: Obj, scope: Scope, subresource: str = "") -> None:
        """Keep the type where an update has none; over HTTP defaulting is quicker and makes it Opaque (VAL-6, corrections 2)."""
        obj["type"] = obj.get("type") or old.get("type", OPAQUE)

    def validate(self, obj: Obj) -> list[FieldError]:
        """Keys, size, and what the type asks for (VAL-5)."""
        data: Mapping[str, str | None] = obj.get("data") or {}
        errors = [field_invalid(f"data[{key}]", key, text) for key in sorted(data) for text in names.is_data_key(key)]
        if sum(decoded_size(value) for value in data.values()) > SIZE_LIMIT:
            errors.append(field_too_long("data", SIZE_LIMIT))
        check = _BY_TYPE.get(obj.get("type", ""))
        return errors + check(obj, data) if check else errors

    def validate_update(self, obj: Obj, old: Obj, subresource: str = "") -> list[FieldError]:
        """The type never changes, an immutable Secret's data neither (VAL-6)."""
        errors: list[FieldError] = []
        if obj.get("type") != old.get("type"):
            errors.append(field_invalid("type", obj.get("type", ""), IMMUTABLE))
        if old.get("immutable"):
            errors += frozen(obj, old, ("data",))
        return errors + self.validate(obj)

    def selectable_fields(self, obj: Obj) -> dict[str, str]:
        """`type`."""
        return {"type": obj.get("type", "")}


def frozen(obj: Obj, old: Obj, fields: Sequence[str]) -> list[FieldError]:
    """What an update of an object with `immutable: true` may not do: change `fields`, or stop being immutable."""
    errors = [] if obj.get("immutable") else [field_forbidden("immutable", IMMUTABLE_OBJECT)]
    return errors + [field_forbidden(field, IMMUTABLE_OBJECT) for field in fields if (obj.get(field) or {}) != (old.get(field) or {})]


def drop_empty(obj: Obj, fields: Sequence[str]) -> None:
    """Remove maps that hold nothing: they are not written."""
    for field in fields:
        if field in obj and not obj[field]:
            del obj[field]


def decoded_size(value: str | None) -> int:
    """How many bytes a base64 text stands for."""
    text = (value or "").strip()
    return len(text) // 4 * 3 - text.count("=")


def _needs_account_name(secret: Obj, data: Mapping[str, str | None]) -> list[FieldError]:  # noqa: ARG001
    if annotations_of(secret).get(ACCOUNT_NAME_ANNOTATION):
        return []
    return [field_required(f"metadata.annotations[{ACCOUNT_NAME_ANNOTATION}]")]


_PLACES = {
    "Expecting property name enclosed in double quotes": "looking for beginning of object key string",
    "Expecting ':' delimiter": "after object key",
    "Expecting ',' delimiter": "after object key:value pair",
    "Extra data": "after top-level value",
}


def _needs_json(key: str) -> Callable[[Obj, Mapping[str, str | None]], list[FieldError]]:
    def check(secret: Obj, data: Mapping[str, str | None]) -> list[FieldError]:  # noqa: ARG001
        if key not in data:
            return [field_required(f"data[{key}]")]
        try:
            content = json.loads(base64.b64decode(data[key] or ""))
        except (ValueError, binascii.Error) as error:
            return [field_invalid(f"data[{key}]", REDACTED, _go_json_error(base64.b64decode(data[key] or ""), error))]
        if isinstance(content, dict) or content is None:
            return []
        kind = {list: "array", str: "string", bool: "bool"}.get(type(content), "number")
        return [field_invalid(f"data[{key}]", REDACTED, f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}")]

    return check


def _go_json_error(content: bytes, error: ValueError) -> str:
    if not content.strip():
        return "unexpected end of JSON input"
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    if error.pos >= len(error.doc):
        return "unexpected end of JSON input"
    return f"invalid character {error.doc[error.pos]!r} {_PLACES.get(error.msg, 'looking for beginning of value')}"


def _needs_one_of(*keys: str) -> Callable[[Obj, Mapping[str, str | None]], list[FieldError]]:
    def check(secret: Obj, data: Mapping[str, str | None]) -> list[FieldError]:  # noqa: ARG001
        return [] if any(key in data for key in keys) else [field_required(f"data[{key}]") for key in keys]

    return check


def _needs_all_of(*keys: str) -> Callable[[Obj, Mapping[str, str | None]], list[FieldError]]:
    def check(secret: Obj, data: Mapping[str, str | None]) -> list[FieldError]:  # noqa: ARG001
        return [field_required(f"data[{key}]") for key in keys if key not in data]

    return check


def _needs_ssh_key(secret: Obj, data: Mapping[str, str | None]) -> list[FieldError]:  # noqa: ARG001
    return [] if data.get("ssh-privatekey") else [field_required("data[ssh-privatekey]")]


_BY_TYPE: Mapping[str, Callable[[Obj, Mapping[str, str | None]], list[FieldError]]] = {
    TOKEN_SECRET_TYPE: _needs_account_name,
    "kubernetes.io/dockercfg": _needs_json(".dockercfg"),
    "kubernetes.io/dockerconfigjson": _needs_json(".dockerconfigjson"),
    "kubernetes.io/basic-auth": _needs_one_of("username", "password"),
    "kubernetes.io/ssh-auth": _needs_ssh_key,
    "kubernetes.io/tls": _needs_all_of("tls.crt", "tls.key"),
}

STRATEGY = SecretStrategy()
