"""How a controller introduces itself: what it watches, which keys that gives, and the rule that makes one key right.

Upstream's shape: informer, key, rate-limited queue, sync. The machinery runs it; tests call `sync` directly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from labkit.kube.calls import Rule
from labkit.kube.objects import Obj
from labkit.kube.scope import Scope

EventType = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class Event:
    """A change that an informer saw. `old` is what its cache held before, if anything; after a re-list a vanished object is DELETED."""

    type: EventType
    obj: Obj
    old: Obj | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """A watched resource (`pods`, `leases.coordination.k8s.io`), and the queue keys that each of its events gives."""

    resource: str
    keys: Callable[[Event], Iterable[str]]
    field_selector: str = ""


@dataclass(frozen=True, slots=True)
class Controller:
    """A controller: its upstream name, the user it acts as, its sources, and `sync`.

    `sync` makes one key right. It returns None, or the seconds after which it wants to see the key again (a timer).
    An error puts the key back, later each time, at most `max_retries` times (None: for ever).
    """

    name: str
    user: str
    sources: tuple[Source, ...]
    sync: Callable[[str, Scope], Rule[float | None]]
    groups: tuple[str, ...] = ()
    max_retries: int | None = None
    reads: tuple[str, ...] = field(default=())  # resources that sync reads from cache, beyond its sources
    watches_as: str = ""  # the user of its informers, where upstream shares them: system:kube-controller-manager. Empty: `user`
    initial: tuple[str, ...] = ()  # keys that are there from the start, before any event: a node that has to register itself
