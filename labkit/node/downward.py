"""The downward API: what a Pod may know about itself.

Upstream: pkg/fieldpath/fieldpath.go, pkg/api/v1/resource/helpers.go.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from fractions import Fraction

from labkit.kube.objects import Obj, annotations_of, dig, labels_of, name_of, namespace_of, uid_of

_SUBSCRIPT = re.compile(r"(?P<path>[^\[]+)\['(?P<key>.*)'\]")
_QUALIFIED = re.compile(r"(?:[a-z0-9](?:[-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?")
_SUFFIXES: Mapping[str, Fraction] = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 1000),
    "": Fraction(1),
    **{suffix: Fraction(1000**power) for power, suffix in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
    **{suffix: Fraction(1024**power) for power, suffix in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
}


class FieldPathError(Exception):
    """A field that the downward API does not offer."""


def field_value(pod: Obj, path: str) -> str:
    """The value of a Pod's field, as volumes and environment variables show it.

    Raises:
        FieldPathError: no such field, or a key that no label or annotation can have.
    """
    if subscript := _SUBSCRIPT.fullmatch(path):
        return _subscripted(pod, path, subscript["path"], subscript["key"])
    simple: Mapping[str, Callable[[Obj], str]] = {
        "metadata.name": name_of,
        "metadata.namespace": namespace_of,
        "metadata.uid": uid_of,
        "metadata.labels": lambda of: _lines(labels_of(of)),
        "metadata.annotations": lambda of: _lines(annotations_of(of)),
        "spec.nodeName": lambda of: str(dig(of, "spec", "nodeName", default="")),
        "spec.serviceAccountName": lambda of: str(dig(of, "spec", "serviceAccountName", default="")),
        "status.hostIP": lambda of: str(dig(of, "status", "hostIP", default="")),
        "status.podIP": lambda of: str(dig(of, "status", "podIP", default="")),
        "status.hostIPs": lambda of: ",".join(item["ip"] for item in dig(of, "status", "hostIPs", default=[])),
        "status.podIPs": lambda of: ",".join(item["ip"] for item in dig(of, "status", "podIPs", default=[])),
    }
    if path not in simple:
        raise FieldPathError(f"unsupported fieldPath: {path}")
    return simple[path](pod)


def _subscripted(pod: Obj, whole: str, path: str, key: str) -> str:
    if path == "metadata.annotations":
        values, checked = annotations_of(pod), key.lower()
    elif path == "metadata.labels":
        values, checked = labels_of(pod), key
    else:
        raise FieldPathError(f'fieldPath "{whole}" does not support subscript')
    if not _QUALIFIED.fullmatch(checked):
        raise FieldPathError(f"invalid key subscript in {whole}: name part must be non-empty")
    return values.get(key, "")


def _lines(values: Mapping[str, str]) -> str:
    return "\n".join(f"{key}={json.dumps(value, ensure_ascii=False)}" for key, value in sorted(values.items()))


def resource_value(container: Obj, resource: str, divisor: str, allocatable: Mapping[str, str]) -> str:
    """A container's request or limit in units of `divisor`, rounded up. Without a limit it is what the node can give.

    Raises:
        FieldPathError: no such resource.
    """
    side, _, name = resource.partition(".")
    if side not in ("limits", "requests") or not name:
        raise FieldPathError(f"unsupported container resource : {resource}")
    found = dig(container, "resources", side, name)
    if found is None and side == "limits":
        found = allocatable.get(name)
    unit = quantity(divisor or "0") or Fraction(1)
    return str(math.ceil(quantity(str(found or "0")) / unit))


def quantity(text: str) -> Fraction:
    """The number that a quantity such as `250m` or `64Mi` stands for.

    Raises:
        FieldPathError: it is no quantity.
    """
    found = re.fullmatch(r"([+-]?\d+(?:\.\d*)?|[+-]?\.\d+)(?:[eE]([+-]?\d+)|([A-Za-z]*))", text)
    if not found or (found[3] or "") not in _SUFFIXES:
        raise FieldPathError(f"{text!r} is no quantity")
    return Fraction(found[1]) * Fraction(10) ** int(found[2] or 0) * _SUFFIXES[found[3] or ""]
