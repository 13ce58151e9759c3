"""The catalogue: what the documents state, where, in which versions, and how today's Kubernetes differs.

Beside it: upstream's rules, which the documents do not state but the sources have, and which labkit's docstrings cite.

>>> behaviour("sa-controller-default-recreated").window
Window(since='1.0', until=None)
>>> rule("ADM-13").title
'Mounting'
"""

from __future__ import annotations

import difflib

from labkit.catalogue.loading import behaviours, commands, contradictions, documents, flags, manifests, rule_family, rules, uncited
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

__all__ = [
    "Behaviour",
    "Command",
    "Contradiction",
    "Correction",
    "Document",
    "Flag",
    "Manifest",
    "Source",
    "Status",
    "Uncited",
    "UncitedState",
    "UnknownBehaviour",
    "UnknownRule",
    "Upstream",
    "UpstreamRule",
    "Window",
    "behaviour",
    "behaviours",
    "commands",
    "contradictions",
    "documents",
    "flags",
    "manifests",
    "rule",
    "rules",
    "uncited",
]


class UnknownBehaviour(LookupError):
    """No behaviour has this id; the message names those that look like it."""

    def __init__(self, wanted: str) -> None:
        close = difflib.get_close_matches(wanted, behaviours(), n=3) or _sharing_words(wanted)
        meant = f" Did you mean {' or '.join(close)}?" if close else " `labkit.catalogue.behaviours()` lists them all."
        super().__init__(f"The catalogue has no behaviour {wanted!r}.{meant}")


def behaviour(id: str) -> Behaviour:  # noqa: A002  # its name in the catalogue
    """The behaviour of this id.

    Raises:
        UnknownBehaviour: there is none; the message names close matches.
    """
    try:
        return behaviours()[id]
    except KeyError:
        raise UnknownBehaviour(id) from None


class UnknownRule(LookupError):
    """No rule has this id; the message names those that look like it."""

    def __init__(self, wanted: str) -> None:
        family = rule_family(wanted.upper().partition("-")[0])
        if wanted.upper() in family:
            meant = f"Did you mean {wanted.upper()}?"
        elif family:
            first, last = next(iter(family.values())), list(family)[-1]
            span = f"There are {first.id} to {last}" if first.id != last else f"There is {last} alone"
            meant = f"{span} ({first.topic})."
        elif close := difflib.get_close_matches(wanted.upper(), rules(), n=3):
            meant = f"Did you mean {' or '.join(close)}?"
        else:
            meant = "`labkit.catalogue.rules()` lists them all."
        super().__init__(f"There is no rule {wanted!r}. {meant}")


def rule(id: str) -> UpstreamRule:  # noqa: A002  # its name in the catalogue
    """The rule of this id, such as `ADM-13`. Reads the rules of its family alone.

    Raises:
        UnknownRule: there is none; the message names close matches.
    """
    try:
        return rule_family(id.partition("-")[0])[id]
    except KeyError:
        raise UnknownRule(id) from None


def _sharing_words(wanted: str) -> list[str]:
    """The ids with the most words of `wanted`, for a half-remembered one."""
    words = set(wanted.split("-"))
    shared = {known: len(words & set(known.split("-"))) for known in behaviours()}
    return sorted((known for known in shared if shared[known]), key=lambda known: -shared[known])[:3]
