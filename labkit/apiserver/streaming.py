"""exec and logs: what takes over a connection to a container.

The protocol is Kubernetes' remote command over a WebSocket: each message begins with the number of its stream, and the last one carries
a Status with the exit code. Upstream: apimachinery/pkg/util/remotecommand, cri-streaming/pkg/streaming/remotecommand, kubelet's server.
"""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import uuid
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import format_datetime
from urllib.parse import parse_qsl, urlsplit

from aiohttp import WSMsgType, web

from labkit.apiserver.negotiation import encode, wants_pretty
from labkit.apiserver.request import Answer, ExecStream, LogStream, Request, Response
from labkit.kube.clock import Clock
from labkit.kube.objects import Obj, name_of
from labkit.kube.status import ApiError, BadRequest, NotImplementedHere
from labkit.node.containers import Api, open_container, status_of
from labkit.node.process import HELP, NOT_SERVED, CommandNotFoundError, Container, Fetch, Fetched, Pause, Streams
from labkit.node.shell import execute
from labkit.node.volumes import VolumeHost

STDIN, STDOUT, STDERR, ERROR, CLOSE = 0, 1, 2, 3, 255
V5, V4, V1 = "v5.channel.k8s.io", "v4.channel.k8s.io", "channel.k8s.io"
BASE64 = "v4.base64.channel.k8s.io"
PROTOCOLS = (V5, V4, BASE64, V1)
STDIN_LIMIT = 4 * 1024 * 1024
CHUNK = 32 * 1024
HEARTBEAT = 30.0  # seconds between two pings of a command that takes its time
Handle = Callable[[Request], Awaitable[Answer]]
Fetcher = Callable[[Fetch], Awaitable[Fetched]]
Sleeper = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Streaming:
    """Runs commands in the node's small shell, and has the logs of containers that say nothing.

    `fetch` carries curl's requests to the API (see `through`), `sleep` waits on the cluster's clock.
    """

    volumes: VolumeHost
    api: Api
    clock: Clock
    fetch: Fetcher
    sleep: Sleeper = asyncio.sleep

    async def exec(self, request: web.BaseRequest, stream: ExecStream) -> web.StreamResponse:
        """Run a command over a WebSocket.

        A client that asks for no upgrade, for SPDY, for a protocol that nobody speaks, or for a container that does not run gets an
        ordinary answer.
        """
        upgrade = request.headers.get("Upgrade", "").lower()
        container = open_container(stream.pod, stream.container, self.volumes, self.api, self.clock.now())
        if not upgrade:
            return _refused(request, BadRequest("Upgrade request required"))
        if container is None:
            return web.Response(status=500, text=f'container not found ("{stream.container}")')
        if upgrade != "websocket":
            return _refused(request, NotImplementedHere("the embedded cluster runs commands over WebSockets alone, not over SPDY"))
        offered = [one.strip() for one in request.headers.get("Sec-WebSocket-Protocol", "").split(",") if one.strip()]
        if offered and not set(offered) & set(PROTOCOLS):
            return web.Response(status=403, headers={"Connection": "close"})
        socket = web.WebSocketResponse(protocols=PROTOCOLS, heartbeat=HEARTBEAT, max_msg_size=STDIN_LIMIT)
        await socket.prepare(request)
        channel = _Channel(socket, socket.ws_protocol or V1)
        with suppress(ConnectionError):  # the client left: nobody to tell
            await channel.send(STDOUT, b"")
            streams = Streams()
            stdin = b""
            if stream.tty and stream.stdin and stream.command in (("sh",), ("ash",), ("/bin/sh",)):
                streams.err += (
                    f"labkit: no shell to talk to here; name a command, such as: exec {name_of(stream.pod)} -- ls. {HELP}\n".encode()
                )
                stdin = f"exit {NOT_SERVED}".encode()
            elif stream.stdin and _reads(stream.command):
                stdin = await channel.read_stdin()
            try:
                code = await self._run(stream.command, container, stdin, streams)
                status = exit_status(code)
            except CommandNotFoundError as error:
                status = not_found_status(str(error))
            await self._print(channel, stream, streams)
            await channel.finish(status)
        return socket

    async def _run(self, command: tuple[str, ...], container: Container, stdin: bytes, streams: Streams) -> int:
        """Drive a command: requests go to the API, pauses to the clock."""
        process = execute(command, container, stdin, streams)
        try:
            asked = next(process)
            while True:
                if isinstance(asked, Pause):
                    await self.sleep(asked.seconds)
                    asked = process.send(None)
                else:
                    asked = process.send(await self.fetch(asked))
        except StopIteration as end:
            return int(end.value)
        finally:
            process.close()

    @staticmethod
    async def _print(channel: _Channel, stream: ExecStream, streams: Streams) -> None:
        """Send what the command printed; a terminal has one stream, and its lines end in two characters."""
        out, err = bytes(streams.out), bytes(streams.err)
        if stream.tty:
            out, err = (out + err).replace(b"\n", b"\r\n"), b""
        for number, data, wanted in ((STDOUT, out, stream.stdout), (STDERR, err, stream.stderr)):
            for start in range(0, len(data) if wanted else 0, CHUNK):
                await channel.send(number, data[start : start + CHUNK])

    async def log(self, request: web.BaseRequest, stream: LogStream) -> web.StreamResponse:
        """A container's log. The lessons' containers hold still and say nothing, so it is empty; it does not end before the container does,
        if the client follows it.
        """
        status, name = status_of(stream.pod, stream.container), name_of(stream.pod)
        waiting = (status.get("state") or {}).get("waiting")
        if stream.previous:
            return _refused(request, BadRequest(f'previous terminated container "{stream.container}" in pod "{name}" not found'))
        if waiting is not None or not status:
            reason = (waiting or {}).get("reason", "ContainerCreating")
            return _refused(request, BadRequest(f'container "{stream.container}" in pod "{name}" is waiting to start: {reason}'))
        response = web.StreamResponse(headers={"Cache-Control": "no-cache, private"})
        response.content_type = "text/plain"
        response.enable_chunked_encoding()
        await response.prepare(request)
        if stream.follow and "running" in (status.get("state") or {}):
            await self._until_gone(request, stream)
        await response.write_eof()
        return response

    async def _until_gone(self, request: web.BaseRequest, stream: LogStream) -> None:
        while request.transport is not None and not request.transport.is_closing():
            if open_container(stream.pod, stream.container, self.volumes, self.api, self.clock.now()) is None:
                return
            if (uid := stream.pod["metadata"].get("uid")) and uid not in self.volumes.pods():
                return
            await asyncio.sleep(0.5)


class _Channel:
    """A WebSocket whose messages begin with a stream's number: one byte, or one digit before base64."""

    def __init__(self, socket: web.WebSocketResponse, protocol: str) -> None:
        self._socket, self.protocol = socket, protocol

    async def send(self, stream: int, data: bytes) -> None:
        """Send to one stream."""
        if self.protocol == BASE64:
            await self._socket.send_str(f"{stream}{base64.b64encode(data).decode()}")
        else:
            await self._socket.send_bytes(bytes([stream]) + data)

    async def read_stdin(self) -> bytes:
        """All that comes on standard input, until the client closes it (v5), or goes away."""
        data = bytearray()
        async for message in self._socket:
            if message.type == WSMsgType.TEXT:
                text = str(message.data)
                stream, piece = int(text[:1] or "0"), base64.b64decode(text[1:])
            elif message.type == WSMsgType.BINARY and message.data:
                stream, piece = message.data[0], bytes(message.data[1:])
            else:
                continue
            if stream == CLOSE and piece[:1] == bytes([STDIN]):
                break
            if stream == STDIN:
                data += piece
            if len(data) > STDIN_LIMIT:
                break
        return bytes(data)

    async def finish(self, status: Obj) -> None:
        """Say how it ended, and close. The oldest protocol has no words for an exit code."""
        if self.protocol != V1:
            if self.protocol == V5:
                status = {"metadata": {}, **status}
            await self.send(ERROR, json.dumps(status, separators=(",", ":")).encode())
        await self._socket.close()


def exit_status(code: int) -> Obj:
    """The Status of a command that ended: how kubectl learns the exit code."""
    if code == 0:
        return {"status": "Success"}
    return {
        "status": "Failure",
        "message": f"command terminated with non-zero exit code: command terminated with exit code {code}",
        "reason": "NonZeroExitCode",
        "details": {"causes": [{"reason": "ExitCode", "message": str(code)}]},
    }


def not_found_status(command: str) -> Obj:
    """The Status of a command that the image does not have, in containerd's and runc's words."""
    where = "no such file or directory" if "/" in command else "executable file not found in $PATH"
    started = f'failed to start exec "{secrets.token_hex(32)}"'
    runc = f'OCI runtime exec failed: exec failed: unable to start container process: exec: "{command}": '
    failed = f"error executing command in container: failed to exec in container: {started}: {runc}"
    if "/" in command:
        failed += f"stat {command}: "
    inner = f"Internal error occurred: {failed}{where}"
    return {
        "status": "Failure",
        "message": f"Internal error occurred: {inner}",
        "reason": "InternalError",
        "details": {"causes": [{"message": inner}]},
        "code": 500,
    }


def through(handle: Handle, clock: Clock) -> Fetcher:
    """A fetcher that brings curl's requests to a server in this process."""

    async def fetch(asked: Fetch) -> Fetched:
        parts = urlsplit(asked.path)
        query: dict[str, tuple[str, ...]] = {}
        for key, value in parse_qsl(parts.query, keep_blank_values=True):
            query[key] = (*query.get(key, ()), value)
        headers = dict(asked.headers)
        answer = await handle(Request(asked.method, parts.path, query, headers, asked.body))
        if not isinstance(answer, Response):
            refused = NotImplementedHere("the node's curl does not wait for streams")
            answer = Response(refused.status_code, refused.status())
        body, content_type = answer.body, answer.content_type
        if not isinstance(body, bytes):
            pretty = wants_pretty(next(iter(query.get("pretty", ())), None), headers.get("user-agent", ""))
            body, content_type = encode(body, headers.get("accept", ""), pretty=pretty)
        sent = {
            "audit-id": str(uuid.uuid4()),
            "cache-control": "no-cache, private",
            "content-type": content_type,
            **{name.lower(): value for name, value in answer.headers.items()},
            "content-length": str(len(body)),
            "date": format_datetime(clock.now(), usegmt=True),
        }
        return Fetched(answer.status, tuple(sent.items()), body)

    return fetch


def _reads(command: tuple[str, ...]) -> bool:
    """Whether a command may read what it is given: all but those that are known not to."""
    return bool(command) and command[0].rpartition("/")[2] not in ("id", "env", "ls", "stat", "curl", "echo", "test", "readlink")


def _refused(request: web.BaseRequest, error: ApiError) -> web.Response:
    body, content_type = encode(error.status(), "", pretty=wants_pretty(None, request.headers.get("User-Agent", "")))
    return web.Response(status=error.status_code, body=body, content_type=content_type)
