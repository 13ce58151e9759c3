"""The kind configuration that the offline node image needs; the ordinary image needs none."""

from __future__ import annotations

from tests.nodeimage import machine, versions
from tests.nodeimage.versions import Kubernetes

_CONFIG = """\
# Written by `python3 -m tests.nodeimage ensure`, for this machine and Kubernetes {kubernetes}.
kind: Cluster
apiVersion: kind.x-k8s.io/v1alpha4
networking:
  # One node: the image has a static network configuration, and needs no kindnet.
  disableDefaultCNI: true
  kubeProxyMode: iptables
nodes:
  - role: control-plane
kubeadmConfigPatches:
  - |
    kind: ClusterConfiguration
    imageRepository: {images}
    dns:
      imageTag: v{coredns}
    etcd:
      local:
        imageTag: "{etcd}"
  - |
    kind: InitConfiguration
    patches:
      # In the image: CoreDNS with a Corefile that forwards to nobody.
      directory: /kind/patches
"""

_KUBELET = """\
  - |
    kind: KubeletConfiguration
"""

_CGROUP_V1 = """\
    # This machine has cgroup v1, which the kubelet refuses from 1.35 on unless told otherwise.
    failCgroupV1: false
"""

_NO_LIMITS = """\
    # This machine lacks CAP_SYS_RESOURCE, so the kubelet may not lower OOM scores: what a user namespace looks like
    # from inside.
    featureGates:
      KubeletInUserNamespace: true
"""


def write(kubernetes: Kubernetes, *, cgroup_v1: bool, may_raise_limits: bool) -> str:
    """The configuration for a machine with these properties."""
    text = _CONFIG.format(kubernetes=kubernetes, images=versions.IMAGE_HOST, coredns=versions.COREDNS, etcd=versions.ETCD)
    if cgroup_v1 or not may_raise_limits:
        text += _KUBELET + _CGROUP_V1 * cgroup_v1 + _NO_LIMITS * (not may_raise_limits)
    return text


def for_this_machine(kubernetes: Kubernetes) -> str:
    """The configuration for the machine that this runs on."""
    return write(kubernetes, cgroup_v1=machine.cgroup_v1(), may_raise_limits=machine.may_raise_limits())
