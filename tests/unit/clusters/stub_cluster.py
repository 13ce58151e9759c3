"""An embedded daemon with a stand-in for the cluster: `python -m tests.unit.clusters.stub_cluster MODE --name … --home …`.

MODE says how the cluster behaves; the daemon around it is the real one.
"""

from __future__ import annotations

import asyncio
import errno
import os
import sys
import time
from collections.abc import Callable

from labkit.clusters.embedded import daemon
from labkit.clusters.embedded.settings import Settings, Started


async def run(settings: Settings, ready: Callable[[Started], None], mode: str) -> None:
    if mode == "port-taken":
        raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
    if mode == "breaks":
        raise RuntimeError("a cog is missing")
    if mode == "dies":
        os._exit(7)
    if mode == "returns":
        return
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), settings.address, settings.port)
    started = time.monotonic()
    port = server.sockets[0].getsockname()[1]
    if mode == "slow":
        await asyncio.sleep(60)
    ready(Started(f"https://127.0.0.1:{port}", f"{settings.version}.2", "CA", "CERT", "KEY", lambda: time.monotonic() - started))
    if mode == "breaks-later":
        raise RuntimeError("a cog came off")
    try:
        await asyncio.Event().wait()
    finally:
        if mode == "stubborn":
            while True:
                try:
                    await asyncio.sleep(60)
                except asyncio.CancelledError:
                    continue


if __name__ == "__main__":
    mode = sys.argv[1]
    sys.exit(daemon.main(sys.argv[2:], run=lambda settings, ready: run(settings, ready, mode)))
