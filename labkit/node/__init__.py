"""The node: a scheduler, a kubelet's part, and the small shell that stands in for containers.

Rules only; the files that Pods see are written by a `VolumeHost` (see `labkit.machinery.volume_host`).
"""

from labkit.node.agent import NodeAgent
from labkit.node.facts import NodeFacts
from labkit.node.volumes import VolumeHost

__all__ = ["NodeAgent", "NodeFacts", "VolumeHost"]
