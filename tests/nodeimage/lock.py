"""Writing the go.mod and go.sum of a version: for the person who moves to another one.

`go mod tidy` chooses the modules and notes their hashes; from then on a build takes those and nothing else. Commit the
result.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tests.nodeimage import versions
from tests.nodeimage.components import containerd, etcd, kind, node, reference
from tests.nodeimage.go_build import ENVIRONMENT, GoBuild
from tests.nodeimage.steps import Steps
from tests.nodeimage.versions import Kubernetes


@dataclass(frozen=True)
class Module:
    """A module to lock, and the builds that take commands from it."""

    path: str
    version: str
    builds: tuple[GoBuild, ...]

    @property
    def folder(self) -> Path:
        """Where the lock is."""
        return self.builds[0].folder


def modules(kubernetes: Kubernetes) -> list[Module]:
    """All but CoreDNS, whose folder is a program of ours with an ordinary go.mod."""
    return [
        Module("k8s.io/kubernetes", kubernetes.tag, (reference(kubernetes), node(kubernetes))),
        Module("go.etcd.io/etcd/server/v3", f"v{versions.ETCD}", (etcd(),)),
        Module("github.com/containerd/containerd/v2", f"v{versions.CONTAINERD}", (containerd(),)),
        Module("sigs.k8s.io/kind", f"v{versions.KIND}", (kind(),)),
    ]


def lock(kubernetes: Kubernetes, steps: Steps) -> None:
    """Write the locks that are missing."""
    for module in modules(kubernetes):
        title = f"lock {module.folder.name}"
        if (module.folder / "go.sum").is_file():
            steps.cached(title)
            continue
        with steps.step(title):
            _lock(module, steps)


def _lock(module: Module, steps: Steps) -> None:
    module.folder.mkdir(parents=True, exist_ok=True)
    # go wants to be in a module, even to download another one.
    manifest = module.folder / "go.mod"
    header = f"module {versions.IMAGE_HOST}/nodeimage/{module.folder.name.partition('-')[0]}\n"
    manifest.write_text(header)
    try:
        environment = os.environ | ENVIRONMENT
        told = steps.run(*("go", "mod", "download", "-json", f"{module.path}@{module.version}"), cwd=module.folder, env=environment)
        upstream = Path(json.loads(told[told.index("{") :])["GoMod"]).read_text()
        manifest.write_text(header + directives(module, upstream))
        steps.run("go", "mod", "tidy", cwd=module.folder, env=environment)
    except BaseException:
        for name in ("go.mod", "go.sum"):
            (module.folder / name).unlink(missing_ok=True)
        module.folder.rmdir()
        raise


def directives(module: Module, upstream: str) -> str:
    """What our go.mod says beyond its name, from the go.mod that the module has upstream.

    1. Its language version, and its GODEBUG defaults, which apply to main modules only.
    2. The commands as tools, so that `go mod tidy` keeps what they need.
    3. For each sibling that upstream takes from its own tree ("=> ./staging/src/…"), the release that was cut from it.
    """
    lines = re.findall(r"^(?:go|godebug) .*$", upstream, re.MULTILINE)
    lines += [f"tool {package}" for build in module.builds for _, package in build.commands]
    lines += [f"require {module.path} {module.version}"]
    siblings = re.findall(r"^\s*(?:replace )?(\S+) => \./staging/", upstream, re.MULTILINE)
    if siblings:
        staging = Kubernetes.parse(module.version).staging
        lines += [f"replace {sibling} => {sibling} {staging}" for sibling in siblings]
    return "\n" + "\n".join(lines) + "\n"
