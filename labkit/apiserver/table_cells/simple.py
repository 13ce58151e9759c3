"""Cells of the kinds that show a name, a field or two, and an age."""

from __future__ import annotations

from labkit.apiserver.table_cells.moment import Cell, Moment
from labkit.kube.objects import Obj, dig, meta, name_of

# `kubectl get serviceaccounts` counted an account's Secrets until this version.
SECRETS_COLUMN_UNTIL = "1.35"


def service_account(obj: Obj, at: Moment) -> list[Cell]:
    """Name, the number of Secrets in older versions, age."""
    secrets: list[Cell] = [] if at.era.since(SECRETS_COLUMN_UNTIL) else [len(obj.get("secrets") or ())]
    return [name_of(obj), *secrets, at.age(obj)]


def namespace(obj: Obj, at: Moment) -> list[Cell]:
    """Name, phase, age."""
    return [name_of(obj), dig(obj, "status", "phase", default=""), at.age(obj)]


def secret(obj: Obj, at: Moment) -> list[Cell]:
    """Name, type, the number of keys, age."""
    return [name_of(obj), obj.get("type", ""), len(obj.get("data") or ()), at.age(obj)]


def config_map(obj: Obj, at: Moment) -> list[Cell]:
    """Name, the number of keys of both sorts, age."""
    return [name_of(obj), len(obj.get("data") or ()) + len(obj.get("binaryData") or ()), at.age(obj)]


def lease(obj: Obj, at: Moment) -> list[Cell]:
    """Name, holder, age."""
    return [name_of(obj), dig(obj, "spec", "holderIdentity", default=""), at.age(obj)]


def priority_class(obj: Obj, at: Moment) -> list[Cell]:
    """Name, value, whether it is the default, age, preemption policy."""
    return [name_of(obj), obj.get("value", 0), obj.get("globalDefault", False), at.age(obj), obj.get("preemptionPolicy") or ""]


def created_at(obj: Obj, _at: Moment) -> list[Cell]:
    """Name and time of creation: what upstream shows of kinds without a printer of their own."""
    return [name_of(obj), meta(obj).get("creationTimestamp", "")]
