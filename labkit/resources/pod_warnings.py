"""thin"""

from __future__ import annotations

from labkit.kube.objects import Obj


def pod_warnings(pod: Obj) -> list[str]:
    """thin"""
    return []
