"""Options that several commands share, and the forms that upstream's flags take."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from labkit.clusters.info import DEFAULT_NAME
from labkit.clusters.lifecycle import Choice

F = TypeVar("F", bound=Callable[..., Any])
UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
TRUE, FALSE = ("1", "t", "T", "true", "TRUE", "True"), ("0", "f", "F", "false", "FALSE", "False")


def name_option(function: F) -> F:
    """`--name N`."""
    text = "which cluster, where you have several"
    return click.option("--name", default=DEFAULT_NAME, show_default=True, metavar="N", help=text)(function)


def cluster_option(function: F) -> F:
    """`--cluster embedded|kind`, for commands that stop or show one."""
    text = "only a cluster of this kind"
    return click.option("--cluster", type=click.Choice(["embedded", "kind"]), help=text)(function)


def json_option(function: F) -> F:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="print JSON")(function)


def chosen_cluster() -> Choice | None:
    """What LABKIT_CLUSTER says."""
    return Choice.from_environment() if os.environ.get("LABKIT_CLUSTER") else None


def duration(text: str) -> float:
    """A duration as Go writes it (`90s`, `1h30m`), in seconds."""
    parts = re.findall(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)", text)
    if text == "0":
        return 0.0
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise click.BadParameter(f'time: invalid duration "{text}"; write it like 90s, 10m or 1h30m')
    return sum(float(number) * UNITS[unit] for number, unit in parts)


def feature_gates(text: str) -> dict[str, bool]:
    """`Name=true,Other=false`, as gates by name."""
    gates: dict[str, bool] = {}
    for part in words(text):
        name, equals, value = part.partition("=")
        if not equals:
            raise click.BadParameter(f"missing bool value for {name}; write {name}=true or {name}=false")
        gates[name.strip()] = switch(value.strip())
    return gates


def words(text: str) -> tuple[str, ...]:
    """`one,two`."""
    return tuple(filter(None, (word.strip() for word in text.split(","))))


def switch(text: str) -> bool:
    """A boolean as Go's flags have it."""
    if text not in TRUE + FALSE:
        raise click.BadParameter(f"{text!r} is neither true nor false")
    return text in TRUE
