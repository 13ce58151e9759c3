"""The adapter over real sockets: what reaches the host, what reaches the client, and how it ends."""

from __future__ import annotations

import asyncio
import io
import json
import re
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from labkit.apiserver.http import Running, peer_of, serve, tls_context
from labkit.apiserver.request import Answer, ExecStream, Peer, Request, Response, WatchStream
from labkit.clusters.pki import make_pki
from labkit.kube.objects import Obj

OK = Response(200, {"kind": "Status"})
WATCH = WatchStream("serviceaccounts", "", 0)


@dataclass
class FakeHost:
    """Answers everything alike, and remembers what it was asked."""

    answer: Answer | Exception | Awaitable[Answer] = OK
    events: tuple[Obj, ...] = ()
    endless: bool = False
    seen: list[Request] = field(default_factory=list)
    watch_ended: asyncio.Event = field(default_factory=asyncio.Event)

    async def handle(self, request: Request) -> Answer:
        self.seen.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return await self.answer if isinstance(self.answer, Awaitable) else self.answer

    async def watch_events(self, stream: WatchStream) -> AsyncGenerator[Obj, None]:
        try:
            for event in self.events:
                yield event
            if self.endless:
                await asyncio.Event().wait()
        finally:
            self.watch_ended.set()


@asynccontextmanager
async def listening(host: FakeHost) -> AsyncGenerator[tuple[aiohttp.ClientSession, Running], None]:
    """A plain-text server and a client for it."""
    running = await serve(host, ssl_context=None)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{running.port}") as client:
            yield client, running
    finally:
        await running.close()


def test_the_host_sees_the_request() -> None:
    host = FakeHost()

    async def scene() -> None:
        async with listening(host) as (client, _):
            headers = [
                ("Authorization", "Bearer a"),
                ("Impersonate-Group", "x, y"),
                ("Impersonate-Group", "z"),
                ("Accept", "a/b"),
                ("Accept", "c/d"),
            ]
            await client.post("/api/v1/namespaces?dryRun=All&command=ls&command=-1&empty=&bare", data=b"body", headers=headers)

    asyncio.run(scene())
    (request,) = host.seen
    assert (request.method, request.path, request.body) == ("POST", "/api/v1/namespaces", b"body")
    assert request.query == {"dryRun": ("All",), "command": ("ls", "-1"), "empty": ("",), "bare": ("",)}
    assert request.headers["authorization"] == "Bearer a"
    assert request.headers["impersonate-group"] == "x, y\nz"
    assert request.headers["accept"] == "a/b, c/d"
    assert request.peer is None
    assert request.user is None


@pytest.mark.parametrize(
    ("answer", "headers", "expected"),
    [
        pytest.param(Response(201, {"a": "<&>"}), {}, b'{"a":"\\u003c\\u0026\\u003e"}\n', id="json"),
        pytest.param(Response(200, {"a": 1}), {"User-Agent": "curl/8.5.0"}, b'{\n  "a": 1\n}', id="pretty-for-curl"),
        pytest.param(
            Response(404, b"404 page not found\n", content_type="text/plain; charset=utf-8"), {}, b"404 page not found\n", id="plain-text"
        ),
        pytest.param(Response(200, {"b": 1, "a": [{"c": 2}]}), {"Accept": "application/yaml"}, b"a:\n- c: 2\nb: 1\n", id="yaml"),
    ],
)
def test_the_client_sees_the_answer(answer: Response, headers: dict[str, str], expected: bytes) -> None:
    async def scene() -> None:
        async with listening(FakeHost(answer)) as (client, _):
            reply = await client.get("/", headers=headers)
            assert (reply.status, await reply.read()) == (answer.status, expected)
            assert reply.headers["Cache-Control"] == "no-cache, private"

    asyncio.run(scene())


def test_warnings_and_headers() -> None:
    answer = Response(200, {}, headers={"Retry-After": "1"}, warnings=('unknown field "x"', "back\\slash\nand more"))

    async def scene() -> None:
        async with listening(FakeHost(answer)) as (client, _):
            reply = await client.get("/")
            assert reply.headers.getall("Warning") == ['299 - "unknown field \\"x\\""', '299 - "back\\\\slash and more"']
            assert reply.headers["Retry-After"] == "1"

    asyncio.run(scene())


@pytest.mark.parametrize("length_known", [True, False])
def test_a_body_has_a_limit(length_known: bool) -> None:
    host = FakeHost()

    async def chunks() -> AsyncGenerator[bytes, None]:
        for _ in range(4):
            yield b" " * 1024 * 1024

    async def scene() -> None:
        async with listening(host) as (client, _):
            try:
                reply = await client.post("/", data=io.BytesIO(b" " * (3 * 1024 * 1024 + 1)) if length_known else chunks())
            except aiohttp.ClientConnectionError:
                return  # the server may hang up while the client still sends
            assert reply.status == 413
            assert (await reply.json())["message"] == "Request entity too large: limit is 3145728"

    asyncio.run(scene())
    assert not host.seen


def test_a_body_of_the_limit_passes() -> None:
    host = FakeHost()

    async def scene() -> None:
        async with listening(host) as (client, _):
            assert (await client.post("/", data=io.BytesIO(b" " * (3 * 1024 * 1024)))).status == 200

    asyncio.run(scene())
    assert len(host.seen[0].body) == 3 * 1024 * 1024


def test_a_packed_body_is_not_unpacked() -> None:
    host = FakeHost()

    async def scene() -> None:
        async with listening(host) as (client, _):
            await client.post("/", data=b"no gzip", headers={"Content-Encoding": "gzip"})

    asyncio.run(scene())
    assert host.seen[0].body == b"no gzip"


def test_a_bug_is_a_status_and_says_nothing_aloud(capfd: pytest.CaptureFixture[str]) -> None:
    async def scene() -> None:
        async with listening(FakeHost(ZeroDivisionError("secret detail"))) as (client, _):
            reply = await client.get("/")
            assert (reply.status, (await reply.json())["reason"]) == (500, "InternalError")
            assert "secret" not in await reply.text()

    asyncio.run(scene())
    assert capfd.readouterr() == ("", "")


def test_exec_without_anyone_to_run_it() -> None:
    async def scene() -> None:
        async with listening(FakeHost(ExecStream({}, "c", ("ls",)))) as (client, _):
            assert (await client.get("/")).status == 500

    asyncio.run(scene())


def test_a_watch_is_one_event_a_line() -> None:
    events: tuple[Obj, ...] = ({"type": "ADDED", "object": {"a": 1}}, {"type": "DELETED", "object": {"a": 1}})

    async def scene() -> None:
        async with listening(FakeHost(WATCH, events)) as (client, _):
            reply = await client.get("/")
            assert reply.headers["Transfer-Encoding"] == "chunked"
            assert [json.loads(line) for line in (await reply.read()).splitlines()] == list(events)

    asyncio.run(scene())


def test_an_event_is_sent_at_once() -> None:
    async def scene() -> None:
        async with listening(FakeHost(WATCH, ({"type": "ADDED"},), endless=True)) as (client, _):
            reply = await client.get("/")
            assert await asyncio.wait_for(reply.content.readline(), 1) == b'{"type":"ADDED"}\n'
            reply.close()

    asyncio.run(scene())


def test_a_watch_ends_with_its_client() -> None:
    async def scene() -> None:
        host = FakeHost(WATCH, ({"type": "ADDED"},), endless=True)
        async with listening(host) as (client, _):
            reply = await client.get("/")
            await reply.content.readline()
            reply.close()
            await asyncio.wait_for(host.watch_ended.wait(), 1)

    asyncio.run(scene())


def test_close_ends_a_watch_cleanly_and_soon() -> None:
    async def scene() -> None:
        host = FakeHost(WATCH, ({"type": "ADDED"},), endless=True)
        async with listening(host) as (client, running):
            reply = await client.get("/")
            await reply.content.readline()
            before = asyncio.get_running_loop().time()
            await running.close()
            assert asyncio.get_running_loop().time() - before < 0.3
            assert await reply.read() == b"", "an end, not a broken connection"
            assert host.watch_ended.is_set()

    asyncio.run(scene())


def test_a_write_goes_on_when_its_client_leaves() -> None:
    finished: list[str] = []

    async def slow() -> Answer:
        await asyncio.sleep(0.05)
        finished.append("written")
        return OK

    async def scene() -> None:
        async with listening(FakeHost(slow())) as (client, _):
            with pytest.raises(TimeoutError):
                await client.post("/", timeout=aiohttp.ClientTimeout(total=0.01))
            await asyncio.sleep(0.1)

    asyncio.run(scene())
    assert finished == ["written"]


def _client_context(folder: Path, user: tuple[str, list[str]] | None, authority: Path | None = None) -> ssl.SSLContext:
    pki = make_pki(folder)
    context = ssl.create_default_context(cafile=str(authority or pki.authority.certificate_path))
    if user is not None:
        pair = pki.client(*user)
        context.load_cert_chain(pair.certificate_path, pair.key_path)
    return context


def _over_tls(tmp_path: Path, context: ssl.SSLContext, scene: Callable[[aiohttp.ClientSession], Awaitable[None]]) -> FakeHost:
    host, pki = FakeHost(), make_pki(tmp_path / "server")
    pair = pki.server()

    async def play() -> None:
        running = await serve(host, ssl_context=tls_context(pair.certificate_path, pair.key_path, pki.authority.certificate_path))
        try:
            connector = aiohttp.TCPConnector(ssl=context)
            async with aiohttp.ClientSession(f"https://127.0.0.1:{running.port}", connector=connector) as client:
                await scene(client)
        finally:
            await running.close()

    asyncio.run(play())
    return host


async def _get(client: aiohttp.ClientSession) -> None:
    await client.get("/")


@pytest.mark.parametrize(
    ("user", "peer"),
    [
        pytest.param(None, None, id="no-certificate"),
        pytest.param(("jane", ["a", "b"]), Peer("jane", ("a", "b")), id="certificate"),
        pytest.param(("system:node:lab", ["system:nodes"]), Peer("system:node:lab", ("system:nodes",)), id="node"),
    ],
)
def test_client_certificate(tmp_path: Path, user: tuple[str, list[str]] | None, peer: Peer | None) -> None:
    host = _over_tls(tmp_path, _client_context(tmp_path / "server", user), _get)
    found = host.seen[0].peer
    assert (found and replace(found, fingerprint="")) == peer
    assert found is None or re.fullmatch("[0-9a-f]{64}", found.fingerprint)


def test_a_strangers_certificate_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    make_pki(tmp_path / "server")
    context = _client_context(tmp_path / "stranger", ("kubernetes-admin", ["system:masters"]), tmp_path / "server" / "ca.crt")

    async def scene(client: aiohttp.ClientSession) -> None:
        with pytest.raises(aiohttp.ClientConnectionError):
            await client.get("/")

    assert not _over_tls(tmp_path, context, scene).seen
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("certificate", "peer"),
    [
        pytest.param(None, None, id="none"),
        pytest.param({}, None, id="unverified"),
        pytest.param({"subject": ((("organizationName", "a"),),)}, None, id="no-common-name"),
        pytest.param({"subject": ((("commonName", "x"),), (("commonName", "y"),))}, Peer("y"), id="the-last-name-counts"),
        pytest.param(
            {"subject": ((("organizationName", "b"), ("organizationName", "a")), (("commonName", "x"),))},
            Peer("x", ("b", "a")),
            id="one-set",
        ),
    ],
)
def test_peer_of(certificate: dict[str, Any] | None, peer: Peer | None) -> None:
    assert peer_of(certificate) == peer
