"""The image of the lessons' Pods: a shell, what reads files and names, curl, and a first process that stops when told to.

Its entrypoint is `hold`, so a Pod that names no command runs until it is deleted, and is then gone in a second. A Pod
that names `sleep infinity` gets busybox's, which as first process does not hear SIGTERM.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.nodeimage import components, debian, docker, image_archive, versions
from tests.nodeimage.cache import Cache, digest
from tests.nodeimage.elf import with_libraries
from tests.nodeimage.go_build import LOCKS, architecture, build
from tests.nodeimage.image_archive import Image
from tests.nodeimage.steps import Steps

FOLDER = Path(__file__).parent / "tools"
TITLE = f"image {versions.TOOLS_IMAGE}"
PROGRAMS = ("/usr/bin/curl", "/usr/bin/getent")


def from_packages(cache: Cache, steps: Steps) -> None:
    """Have the image in Docker, made from Debian's packages and kept as an archive in the cache."""
    key = digest(FOLDER / "etc", components.hold().key(), debian.key(), Path(__file__), Path(image_archive.__file__))
    if docker.key_of(versions.TOOLS_IMAGE) == key:
        steps.cached(TITLE)
        return
    archive = cache.path("tools-image", key) / "image.tar"
    with cache.lock(f"tools-image/{key}"):
        if not archive.is_file():
            hold = build(components.hold(), cache, steps) / "hold"
            root = debian.root(cache, steps)
            with steps.step(f"{TITLE}: write"), cache.making("tools-image", key) as folder:
                image_archive.write([_image(root, hold, key)], architecture(), folder / archive.name)
    with steps.step(f"{TITLE}: load into Docker"):
        docker.load(archive, steps)


def from_registry(steps: Steps) -> None:
    """Have the image in Docker, built from its Dockerfile."""
    key = digest(FOLDER, LOCKS / "hold")
    if docker.key_of(versions.TOOLS_IMAGE) == key:
        steps.cached(TITLE)
        return
    with steps.step(f"{TITLE}: docker build"), tempfile.TemporaryDirectory() as context:
        shutil.copytree(FOLDER, context, dirs_exist_ok=True)
        shutil.copytree(LOCKS / "hold", Path(context) / "hold")
        docker.build(Path(context), versions.TOOLS_IMAGE, key, steps)


def _image(root: Path, hold: Path, key: str) -> Image:
    files: dict[str, Path | bytes] = {"/bin/hold": hold, "/bin/busybox": root / "bin/busybox"}
    files |= with_libraries(root, PROGRAMS)
    files |= {f"/etc/{file.name}": file.read_bytes() for file in (FOLDER / "etc").iterdir()}
    applets = subprocess.run([root / "bin/busybox", "--list"], capture_output=True, text=True, check=True).stdout.split()
    links = {f"/bin/{applet}": "busybox" for applet in applets if f"/bin/{applet}" not in files}
    return Image(versions.TOOLS_IMAGE, files, links, ("/bin/hold",), {docker.KEY_LABEL: key})
