"""thin"""

from __future__ import annotations

from labkit.kube.objects import Obj
from labkit.kube.status import FieldError


def validate_pod(pod: Obj) -> list[FieldError]:
    """thin"""
    return []


def validate_pod_update(pod: Obj, old: Obj) -> list[FieldError]:
    """thin"""
    return []


def validate_status_update(pod: Obj, old: Obj) -> list[FieldError]:
    """thin"""
    return []


def validate_ephemeral_update(pod: Obj, old: Obj) -> list[FieldError]:
    """thin"""
    return []
