"""The node image: Debian, the Kubernetes commands, and the cluster's images unpacked in its containerd.

Everything happens in a folder, and Docker gets the finished root filesystem as one tar. That tar is the cached result:
a new Docker with an old cache takes it in a minute.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tests.nodeimage import components, control_plane, debian, docker, image_archive, versions
from tests.nodeimage.cache import Cache, digest
from tests.nodeimage.go_build import GoBuild, architecture, build
from tests.nodeimage.steps import Steps
from tests.nodeimage.versions import Kubernetes

HERE = Path(__file__).parent
ROOTFS = HERE / "node" / "rootfs"
IMPORT_IMAGES = HERE / "node" / "build" / "import-images"

PLACES = {
    "kubeadm": "usr/bin",
    "kubectl": "usr/bin",
    "kubelet": "usr/bin",
    "containerd": "usr/local/bin",
    "containerd-shim-runc-v2": "usr/local/bin",
    "ctr": "usr/local/bin",
}
"""Where the node has its commands; kubeadm's unit files and kind name some of them."""

CHANGES = ("ENV container=docker", 'ENTRYPOINT ["/kind/bin/entrypoint"]')
"""The image's configuration: `container` tells systemd where it is."""


def key(kubernetes: Kubernetes) -> str:
    """A hash of all that the image is made from."""
    recipe = [HERE / f"{name}.py" for name in ("node_image", "control_plane", "image_archive", "elf")]
    go = [needed.key() for needed in _needed(kubernetes)]
    return digest(str(kubernetes), HERE / "node", *recipe, *go, debian.key(), versions.PAUSE_IMAGE)


def name(kubernetes: Kubernetes) -> str:
    """The image's reference: the version that is inside, and a key that another content would change."""
    return f"{versions.IMAGE_HOST}/node:{kubernetes.tag}-{key(kubernetes)[:8]}"


def ensure(kubernetes: Kubernetes, cache: Cache, steps: Steps) -> str:
    """Have the image in Docker; its reference."""
    image, wanted = name(kubernetes), key(kubernetes)
    if docker.key_of(image) == wanted:
        steps.cached(f"image {image}")
        return image
    archive = cache.path("node-image", wanted) / "root.tar"
    with cache.lock(f"node-image/{wanted}"):
        if not archive.is_file():
            folders = [build(needed, cache, steps) for needed in _needed(kubernetes)]
            binaries = {file.name: file for folder in folders for file in folder.iterdir()}
            debian_root = debian.root(cache, steps)
            with cache.making("node-image", wanted) as folder:
                _make(folder, kubernetes, binaries, debian_root, steps)
        else:
            steps.cached(f"image {image}: root filesystem")
        with steps.step(f"image {image}: import into Docker"):
            docker.import_root(archive, image, (*CHANGES, f"LABEL {docker.KEY_LABEL}={wanted}"), steps)
    return image


def _needed(kubernetes: Kubernetes) -> list[GoBuild]:
    return [
        components.reference(kubernetes),
        components.etcd(),
        components.node(kubernetes),
        components.containerd(),
        components.coredns(),
        components.hold(),
    ]


def _make(folder: Path, kubernetes: Kubernetes, binaries: Mapping[str, Path], debian_root: Path, steps: Steps) -> None:
    root, images = folder / "root", folder / "images.tar"
    with steps.step("node: root filesystem"):
        steps.run("cp", "--archive", debian_root, root)
        for command, place in PLACES.items():
            steps.run("install", "-D", "--mode=0755", binaries[command], root / place / command)
        _overlay(root)
        (root / "kind/version").write_text(kubernetes.tag)
        (root / "etc/kubernetes/manifests").mkdir(parents=True)
        (root / "etc/systemd/journald.conf.d").mkdir(parents=True)
        # The kernel's messages are the whole machine's; in a node's journal they would only confuse.
        (root / "etc/systemd/journald.conf.d/kind.conf").write_text("[Journal]\nReadKMsg=no\n")
        steps.run("chroot", root, "systemctl", "enable", "containerd.service", "kubelet.service")
    with steps.step("node: write the cluster's images"):
        image_archive.write(control_plane.images(kubernetes, binaries, debian_root), architecture(), images)
    with steps.step("node: unpack them into its containerd"):
        # The namespaces make the mounts and the containerd of this step end with it, however it ends.
        steps.run("unshare", "--mount", "--pid", "--fork", "--kill-child", IMPORT_IMAGES, root, images)
        images.unlink()
    with steps.step("node: pack the root filesystem"):
        steps.run("tar", "--create", "--numeric-owner", "--sort=name", "--file", folder / "root.tar", "--directory", root, ".")
        steps.run("rm", "--recursive", "--force", root)


def _overlay(root: Path) -> None:
    """Lay our files over Debian's; what is in a `bin` folder can be run."""
    for source in sorted(ROOTFS.rglob("*")):
        if source.is_file():
            target = root / source.relative_to(ROOTFS)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(source.read_text().replace("@PAUSE_IMAGE@", versions.PAUSE_IMAGE))
            target.chmod(0o755 if source.parent.name == "bin" else 0o644)
            os.utime(target, (0, 0))
