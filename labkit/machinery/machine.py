"""What this machine is, as a node tells it."""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import uuid

from labkit.node.facts import NodeFacts

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def node_facts(name: str, *, kubelet_version: str, provider_id: str = "") -> NodeFacts:
    """The facts of a node `name` on this machine. Its ids are made up from the node's name: they tell nothing about the machine."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    machine_id = hashlib.sha256(name.encode()).hexdigest()[:32]
    return NodeFacts(
        name,
        kubelet_version=kubelet_version,
        architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()),
        kernel=platform.release(),
        machine_id=machine_id,
        system_uuid=machine_id,
        boot_id=str(uuid.uuid5(uuid.NAMESPACE_DNS, name)),
        cpu=str(os.cpu_count() or 1),
        memory=f"{pages * size // 1024}Ki",
        storage=str(shutil.disk_usage("/").total),
        provider_id=provider_id,
    )
