"""What a lesson hands in to be created: a dict, a YAML text, or the name of a file in `manifests/`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from labkit.kube.objects import Obj, copy
from labkit.lab.errors import LabError


def load(manifest: Mapping[str, Any] | str | Path) -> list[Obj]:
    """The objects of a manifest, as dicts of the caller's own.

    Raises:
        LabError: the file is not there, or what is in it is no object.
    """
    if isinstance(manifest, Mapping):
        return [copy(dict(manifest))]
    import yaml

    text = _text(manifest)
    try:
        documents = [document for document in yaml.safe_load_all(text) if document is not None]
    except yaml.YAMLError as error:
        raise LabError(f"This manifest is no YAML: {error}") from None
    for document in documents:
        if not isinstance(document, dict) or "kind" not in document:
            raise LabError("A manifest has at least apiVersion, kind and metadata; this one has no kind.")
    if not documents:
        raise LabError("This manifest is empty.")
    return documents


def _text(manifest: str | Path) -> str:
    if isinstance(manifest, str) and "\n" in manifest:
        return manifest
    path = Path(manifest)
    for candidate in (path, Path("manifests") / path):
        if candidate.is_file():
            return candidate.read_text(encoding="utf-8")
    raise LabError(f"There is no manifest {str(manifest)!r} here or in manifests/.")
