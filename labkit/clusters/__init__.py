"""Clusters: embedded, kind, or one that is there already. One way to get one, to look at it and to stop it.

Importing this is cheap: kind, kubectl and the server itself are imported when they are needed.
"""

from __future__ import annotations

from labkit.clusters.errors import ClusterError, ClusterGone, StartFailed, UserError, WrongUse
from labkit.clusters.info import DEFAULT_NAME, ClusterInfo, Status
from labkit.clusters.kubectl import kubectl_path
from labkit.clusters.lifecycle import connect_or_start, down, logs, open_cluster, require_alive, running, status, up

__all__ = [
    "DEFAULT_NAME",
    "ClusterError",
    "ClusterGone",
    "ClusterInfo",
    "StartFailed",
    "Status",
    "UserError",
    "WrongUse",
    "connect_or_start",
    "down",
    "kubectl_path",
    "logs",
    "open_cluster",
    "require_alive",
    "running",
    "status",
    "up",
]
