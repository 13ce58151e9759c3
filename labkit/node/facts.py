"""What a node says about itself: names, addresses, versions, sizes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A node's unchanging part. The defaults are those of a one-node kind cluster; sizes are in Kubernetes quantities.

    Pods run no images here, and `runtime` and `os_image` name what a kind node of this version has, so that lessons print the same.
    """

    name: str
    internal_ip: str = "172.18.0.2"
    pod_cidr: str = "10.244.0.0/24"
    kubelet_version: str = "v1.37.2"
    architecture: str = "amd64"
    os_image: str = "Debian GNU/Linux 12 (bookworm)"
    kernel: str = "6.1.0"
    runtime: str = "containerd://2.4.2"
    machine_id: str = "0" * 32
    system_uuid: str = "00000000-0000-0000-0000-000000000000"
    boot_id: str = "00000000-0000-0000-0000-000000000000"
    cpu: str = "2"
    memory: str = "8000000Ki"
    storage: str = "50000000Ki"
    max_pods: str = "110"
    provider_id: str = ""

    @property
    def resources(self) -> dict[str, str]:
        """What Pods may use, by resource name: capacity and allocatable alike, as on kind."""
        return {
            "cpu": self.cpu,
            "ephemeral-storage": self.storage,
            "hugepages-1Gi": "0",
            "hugepages-2Mi": "0",
            "memory": self.memory,
            "pods": self.max_pods,
        }
