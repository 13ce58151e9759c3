"""The store: versions, conflicts, indexes, group commit, and what survives a process that is killed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import pytest

from labkit.apiserver.store import Change, Store, StoreError
from labkit.kube.objects import Obj, meta, name_of
from labkit.kube.status import AlreadyExists, Conflict, InternalError, NotFound
from labkit.resources.indexes import indexes_of

PODS = "pods"


def pod(name: str, namespace: str = "a", node: str = "") -> Obj:
    """A Pod as it is stored."""
    return {"metadata": {"name": name, "namespace": namespace}, "spec": {"nodeName": node} if node else {}}


def names(objects: Iterable[Obj]) -> list[str]:
    """The names, in the order given."""
    return [name_of(obj) for obj in objects]


@pytest.fixture
def store() -> Iterable[Store]:
    """A store in memory."""
    made = Store(None, indexes_of)
    yield made
    made.close()


def test_each_write_gets_the_next_version(store: Store) -> None:
    first = store.create(PODS, pod("one"))
    second = store.create(PODS, pod("two"))
    assert int(meta(second)["resourceVersion"]) == int(meta(first)["resourceVersion"]) + 1 == store.revision


def test_a_taken_name_is_refused(store: Store) -> None:
    store.create(PODS, pod("one"))
    with pytest.raises(AlreadyExists, match='pods "one" already exists'):
        store.create(PODS, pod("one"))


def test_the_same_name_in_another_namespace_is_free(store: Store) -> None:
    store.create(PODS, pod("one", "a"))
    store.create(PODS, pod("one", "b"))
    assert store.count(PODS) == 2


def test_a_stale_version_conflicts(store: Store) -> None:
    old = store.create(PODS, pod("one"))
    store.update(PODS, {**old, "status": {"phase": "Running"}})
    with pytest.raises(Conflict, match='Operation cannot be fulfilled on pods "one": the object has been modified'):
        store.update(PODS, {**old, "status": {"phase": "Failed"}})


def test_no_version_means_whatever_is_there(store: Store) -> None:
    store.create(PODS, pod("one"))
    assert store.update(PODS, {**pod("one"), "status": {"phase": "Running"}})["status"] == {"phase": "Running"}


def test_what_is_not_there_cannot_be_changed_or_deleted(store: Store) -> None:
    with pytest.raises(NotFound, match='pods "one" not found'):
        store.update(PODS, pod("one"))
    with pytest.raises(NotFound):
        store.delete(PODS, "one", "a")


def test_lists_come_in_order_of_namespace_and_name(store: Store) -> None:
    for namespace, name in (("b", "1"), ("a", "2"), ("a", "10"), ("a-b", "0")):
        store.create(PODS, pod(name, namespace))
    assert [(meta(p)["namespace"], name_of(p)) for p in store.list(PODS)] == [("a", "10"), ("a", "2"), ("a-b", "0"), ("b", "1")]
    assert names(store.list(PODS, "a")) == ["10", "2"]


def test_an_index_follows_its_objects(store: Store) -> None:
    made = store.create(PODS, pod("one", node="n1"))
    store.create(PODS, pod("two", node="n2"))
    assert names(store.list(PODS, index=("node", "n1"))) == ["one"]
    store.update(PODS, {**made, "spec": {"nodeName": "n2"}})
    assert names(store.list(PODS, index=("node", "n1"))) == []
    assert names(store.list(PODS, index=("node", "n2"))) == ["one", "two"]
    store.delete(PODS, "one", "a")
    assert names(store.list(PODS, index=("node", "n2"))) == ["two"]
    assert names(store.list(PODS, "other", index=("node", "n2"))) == []


def test_listeners_hear_of_a_change_only_after_the_commit(store: Store) -> None:
    heard: list[Change] = []
    store.listen(heard.append)
    store.create(PODS, pod("one"))
    assert heard == []
    assert store.dirty
    store.commit()
    assert [(change.type, name_of(change.obj)) for change in heard] == [("ADDED", "one")]
    assert not store.dirty


def test_a_change_knows_what_was_before(store: Store) -> None:
    made = store.create(PODS, pod("one"))
    changed = store.update(PODS, {**made, "status": {"phase": "Running"}})
    store.delete(PODS, "one", "a")
    store.commit()
    told = store.since(0, PODS)
    assert told is not None
    assert [(change.type, change.old) for change in told] == [("ADDED", None), ("MODIFIED", made), ("DELETED", changed)]


def test_a_watch_resumes_after_the_version_it_names(store: Store) -> None:
    first = store.create(PODS, pod("one"))
    store.create(PODS, pod("two"))
    store.create("secrets", {"metadata": {"name": "s", "namespace": "a"}})
    store.commit()
    told = store.since(int(meta(first)["resourceVersion"]), PODS)
    assert told is not None
    assert names(change.obj for change in told) == ["two"]


def test_what_was_committed_is_there_after_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store(path, indexes_of)
    store.create(PODS, pod("kept"))
    store.create(PODS, pod("gone"))
    store.commit()
    store.delete(PODS, "gone", "a")
    store.commit()
    revision = store.revision
    store.create(PODS, pod("never-acknowledged"))
    again = Store(path, indexes_of)  # the first is not closed: its process was killed
    assert names(again.list(PODS)) == ["kept"]
    assert again.revision == revision
    assert again.since(0, PODS) is None, "the history before a restart is not told"
    again.close()


def test_a_full_disk_is_said_and_nothing_changes(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    store = Store(path, indexes_of)
    store.create(PODS, pod("kept"))
    store.commit()
    store._db.execute("PRAGMA max_page_count = 1")  # SQLite's own way to say that there is no room
    store.create(PODS, {**pod("big"), "spec": {"padding": "x" * 100_000}})
    with pytest.raises(InternalError, match=r"could not be written .* nothing was changed"):
        store.commit()
    assert names(store.list(PODS)) == ["kept"]
    store._db.execute("PRAGMA max_page_count = 100000")
    store.create(PODS, pod("later"))
    store.commit()
    assert names(store.list(PODS)) == ["kept", "later"]
    store.close()


def test_a_file_that_is_no_state_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"this is somebody's diary, not a database" * 50)
    before = path.read_bytes()
    with pytest.raises(StoreError, match="labkit down --purge"):
        Store(path, indexes_of)
    assert path.read_bytes() == before


def test_a_file_of_a_newer_labkit_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    Store(path, indexes_of).close()
    db = sqlite3.connect(path)
    db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreError, match="written by a newer labkit"):
        Store(path, indexes_of)
