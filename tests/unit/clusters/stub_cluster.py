"""An embedded daemon with a stand-in for the cluster: `python -m tests.unit.clusters.stub_cluster MODE --name … --home …`.

MODE says how the cluster behaves; the daemon around it is the real one.
"""

from __future__ import annotations

import asyncio
import errno
import json
import os
import ssl
import sys
import time
from collections.abc import Callable

from labkit.clusters.embedded import daemon
from labkit.clusters.embedded.settings import Settings, Started
from labkit.clusters.pki import make_pki


async def run(settings: Settings, ready: Callable[[Started], None], mode: str) -> None:
    """Answer as a cluster does that is ready."""
    if mode == "port-taken":
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    if mode == "breaks":
        raise RuntimeError("a cog is missing")
    if mode == "dies":
        os._exit(7)
    if mode == "returns":
        return
    if mode == "slow":
        await asyncio.sleep(60)
    pki = make_pki(settings.state_dir / "pki")
    folder = settings.state_dir / "pki"
    (folder / "pair.pem").write_bytes(pki.server((), (settings.address,)).certificate + pki.server((), (settings.address,)).key)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(folder / "pair.pem")
    last = time.monotonic()
    answers = {
        "/version": {"gitVersion": f"v{settings.version}.2"},
        "/api/v1/nodes": {"items": [{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}]},
    }

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal last
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode().partition("?")[0]
        last = time.monotonic()
        body = json.dumps(answers.get(path, {})).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, settings.address, settings.port, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    admin = pki.client("kubernetes-admin", ("kubeadm:cluster-admins",))
    ready(
        Started(
            server=f"https://{settings.address}:{port}",
            version=f"{settings.version}.2",
            certificate_authority=pki.authority.certificate.decode(),
            client_certificate=admin.certificate.decode(),
            client_key=admin.key.decode(),
            idle_for=lambda: time.monotonic() - last,
        )
    )
    if mode == "breaks-later":
        raise RuntimeError("a cog came off")
    try:
        await asyncio.Event().wait()
    finally:
        while mode == "stubborn":
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                continue


def command(mode: str) -> tuple[str, ...]:
    """What starts it."""
    return (sys.executable, "-m", "tests.unit.clusters.stub_cluster", mode)


if __name__ == "__main__":
    wanted = sys.argv[1]
    sys.exit(daemon.main(sys.argv[2:], run=lambda settings, ready: run(settings, ready, wanted)))
