"""A small Debian with what a node needs around the Kubernetes commands.

debootstrap fetches and verifies the packages. Their versions are not locked: a stable suite changes by security
updates only, and a class should have those; `/kind/packages.txt` in the image lists what it got.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from tests.nodeimage import machine, versions
from tests.nodeimage.cache import Cache, digest
from tests.nodeimage.errors import NodeImageError
from tests.nodeimage.steps import Steps

PACKAGES = (
    "systemd",
    "systemd-sysv",
    # what containerd and the kubelet call
    "containernetworking-plugins",
    "runc",
    "mount",
    "util-linux",
    "kmod",
    "procps",
    # the Service network
    "conntrack",
    "ethtool",
    "iproute2",
    "iptables",
    "nftables",
    # the lessons' Pod image is made of these; in the node they help whoever looks around
    "busybox-static",
    "curl",
)

UNWANTED = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt", "var/lib/apt/lists", "var/log/bootstrap.log")
"""Never read in a node; a third of the size."""

WANTS = (
    "etc/systemd/system/*.wants/*",
    "lib/systemd/system/multi-user.target.wants/*",
    "lib/systemd/system/local-fs.target.wants/*",
    "lib/systemd/system/basic.target.wants/*",
    "lib/systemd/system/sockets.target.wants/*udev*",
    "lib/systemd/system/sockets.target.wants/*initctl*",
)
"""Units of a machine with devices, log-ins and timers. A node starts containerd and the kubelet, so it is up in a second."""

MASKED = ("systemd-binfmt.service", "systemd-udevd.service", "systemd-tmpfiles-setup.service", "systemd-tmpfiles-clean.timer")
"""What would change the kernel for everybody, or tidy away what Docker mounted before systemd came."""


def key() -> str:
    """A hash of what decides the content, as far as we decide it."""
    return digest(Path(__file__), versions.DEBIAN_SUITE, _architecture())


def root(cache: Cache, steps: Steps) -> Path:
    """The root filesystem, made unless it is there.

    Raises:
        NodeImageError: this is not root on a Debian, which debootstrap needs.
    """
    wanted = key()
    title = f"Debian {versions.DEBIAN_SUITE} with systemd, runc, iptables and CNI plugins"
    with cache.lock(f"debian/{wanted}"):
        if cache.path("debian", wanted).is_dir():
            steps.cached(title)
            return cache.path("debian", wanted) / "root"
        _prepare(steps)
        with steps.step(title), cache.making("debian", wanted) as folder:
            _bootstrap(folder / "root", steps)
            _strip(folder / "root", steps)
    return cache.path("debian", wanted) / "root"


def _architecture() -> str:
    try:
        return subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
    except (FileNotFoundError, subprocess.CalledProcessError):
        raise NodeImageError("This is no Debian: the node image is made with its debootstrap. Any machine can load the result.") from None


def _prepare(steps: Steps) -> None:
    if not machine.is_root():
        raise NodeImageError("Making a root filesystem needs root (debootstrap, chroot, mounts); run this as root.")
    if not shutil.which("debootstrap"):
        environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
        with steps.step("install debootstrap"):
            steps.run("apt-get", "update", env=environment)
            steps.run("apt-get", "install", "--yes", "--no-install-recommends", "debootstrap", env=environment)


def _mirror() -> list[str]:
    """The mirror that this machine's apt is set up to use; none, and so debootstrap's own, where apt has another suite."""
    asked = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [line.split() for line in asked.stdout.splitlines()]
    return [row[1] for row in rows if len(row) == 2 and row[0] == versions.DEBIAN_SUITE][:1]


def _bootstrap(root: Path, steps: Steps) -> None:
    # minbase: what a Debian cannot be without. Recommended packages are not installed by debootstrap.
    include = f"--include={','.join(PACKAGES)}"
    steps.run("debootstrap", "--variant=minbase", include, versions.DEBIAN_SUITE, root, *_mirror())


def _strip(root: Path, steps: Steps) -> None:
    listed = steps.run("chroot", root, "dpkg-query", "--show", "--showformat", "${Package} ${Version}\\n")
    (root / "kind").mkdir()
    (root / "kind/packages.txt").write_text(listed)
    for name in UNWANTED:
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for pattern in WANTS:
        for link in root.glob(pattern):
            link.unlink()
    for unit in MASKED:
        mask = root / "etc/systemd/system" / unit
        mask.unlink(missing_ok=True)
        mask.symlink_to("/dev/null")
    # Docker gives each node its own.
    for name in ("etc/machine-id", "etc/hostname", "etc/resolv.conf"):
        (root / name).unlink(missing_ok=True)
