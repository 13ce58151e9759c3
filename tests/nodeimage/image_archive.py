"""Images written as files, without a container engine.

`docker load` and containerd's `ctr images import` both read this format: a tar of one JSON configuration and one layer
for each image, and a manifest that names them. The same content gives the same bytes, whoever writes it and when:
owners are root, times are 0.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Image:
    """An image of one layer."""

    tag: str
    files: Mapping[str, Path | bytes]
    """What is at a path: a file of this machine, or these bytes. Each is executable, as programs and libraries are."""
    links: Mapping[str, str] = field(default_factory=dict)
    entrypoint: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def config(self, architecture: str, layer: str) -> bytes:
        """The image's configuration, in JSON."""
        settings = {"Env": [PATH], "Entrypoint": list(self.entrypoint) or None, "Labels": dict(self.labels) or None}
        content = {
            "architecture": architecture,
            "os": "linux",
            "created": "1970-01-01T00:00:00Z",
            "config": {name: value for name, value in settings.items() if value},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer}"]},
            "history": [{"created": "1970-01-01T00:00:00Z", "created_by": "labkit tests/nodeimage"}],
        }
        return json.dumps(content, sort_keys=True).encode()


def write(images: Sequence[Image], architecture: str, archive: Path) -> None:
    """Write the images into one archive."""
    manifest = []
    with tarfile.open(archive, "w") as tar, TemporaryDirectory(dir=archive.parent) as scratch:
        for image in images:
            layer = Path(scratch) / "layer.tar"
            _layer(image, layer)
            layer_hash = _hash(layer)
            config = image.config(architecture, layer_hash)
            config_name = f"{hashlib.sha256(config).hexdigest()}.json"
            _add(tar, config_name, config)
            _add(tar, f"{layer_hash}/layer.tar", layer)
            layer.unlink()
            manifest.append({"Config": config_name, "RepoTags": [image.tag], "Layers": [f"{layer_hash}/layer.tar"]})
        _add(tar, "manifest.json", json.dumps(manifest).encode())


def _layer(image: Image, file: Path) -> None:
    with tarfile.open(file, "w") as tar:
        folders = {parent for path in [*image.files, *image.links, "/tmp/file"] for parent in PurePosixPath(path).parents}
        for folder in sorted(str(folder).strip("/") for folder in folders):
            if folder:
                entry = _entry(folder, tarfile.DIRTYPE)
                entry.mode = 0o1777 if folder == "tmp" else 0o755
                tar.addfile(entry)
        for path, content in sorted(image.files.items()):
            _add(tar, path.lstrip("/"), content)
        for path, target in sorted(image.links.items()):
            entry = _entry(path.lstrip("/"), tarfile.SYMTYPE)
            entry.linkname = target
            tar.addfile(entry)


def _entry(name: str, kind: bytes) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.type = kind
    entry.mode = 0o755
    return entry


def _add(tar: tarfile.TarFile, name: str, content: Path | bytes) -> None:
    entry = _entry(name, tarfile.REGTYPE)
    if isinstance(content, bytes):
        entry.size = len(content)
        tar.addfile(entry, io.BytesIO(content))
    else:
        entry.size = content.stat().st_size
        with content.open("rb") as data:
            tar.addfile(entry, data)


def _hash(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
