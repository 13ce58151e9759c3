"""The catalogue: what the documents state, where, in which versions, and how today's Kubernetes differs.

>>> behaviour("sa-controller-default-recreated").window
Window(since='1.0', until=None)
"""

from __future__ import annotations

import difflib

from labkit.catalogue.loading import behaviours, commands, contradictions, documents, flags, manifests
from labkit.catalogue.records import Behaviour, Command, Contradiction, Document, Flag, Manifest, Source, Status, Window

__all__ = [
    "Behaviour",
    "Command",
    "Contradiction",
    "Document",
    "Flag",
    "Manifest",
    "Source",
    "Status",
    "UnknownBehaviour",
    "Window",
    "behaviour",
    "behaviours",
    "commands",
    "contradictions",
    "documents",
    "flags",
    "manifests",
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


def _sharing_words(wanted: str) -> list[str]:
    """The ids with the most words of `wanted`, for a half-remembered one."""
    words = set(wanted.split("-"))
    shared = {known: len(words & set(known.split("-"))) for known in behaviours()}
    return sorted((known for known in shared if shared[known]), key=lambda known: -shared[known])[:3]
