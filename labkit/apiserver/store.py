"""Where objects live: in memory for reading, in SQLite for keeping.

Writes change memory at once and are committed together a moment later (group commit); nothing is acknowledged and no watcher hears of
a change before it is committed, so a server that is killed has lost nothing that anybody was told. If a commit fails (a full disk),
memory goes back to what the file holds.

Like etcd, one counter numbers all changes; an object's resourceVersion is the number of its last change.
"""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labkit.kube.objects import Obj, meta
from labkit.kube.status import InternalError, already_exists, modified, not_found

Key = tuple[str, str]  # namespace, name
IndexFunction = Callable[[Obj], Iterable[str]]

FORMAT = 1
HISTORY = 20_000  # changes that a watch may still catch up on; older ones answer 410
_HIGHEST = "\U0010ffff"


class StoreError(Exception):
    """The state file cannot be used. The message says which, why, and what to do; the file is left as it is."""


@dataclass(frozen=True, slots=True)
class Change:
    """One committed change: its number, what happened, the object after it, and before it."""

    revision: int
    resource: str
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    obj: Obj
    old: Obj | None


Changes = list[Change]  # named here: inside Store, `list` is a method


class _Collection:
    """The objects of one resource, in key order, with their indexes."""

    def __init__(self, indexes: Mapping[str, IndexFunction]) -> None:
        self.objects: dict[Key, Obj] = {}
        self.order: list[Key] = []
        self.index_functions = indexes
        self.indexes: dict[str, dict[str, set[Key]]] = {name: {} for name in indexes}

    def put(self, key: Key, obj: Obj) -> None:
        old = self.objects.get(key)
        if old is None:
            insort(self.order, key)
        else:
            self._unindex(key, old)
        self.objects[key] = obj
        for name, values_of in self.index_functions.items():
            for value in values_of(obj):
                self.indexes[name].setdefault(value, set()).add(key)

    def drop(self, key: Key) -> None:
        self._unindex(key, self.objects.pop(key))
        del self.order[bisect_left(self.order, key)]

    def _unindex(self, key: Key, obj: Obj) -> None:
        for name, values_of in self.index_functions.items():
            for value in values_of(obj):
                keys = self.indexes[name].get(value)
                if keys is not None:
                    keys.discard(key)
                    if not keys:
                        del self.indexes[name][value]

    def select(self, namespace: str, index: tuple[str, str] | None) -> list[Obj]:
        if index is not None:
            name, value = index
            keys = sorted(self.indexes[name].get(value, ()))
            return [self.objects[key] for key in keys if not namespace or key[0] == namespace]
        if namespace:
            low, high = bisect_left(self.order, (namespace, "")), bisect_left(self.order, (namespace, _HIGHEST))
            return [self.objects[key] for key in self.order[low:high]]
        return [self.objects[key] for key in self.order]


class Store:
    """Objects by resource, namespace and name. Not for several threads: one event loop owns it.

    Args:
        path: the state file, or None to keep everything in memory only.
        indexes_of: the declared indexes of a resource.
    """

    def __init__(self, path: Path | None, indexes_of: Callable[[str], Mapping[str, IndexFunction]]) -> None:
        self._indexes_of = indexes_of
        self._path = path
        self._db = _open(path)
        self._collections: dict[str, _Collection] = {}
        self._pending: list[Change] = []
        self._listeners: list[Callable[[Change], None]] = []
        self._history: deque[Change] = deque(maxlen=HISTORY)
        self.revision = 0
        self._load()
        self._oldest = self.revision  # changes up to this one are no longer told

    # Reading

    def get(self, resource: str, name: str, namespace: str = "") -> Obj:
        """The object, read-only.

        Raises:
            NotFound: there is none.
        """
        found = self._collection(resource).objects.get((namespace, name))
        if found is None:
            raise not_found(resource, name)
        return found

    def list(self, resource: str, namespace: str = "", index: tuple[str, str] | None = None) -> list[Obj]:
        """The objects of a namespace (or of all), or those that an index holds under a value; read-only, in key order."""
        return self._collection(resource).select(namespace, index)

    def count(self, resource: str) -> int:
        """How many objects of a resource there are."""
        return len(self._collection(resource).objects)

    # Writing

    def create(self, resource: str, obj: Obj) -> Obj:
        """Keep a new object; it gets its resourceVersion.

        Raises:
            AlreadyExists: the name is taken.
        """
        key = _key(obj)
        if key in self._collection(resource).objects:
            raise already_exists(resource, key[1])
        return self._write(resource, key, "ADDED", obj, None)

    def update(self, resource: str, obj: Obj) -> Obj:
        """Replace an object whose stored resourceVersion is the one in `obj`, or whatever it is where `obj` has none.

        Raises:
            NotFound: there is none.
            Conflict: the stored object is another version.
        """
        key = _key(obj)
        old = self.get(resource, key[1], key[0])
        wanted = meta(obj).get("resourceVersion")
        if wanted and wanted != meta(old)["resourceVersion"]:
            raise modified(resource, key[1])
        return self._write(resource, key, "MODIFIED", obj, old)

    def delete(self, resource: str, name: str, namespace: str = "") -> Obj:
        """Forget an object; the reply is its last state, with the resourceVersion of its deletion.

        Raises:
            NotFound: there is none.
        """
        old = self.get(resource, name, namespace)
        self.revision += 1
        last = {**old, "metadata": {**meta(old), "resourceVersion": str(self.revision)}}
        self._collection(resource).drop((namespace, name))
        self._pending.append(Change(self.revision, resource, "DELETED", last, old))
        return last

    def _write(self, resource: str, key: Key, change: Literal["ADDED", "MODIFIED"], obj: Obj, old: Obj | None) -> Obj:
        self.revision += 1
        kept = {**obj, "metadata": {**meta(obj), "resourceVersion": str(self.revision)}}
        self._collection(resource).put(key, kept)
        self._pending.append(Change(self.revision, resource, change, kept, old))
        return kept

    # Keeping

    @property
    def dirty(self) -> bool:
        """Whether there are changes that are not committed yet."""
        return bool(self._pending)

    def commit(self) -> None:
        """Make all changes so far last, then tell the listeners of them, in order.

        Raises:
            InternalError: the file could not be written; the changes are undone.
        """
        changes, self._pending = self._pending, []
        if not changes:
            return
        try:
            with self._db:
                self._db.executemany(
                    "INSERT OR REPLACE INTO objects (resource, namespace, name, body) VALUES (?, ?, ?, ?)",
                    [(c.resource, *_key(c.obj), json.dumps(c.obj, separators=(",", ":"))) for c in changes if c.type != "DELETED"],
                )
                self._settle_deletions(changes)
                self._db.execute("UPDATE state SET revision = ?", (self.revision,))
        except sqlite3.Error as error:
            self._load()
            raise InternalError(f"the cluster's state could not be written ({error}); nothing was changed") from error
        for change in changes:
            if len(self._history) == HISTORY:
                self._oldest = self._history[0].revision
            self._history.append(change)
            for listener in tuple(self._listeners):
                listener(change)

    def _settle_deletions(self, changes: Changes) -> None:
        for change in changes:
            key = _key(change.obj)
            if change.type == "DELETED" and key not in self._collection(change.resource).objects:
                self._db.execute("DELETE FROM objects WHERE resource = ? AND namespace = ? AND name = ?", (change.resource, *key))

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` with each committed change from now on; the reply stops that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def since(self, revision: int, resource: str) -> Changes | None:
        """The committed changes of a resource after `revision`; None when that is too long ago to tell."""
        if revision < self._oldest:
            return None
        return [change for change in self._history if change.revision > revision and change.resource == resource]

    def close(self) -> None:
        """Commit what is left and let go of the file."""
        self.commit()
        self._db.close()

    def _collection(self, resource: str) -> _Collection:
        found = self._collections.get(resource)
        if found is None:
            found = self._collections[resource] = _Collection(self._indexes_of(resource))
        return found

    def _load(self) -> None:
        self._collections.clear()
        (self.revision,) = self._db.execute("SELECT revision FROM state").fetchone()
        for resource, body in self._db.execute("SELECT resource, body FROM objects"):
            obj = json.loads(body)
            self._collection(resource).put(_key(obj), obj)


def _key(obj: Obj) -> Key:
    metadata = meta(obj)
    return metadata.get("namespace", ""), metadata["name"]


def _open(path: Path | None) -> sqlite3.Connection:
    try:
        db = sqlite3.connect(path or ":memory:", isolation_level="DEFERRED")
        (found,) = db.execute("PRAGMA user_version").fetchone()
        if found > FORMAT:
            newer = f"{path} was written by a newer labkit (format {found}, this one reads {FORMAT})"
            raise StoreError(f"{newer}; use that version, or choose another --state-dir")
        # NORMAL does not wait for the disk: a killed process loses nothing, a power cut may lose the last moments.
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = NORMAL")
        if found == 0:
            with db:
                columns = "resource TEXT, namespace TEXT, name TEXT, body TEXT, PRIMARY KEY (resource, namespace, name)"
                db.execute(f"CREATE TABLE objects ({columns}) WITHOUT ROWID")
                db.execute("CREATE TABLE state (revision INTEGER)")
                db.execute("INSERT INTO state VALUES (0)")
                db.execute(f"PRAGMA user_version = {FORMAT}")
        else:
            db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} is not a state file that labkit can read ({error}); `labkit down --purge` starts over") from error
    return db
