"""ConfigMaps: keys, size, immutability (ValidateConfigMap, ValidateConfigMapUpdate)."""

from __future__ import annotations

from collections.abc import Mapping

from labkit.kube import names
from labkit.kube.objects import Obj
from labkit.kube.status import FieldError, field_invalid, field_too_long
from labkit.resources.kinds import Strategy
from labkit.resources.secrets import SIZE_LIMIT, decoded_size, drop_empty, frozen


class ConfigMapStrategy(Strategy):
    """ConfigMaps, with texts in `data` and bytes in `binaryData`."""

    def default(self, obj: Obj) -> None:
        """Nothing but leaving out what is empty."""
        drop_empty(obj, ("data", "binaryData"))

    def validate(self, obj: Obj) -> list[FieldError]:
        """Keys are file names and occur once; all values together stay within 1 MiB."""
        texts: Mapping[str, str] = obj.get("data") or {}
        binary: Mapping[str, str] = obj.get("binaryData") or {}
        errors: list[FieldError] = []
        for key in sorted(texts):
            errors += [field_invalid(f"data[{key}]", key, text) for text in names.is_data_key(key)]
            if key in binary:
                errors.append(field_invalid(f"data[{key}]", key, "duplicate of key present in binaryData"))
        for key in sorted(binary):
            errors += [field_invalid(f"binaryData[{key}]", key, text) for text in names.is_data_key(key)]
        size = sum(len((value or "").encode()) for value in texts.values()) + sum(decoded_size(value) for value in binary.values())
        return [*errors, field_too_long("", SIZE_LIMIT)] if size > SIZE_LIMIT else errors

    def validate_update(self, obj: Obj, old: Obj, subresource: str = "") -> list[FieldError]:
        """An immutable ConfigMap keeps its data."""
        errors = frozen(obj, old, ("data", "binaryData")) if old.get("immutable") else []
        return errors + self.validate(obj)


STRATEGY = ConfigMapStrategy()
