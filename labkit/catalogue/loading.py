"""Reads the catalogue's data files, each once and only when asked for."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from importlib import resources
from types import MappingProxyType
from typing import Any

from labkit.catalogue.records import (
    Behaviour,
    Command,
    Contradiction,
    Correction,
    Document,
    Flag,
    Manifest,
    Source,
    Status,
    Uncited,
    UncitedState,
    Upstream,
    UpstreamRule,
    Window,
)

# The order of the course's subjects; one file each, named as the ids begin.
AREAS = (
    "identity",
    "sa-controller",
    "kubectl",
    "admission",
    "automount",
    "pull-secrets",
    "token",
    "projected",
    "rootca",
    "rbac",
    "kubeconfig",
    "design",
)

# The rules' letters, in the order in which a request, a controller and a node meet them; one file each.
FAMILIES = (
    "ADM",
    "ERAADM",
    "SAC",
    "TKC",
    "TKL",
    "LEG",
    "SGN",
    "LCL",
    "BCL",
    "OID",
    "AUT",
    "USR",
    "TRV",
    "TRQ",
    "NOD",
    "KTM",
    "PRJ",
    "RCA",
    "RBC",
    "VAL",
    "ERA",
    "CLI",
)


@functools.cache
def documents() -> Mapping[str, Document]:
    """The documents by key."""
    return MappingProxyType({row["key"]: Document(**row) for row in _rows("documents")})


@functools.cache
def behaviours() -> Mapping[str, Behaviour]:
    """All behaviours by id, in the order of the course's subjects."""
    return MappingProxyType({row["id"]: _behaviour(row) for area in AREAS for row in _rows("behaviours", area)})


@functools.cache
def commands() -> tuple[Command, ...]:
    """The commands that the documents print."""
    return tuple(Command(**_shared(row)) for row in _rows("commands"))


@functools.cache
def flags() -> tuple[Flag, ...]:
    """The component flags and gates that the documents name."""
    return tuple(Flag(**_shared(row)) for row in _rows("flags"))


@functools.cache
def manifests() -> Mapping[str, Manifest]:
    """The documents' manifests and dumps by name."""
    return MappingProxyType({row["name"]: Manifest(**_shared(row)) for row in _rows("manifests")})


@functools.cache
def contradictions() -> tuple[Contradiction, ...]:
    """Where the documents disagree."""
    return tuple(Contradiction(**_shared(row)) for row in _rows("contradictions"))


@functools.cache
def rule_family(letters: str) -> Mapping[str, UpstreamRule]:
    """The rules whose ids begin with these letters, such as `ADM`, by id; reads their file alone. Unknown letters have no rules."""
    if letters not in FAMILIES:
        return MappingProxyType({})
    data = _load("rules", letters.lower())
    return MappingProxyType({row["id"]: _rule(row, data["title"], data["read_from"]) for row in data["rules"]})


@functools.cache
def rules() -> Mapping[str, UpstreamRule]:
    """All rules by id."""
    return MappingProxyType({id: rule for letters in FAMILIES for id, rule in rule_family(letters).items()})  # noqa: A001  # its name


@functools.cache
def uncited() -> Mapping[str, Uncited]:
    """The rules that labkit's code names nowhere, and why, by id."""
    reasons = [(Uncited(UncitedState(row["state"]), row["reason"]), row["rules"]) for row in _rows("uncited")]
    return MappingProxyType({id: reason for reason, ids in reasons for id in ids})  # noqa: A001  # its name


def _rule(row: Mapping[str, Any], topic: str, read_from: str) -> UpstreamRule:
    return UpstreamRule(
        id=row["id"],
        title=row["title"],
        statement=row["statement"],
        topic=topic,
        read_from=read_from,
        window=Window(row["since"], row["until"]) if "since" in row else None,
        upstream=tuple(_upstream(text) for text in row.get("upstream", ())),
        corrected=tuple(Correction(**found) for found in row.get("corrected", ())),
    )


def _upstream(text: str) -> Upstream:
    """`pkg/a/b.go:Function`; a file or a function may stand alone."""
    file, _, function = text.partition(":")
    return Upstream(file, function) if "/" in file else Upstream("", file)


def _behaviour(row: Mapping[str, Any]) -> Behaviour:
    return Behaviour(
        id=row["id"],
        statement=row["statement"],
        status=Status(row["status"]),
        window=Window(row["since"], row["until"]),
        sources=_sources(row["sources"]),
        needs=(*row["needs"], *row.get("also_needs", ())),
        demonstrate=row["demonstrate"],
        today=row.get("today", ""),
        note=row.get("note", ""),
    )


def _shared(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of the smaller files: lists become tuples, sources records."""
    found = dict(row)
    if "behaviours" in found:
        found["behaviours"] = tuple(found["behaviours"])
    if "seen_in" in found:
        found["seen_in"] = _sources(found["seen_in"])
    return found


def _sources(texts: Sequence[str]) -> tuple[Source, ...]:
    """`user-guide 39`: a document's key and a line."""
    found = []
    for text in texts:
        key, line = text.split()
        found.append(Source(documents()[key], int(line)))
    return tuple(found)


def _rows(*path: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = _load(*path)
    return rows


def _load(*path: str) -> Any:
    """What a file holds, as YAML has it; the caller knows its form."""
    import yaml

    # libyaml reads the whole catalogue in a tenth of a second, ten times as fast as the loader in Python, which not every build can avoid.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    file = resources.files("labkit.catalogue").joinpath("data", *path[:-1], f"{path[-1]}.yaml")
    return yaml.load(file.read_text("utf-8"), Loader=loader)  # noqa: S506  # both are safe loaders
