"""The API server's HTTP: a thin adapter between sockets and `Host`. Everything that is Kubernetes happens behind it.

It reads a request whole (at most 3 MiB), shows the client certificate's subject to the host, and writes what the host answers: a body, a
watch as one JSON text a line, or an upgrade that it hands to `Streaming`. It writes nothing to the standard streams.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import ssl
import uuid
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol, TypeVar

from aiohttp import web

from labkit.apiserver.negotiation import (
    BODY_LIMIT,
    RequestEntityTooLarge,
    encode,
    encode_json,
    wants_pretty,
    warning_header,
)
from labkit.apiserver.request import Answer, ExecStream, LogStream, Peer, Request, Response, WatchStream
from labkit.kube.objects import Obj
from labkit.kube.status import InternalError

_log = logging.getLogger("labkit.apiserver.http")
logging.getLogger("labkit").addHandler(logging.NullHandler())  # without one, Python prints errors to stderr

SHUTDOWN_SECONDS = 0.1
LONGEST_LINE = 64 * 1024  # a token in a header, a long label selector in a query
T = TypeVar("T")


class Host(Protocol):
    """What answers requests: `labkit.apiserver.host.Host`."""

    async def handle(self, request: Request) -> Answer:
        """Answer one request."""
        ...

    def watch_events(self, stream: WatchStream) -> AsyncGenerator[Obj, None]:
        """The events of a watch, ready to be sent."""
        ...


class Streaming(Protocol):
    """What takes over a connection for exec and logs: `labkit.apiserver.streaming.Streaming`."""

    async def exec(self, request: web.BaseRequest, stream: ExecStream) -> web.StreamResponse:
        """Run a command over a WebSocket."""
        ...

    async def log(self, request: web.BaseRequest, stream: LogStream) -> web.StreamResponse:
        """Send a container's log."""
        ...


class Running:
    """A server that listens. `port` is the one it got where 0 was asked for."""

    def __init__(self, runner: web.ServerRunner, adapter: _Adapter, port: int) -> None:
        self._runner, self._adapter, self.port = runner, adapter, port

    async def close(self) -> None:
        """Stop listening, end open watches cleanly and everything else at once. Takes 0.2 s at most."""
        self._adapter.close()
        await asyncio.sleep(0)
        await self._runner.cleanup()


async def serve(
    host: Host, *, ssl_context: ssl.SSLContext | None, address: str = "127.0.0.1", port: int = 0, streaming: Streaming | None = None
) -> Running:
    """Listen on `address`. Without an SSL context it is plain HTTP, which only tests want.

    Raises:
        OSError: the address cannot be had.
    """
    adapter = _Adapter(host, streaming)
    # Bodies are taken as they come: upstream ignores a request's Content-Encoding, and what is not unpacked is no bomb.
    server = web.Server(
        adapter.handle,
        handler_cancellation=True,
        logger=_log,
        access_log=None,
        auto_decompress=False,
        max_line_size=LONGEST_LINE,
        max_field_size=LONGEST_LINE,
        lingering_time=0.0,
    )
    runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, address, port, ssl_context=ssl_context).start()
    except BaseException:
        await runner.cleanup()
        raise
    return Running(runner, adapter, runner.addresses[0][1])


def tls_context(certificate: Path, key: Path, authority: Path) -> ssl.SSLContext:
    """TLS for `serve`: the server's certificate, and client certificates of `authority` where a client has one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(authority)
    context.verify_mode = ssl.CERT_OPTIONAL
    context.set_alpn_protocols(["http/1.1"])
    return context


class _Adapter:
    """One server's handler."""

    def __init__(self, host: Host, streaming: Streaming | None) -> None:
        self._host, self._streaming = host, streaming
        self._closing = False
        self._watches: set[asyncio.Task[object] | None] = set()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request, whatever happens."""
        try:
            return await self._answer(request)
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception:  # noqa: BLE001  # a bug must not take the connection down; it is logged, and the client gets a Status
            _log.exception("%s %s", request.method, request.path)
            return _failure(request, "an error on the server has prevented the request from succeeding")

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            body = await _read_body(request)
        except RequestEntityTooLarge as error:
            refused = _response(request, Response(error.status_code, error.status()))
            refused.force_close()  # the rest of the body is never read
            return refused
        asked = Request(
            method=request.method,
            path=request.path,
            query=_query(request),
            headers=_headers(request),
            body=body,
            peer=_peer(request),
        )
        # A client that goes away does not leave a write half done.
        answer = await _finish(self._host.handle(asked))
        match answer:
            case Response():
                return _response(request, answer)
            case WatchStream():
                return await self._watch(request, answer)
            case ExecStream() if self._streaming is not None:
                return await self._streaming.exec(request, answer)
            case LogStream() if self._streaming is not None:
                return await self._streaming.log(request, answer)
        return _failure(request, "this server runs no containers")

    async def _watch(self, request: web.BaseRequest, stream: WatchStream) -> web.StreamResponse:
        response = web.StreamResponse(headers=_common_headers())
        response.content_type = "application/json"
        _add_warnings(response, stream.warnings)
        response.enable_chunked_encoding()
        await response.prepare(request)
        task = asyncio.current_task()
        self._watches.add(task)
        try:
            async with aclosing(self._host.watch_events(stream)) as events:
                async for event in events:
                    await response.write(encode_json(event))
        except asyncio.CancelledError:
            if task is None or not self._closing:
                raise
            task.uncancel()  # `close` ends it, and the client shall see an end, not a broken connection
        finally:
            self._watches.discard(task)
        with suppress(ConnectionError):
            await response.write_eof()
        return response

    def close(self) -> None:
        """End the open watches."""
        self._closing = True
        for task in self._watches:
            if task is not None:
                task.cancel()


async def _finish(work: Awaitable[T]) -> T:
    """The result of `work`, which goes on to its end even if the client leaves."""
    return await asyncio.shield(asyncio.ensure_future(work))


async def _read_body(request: web.BaseRequest) -> bytes:
    """The whole body.

    Raises:
        RequestEntityTooLarge: it is larger than the limit.
    """
    if not request.body_exists:
        return b""
    if request.content_length is not None and request.content_length > BODY_LIMIT:
        raise RequestEntityTooLarge
    parts, size = [], 0
    async for part in request.content.iter_any():
        size += len(part)
        if size > BODY_LIMIT:
            raise RequestEntityTooLarge
        parts.append(part)
    return b"".join(parts)


def peer_of(certificate: Mapping[str, object] | None) -> Peer | None:
    """The subject of a client certificate as `ssl` shows it; None without one, or without a common name."""
    subject = certificate.get("subject") if certificate else None
    if not isinstance(subject, tuple):
        return None
    pairs = [pair for part in subject for pair in part]
    names = [value for key, value in pairs if key == "commonName"]
    if not names:
        return None
    return Peer(names[-1], tuple(value for key, value in pairs if key == "organizationName"))


def _peer(request: web.BaseRequest) -> Peer | None:
    """The client's certificate, with its fingerprint; taken from the connection anew for each request, which costs microseconds."""
    peer = peer_of(request.get_extra_info("peercert"))
    tls = request.get_extra_info("ssl_object")
    encoded = tls.getpeercert(binary_form=True) if peer is not None and tls is not None else None
    return peer if peer is None or encoded is None else replace(peer, fingerprint=hashlib.sha256(encoded).hexdigest())


def _query(request: web.BaseRequest) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for key, value in request.query.items():
        found.setdefault(key, []).append(value)
    return {key: tuple(values) for key, values in found.items()}


def _headers(request: web.BaseRequest) -> dict[str, str]:
    """The headers by lower-case name. Of several Authorization headers the first counts; the values of an
    impersonation header stay apart, a line each; those of any other header are joined with commas."""
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        key = name.lower()
        if key not in found:
            found[key] = value
        elif key.startswith("impersonate-"):
            found[key] += f"\n{value}"
        elif key != "authorization":
            found[key] += f", {value}"
    return found


def _common_headers() -> dict[str, str]:
    return {"Audit-Id": str(uuid.uuid4()), "Cache-Control": "no-cache, private", "Server": "labkit"}


def _response(request: web.BaseRequest, answer: Response) -> web.Response:
    content_type = answer.content_type
    if isinstance(answer.body, bytes):
        body = answer.body
    else:
        pretty = wants_pretty(request.query.get("pretty"), request.headers.get("User-Agent", ""))
        body, written = encode(answer.body, request.headers.get("Accept", ""), pretty=pretty)
        if content_type == "application/json":
            content_type = written
    headers = _common_headers() | dict(answer.headers) | {"Content-Type": content_type}
    response = web.Response(status=answer.status, body=body, headers=headers)
    _add_warnings(response, answer.warnings)
    return response


def _failure(request: web.BaseRequest, message: str) -> web.Response:
    error = InternalError(message)
    return _response(request, Response(error.status_code, error.status()))


def _add_warnings(response: web.StreamResponse, warnings: tuple[str, ...]) -> None:
    for text in warnings:
        response.headers.add("Warning", warning_header(text))


__all__ = ["Host", "Running", "Streaming", "peer_of", "serve", "tls_context"]
