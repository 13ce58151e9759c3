"""The images of the cluster's own Pods: a static binary each, and kube-proxy with the programs that it calls.

Their names are `labkit.local/…` with the version that is inside. kubeadm takes the host and the tags of etcd and
CoreDNS from the kind configuration, so no image has to pretend to be one of registry.k8s.io.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.nodeimage import versions
from tests.nodeimage.elf import with_libraries
from tests.nodeimage.image_archive import Image
from tests.nodeimage.versions import IMAGE_HOST, Kubernetes

PROXY_CALLS = (
    "/usr/sbin/conntrack",
    "/usr/sbin/iptables",
    "/usr/sbin/iptables-save",
    "/usr/sbin/iptables-restore",
    "/usr/sbin/ip6tables",
    "/usr/sbin/ip6tables-save",
    "/usr/sbin/ip6tables-restore",
    "/usr/sbin/nft",
)


def images(kubernetes: Kubernetes, binaries: Mapping[str, Path], root: Path) -> list[Image]:
    """All that kubeadm starts, and pause."""
    kube = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    tag = kubernetes.tag
    return [
        *(Image(f"{IMAGE_HOST}/{name}:{tag}", {f"/usr/local/bin/{name}": binaries[name]}) for name in kube),
        Image(f"{IMAGE_HOST}/kube-proxy:{tag}", {"/usr/local/bin/kube-proxy": binaries["kube-proxy"], **_proxy_calls(root)}),
        Image(f"{IMAGE_HOST}/etcd:{versions.ETCD}", {"/usr/local/bin/etcd": binaries["etcd"]}),
        Image(f"{IMAGE_HOST}/coredns:v{versions.COREDNS}", {"/coredns": binaries["coredns"]}, entrypoint=("/coredns",)),
        Image(versions.PAUSE_IMAGE, {"/pause": binaries["hold"]}, entrypoint=("/pause",)),
    ]


def _proxy_calls(root: Path) -> dict[str, Path]:
    """The programs that kube-proxy calls, and the extensions that iptables loads by name, which ldd does not know of."""
    extensions = [f"/{file.relative_to(root)}" for file in sorted(root.glob("usr/lib/*/xtables/*.so"))]
    return with_libraries(root, [*PROXY_CALLS, *extensions])
