"""Tables: the rows and columns that `kubectl get` asks the server for (`as=Table;v=v1;g=meta.k8s.io`)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from labkit.apiserver.data import load
from labkit.apiserver.table_cells import CELLS, Moment, pods, simple
from labkit.kube.objects import Obj, meta
from labkit.kube.versions import Era
from labkit.resources.kinds import Kind

DEFAULT_COLUMNS = (("Name", "string", "name", 0), ("Created At", "date", "", 0))


def table(kind: Kind, objects: Sequence[Obj], now: datetime, era: Era, *, include_object: str = "Metadata") -> Obj:
    """The Table of `objects`, without its metadata, which the caller takes from what it shows.

    `include_object` says what a row carries of its object: None, Metadata or Object. Ages are those at `now`.
    Descriptions of columns are left empty; kubectl does not show them.
    """
    cells = CELLS.get(kind.resource, simple.created_at)
    at = Moment(now, era)
    rows = []
    for obj in objects:
        row: Obj = {"cells": cells(obj, at)}
        condition = pods.row_condition(obj) if kind.resource == "pods" else None
        if condition is not None:
            row["conditions"] = [condition]
        row["object"] = _included(kind, obj, include_object)
        rows.append(row)
    return {"kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {}, "columnDefinitions": columns(kind, era), "rows": rows}


def columns(kind: Kind, era: Era) -> list[Obj]:
    """The columns of a kind; those with priority 1 show with `-o wide` alone."""
    found: list[tuple[str, str, str, int]] = [tuple(row) for row in load("columns.json").get(kind.resource, DEFAULT_COLUMNS)]
    if kind.resource == "serviceaccounts" and not era.since(simple.SECRETS_COLUMN_UNTIL):
        found.insert(1, ("Secrets", "string", "", 0))
    return [
        {"name": name, "type": shape, "format": detail, "description": "", "priority": priority} for name, shape, detail, priority in found
    ]


def _included(kind: Kind, obj: Obj, include_object: str) -> Any:
    if include_object == "None":
        return None
    if include_object == "Object":
        return {"kind": kind.kind, "apiVersion": kind.api_version} | obj
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": meta(obj)}


__all__ = ["columns", "table"]
