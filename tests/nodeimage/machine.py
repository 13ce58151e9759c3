"""What this machine may do and how it counts: facts that the node's settings depend on."""

from __future__ import annotations

import os
from pathlib import Path

CAP_SYS_RESOURCE = 24


def bounding_capabilities(status: str | None = None) -> int:
    """The bits of the capabilities that a process here can have at all, from the text of /proc/self/status."""
    text = Path("/proc/self/status").read_text() if status is None else status
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name == "CapBnd":
            return int(value, 16)
    return 0


def may_raise_limits() -> bool:
    """Whether CAP_SYS_RESOURCE is held: some machines, virtual ones lent for CI above all, go without it.

    runc then refuses every privileged container, because those ask for all capabilities; and the kubelet and containerd
    must be told that they cannot lower an OOM score.
    """
    return bool(bounding_capabilities() >> CAP_SYS_RESOURCE & 1)


def cgroup_v1() -> bool:
    """Whether cgroups are counted in one hierarchy for each controller, as before v2."""
    return not Path("/sys/fs/cgroup/cgroup.controllers").exists()


def is_root() -> bool:
    """Whether packages can be installed and root filesystems be made."""
    return os.geteuid() == 0
