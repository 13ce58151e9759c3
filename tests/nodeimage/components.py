"""Which Go commands there are to build, in the order in which they are wanted.

First the ones that are of use by themselves: kubectl and a control plane that runs as plain processes is the quickest
real reference for tests, long before there is an image.
"""

from __future__ import annotations

from tests.nodeimage import versions
from tests.nodeimage.go_build import LOCKS, GoBuild
from tests.nodeimage.versions import Kubernetes

_VERSION_PACKAGES = ("k8s.io/component-base/version", "k8s.io/client-go/pkg/version")


def reference(kubernetes: Kubernetes) -> GoBuild:
    """kubectl, and what answers it without a node."""
    return _kubernetes(kubernetes, "kubectl", "kube-apiserver", "kube-controller-manager")


def node(kubernetes: Kubernetes) -> GoBuild:
    """The rest of a cluster."""
    return _kubernetes(kubernetes, "kubelet", "kubeadm", "kube-proxy", "kube-scheduler")


def kubectl(kubernetes: Kubernetes) -> GoBuild:
    """kubectl alone: all that the ordinary node image lacks."""
    return _kubernetes(kubernetes, "kubectl")


def etcd() -> GoBuild:
    """The API server's store."""
    return _locked("etcd", versions.ETCD, ("etcd", "go.etcd.io/etcd/server/v3"))


def kind() -> GoBuild:
    """The command that makes a cluster of a node image."""
    return _locked("kind", versions.KIND, ("kind", "sigs.k8s.io/kind"))


def containerd() -> GoBuild:
    """The node's container runtime; Debian's is older than the kubelet accepts."""
    module = "github.com/containerd/containerd/v2"
    names = ("containerd", "containerd-shim-runc-v2", "ctr")
    version = (f"{module}/version.Version", f"v{versions.CONTAINERD}")
    return _locked("containerd", versions.CONTAINERD, *((name, f"{module}/cmd/{name}") for name in names), symbols=(version,))


def coredns() -> GoBuild:
    """The cluster's DNS, with the plugins that go/coredns-*/main.go chooses."""
    return _locked("coredns", versions.COREDNS, ("coredns", "."))


def hold() -> GoBuild:
    """The first process of our Pods; no dependencies, so there is nothing to lock."""
    return GoBuild("hold", LOCKS / "hold", (("hold", "."),))


def _kubernetes(kubernetes: Kubernetes, *names: str) -> GoBuild:
    """Commands of k8s.io/kubernetes which report the release that they were built from.

    gitTreeState "archive" is upstream's own word for a build from a source archive, outside a git work tree.
    """
    values = {
        "gitVersion": kubernetes.tag,
        "gitMajor": str(kubernetes.major),
        "gitMinor": str(kubernetes.minor),
        "gitCommit": "",
        "gitTreeState": "archive",
    }
    return GoBuild(
        f"Kubernetes {kubernetes}: {' '.join(names)}",
        LOCKS / f"kubernetes-{kubernetes}",
        tuple((name, f"k8s.io/kubernetes/cmd/{name}") for name in names),
        tuple((f"{package}.{name}", value) for package in _VERSION_PACKAGES for name, value in values.items()),
    )


def _locked(name: str, version: str, *commands: tuple[str, str], symbols: tuple[tuple[str, str], ...] = ()) -> GoBuild:
    return GoBuild(f"{name} {version}", LOCKS / f"{name}-{version}", commands, symbols)
