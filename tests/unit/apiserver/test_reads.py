"""get, list and watch: selectors, pages, and the events that a client gets."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from labkit.apiserver.request import WatchStream
from labkit.kube.objects import Obj, meta, name_of
from tests.unit.apiserver.world import World

ACCOUNTS = "/api/v1/namespaces/a/serviceaccounts"


@pytest.fixture
def world() -> World:
    """Five accounts in a, one in b."""
    made = World(namespaces=("a", "b"))
    for name, team in (("v", "blue"), ("w", "red"), ("x", "blue"), ("y", "")):
        made.ok("POST", ACCOUNTS, {"metadata": {"name": name, "labels": {"team": team} if team else {}}})
    return made


def names(body: Obj) -> list[str]:
    """The names in a list, with the namespace where there are several."""
    return [name_of(item) for item in body["items"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["default", "v", "w", "x", "y"]),
        ("?labelSelector=team=blue", ["v", "x"]),
        ("?labelSelector=team!=blue", ["default", "w", "y"]),
        ("?labelSelector=team in (red,blue)", ["v", "w", "x"]),
        ("?labelSelector=!team", ["default", "y"]),
        ("?fieldSelector=metadata.name=w", ["w"]),
        ("?fieldSelector=metadata.name!=w", ["default", "v", "x", "y"]),
        ("?labelSelector=team=blue&fieldSelector=metadata.name=w", []),
    ],
)
def test_selectors(world: World, query: str, expected: list[str]) -> None:
    assert names(world.ok("GET", ACCOUNTS + query)) == expected


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        ("serviceaccounts", '"spec.colour" is not a known field selector: only "metadata.name", "metadata.namespace"'),
        ("pods", "field label not supported: spec.colour"),
    ],
)
def test_a_field_that_cannot_be_selected(world: World, resource: str, text: str) -> None:
    target = f"/api/v1/namespaces/a/{resource}?fieldSelector=spec.colour=red"
    assert world.refused("GET", target) == (400, "BadRequest", text)


def test_items_of_a_list_do_not_repeat_their_kind(world: World) -> None:
    body = world.ok("GET", ACCOUNTS)
    assert (body["kind"], body["apiVersion"]) == ("ServiceAccountList", "v1")
    assert all("kind" not in item for item in body["items"])
    assert meta(body)["resourceVersion"] == str(world.store.revision)


def test_pages(world: World) -> None:
    seen, token, versions = [], "", set()
    for expected_left in (3, 1, None):
        body = world.ok("GET", f"{ACCOUNTS}?limit=2" + (f"&continue={token}" if token else ""))
        seen += names(body)
        versions.add(meta(body)["resourceVersion"])
        assert meta(body).get("remainingItemCount") == expected_left
        token = meta(body).get("continue", "")
        world.ok("POST", "/api/v1/namespaces/b/configmaps", {"metadata": {"generateName": "noise-"}})
    assert seen == ["default", "v", "w", "x", "y"]
    assert not token
    assert len(versions) == 1, "all pages carry the first one's version, to watch from"


def test_a_page_token_that_is_none(world: World) -> None:
    assert world.refused("GET", f"{ACCOUNTS}?limit=2&continue=nonsense")[0] == 400


def test_a_version_from_the_future(world: World) -> None:
    code, reason, message = world.refused("GET", f"{ACCOUNTS}?resourceVersion=999999")
    assert (code, reason) == (504, "Timeout")
    assert "Too large resource version: 999999" in message


def collect(world: World, stream: WatchStream, changes: Iterable[tuple[str, str, Obj | None]]) -> list[tuple[str, str]]:
    """The events of a watch that sees `changes` happen: type and name. Ends half a second after the last."""

    async def main() -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []

        async def read() -> None:
            async for event in world.host.watch_events(stream):
                found.append((event["type"], name_of(event["object"])))  # noqa: PERF401  # what was found so far counts

        reader = asyncio.ensure_future(read())
        await asyncio.sleep(0)
        for method, target, body in changes:
            world.ok(method, target, body, **({"content_type": "application/merge-patch+json"} if method == "PATCH" else {}))
        for _ in range(20):
            await asyncio.sleep(0)
        reader.cancel()
        return found

    return asyncio.run(main())


def test_a_watch_tells_what_changes(world: World) -> None:
    stream = world.watch(f"{ACCOUNTS}?watch=true&resourceVersion={world.store.revision}")
    changes: list[tuple[str, str, Obj | None]] = [
        ("POST", ACCOUNTS, {"metadata": {"name": "new"}}),
        ("PATCH", f"{ACCOUNTS}/new", {"metadata": {"labels": {"a": "b"}}}),
        ("POST", "/api/v1/namespaces/b/serviceaccounts", {"metadata": {"name": "elsewhere"}}),
        ("DELETE", f"{ACCOUNTS}/new", None),
    ]
    assert collect(world, stream, changes) == [("ADDED", "new"), ("MODIFIED", "new"), ("DELETED", "new")]


def test_a_watch_without_a_version_begins_with_what_is_there(world: World) -> None:
    assert [name for _, name in collect(world, world.watch(f"{ACCOUNTS}?watch=true"), [])] == ["default", "v", "w", "x", "y"]


def test_a_watch_resumes_where_another_ended(world: World) -> None:
    version = world.store.revision
    world.ok("POST", ACCOUNTS, {"metadata": {"name": "missed"}})
    stream = world.watch(f"{ACCOUNTS}?watch=true&resourceVersion={version}")
    assert collect(world, stream, [("DELETE", f"{ACCOUNTS}/missed", None)]) == [("ADDED", "missed"), ("DELETED", "missed")]


def test_an_object_that_begins_or_ceases_to_match_comes_or_goes(world: World) -> None:
    stream = world.watch(f"{ACCOUNTS}?watch=true&resourceVersion={world.store.revision}&labelSelector=team=blue")
    changes: list[tuple[str, str, Obj | None]] = [
        ("PATCH", f"{ACCOUNTS}/w", {"metadata": {"labels": {"team": "blue"}}}),
        ("PATCH", f"{ACCOUNTS}/v", {"metadata": {"labels": {"team": "red"}}}),
        ("PATCH", f"{ACCOUNTS}/y", {"metadata": {"labels": {"team": "red"}}}),
    ]
    assert collect(world, stream, changes) == [("ADDED", "w"), ("DELETED", "v")]


def test_a_watch_list_ends_its_beginning_with_a_bookmark(world: World) -> None:
    stream = world.watch(f"{ACCOUNTS}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan")
    assert collect(world, stream, []) == [("ADDED", name) for name in ("default", "v", "w", "x", "y")] + [("BOOKMARK", "")]


def test_a_watch_from_before_the_history_is_told_so(world: World) -> None:
    world.store._oldest = world.store.revision
    stream = world.watch(f"{ACCOUNTS}?watch=true&resourceVersion=1")

    async def first() -> Obj:
        async for event in world.host.watch_events(stream):
            return event
        raise AssertionError("no event")

    event = asyncio.run(first())
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
