#!/usr/bin/env python3
"""runc for a machine that lacks a capability: asks only for those that can be had.

`docker run --privileged` asks for every capability there is, and runc refuses the whole container when one is outside
the machine's bounding set. dockerd calls this program in runc's place. It takes what cannot be had out of the
container's configuration (a bundle's config.json, or the process file of an exec) and becomes runc. A file by itself,
without imports from the package: dockerd starts it wherever the repository has gone by then.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

_IN_ORDER = """
    CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST
    NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE
    SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM
    BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE
"""
NAMES = tuple(_IN_ORDER.split())
"""Linux's capabilities, in the order of their bits (capability.h)."""


def held(status: str) -> frozenset[str]:
    """The names of the capabilities in the bounding set, from the text of /proc/self/status."""
    line = next(line for line in status.splitlines() if line.startswith("CapBnd:"))
    bits = int(line.split()[1], 16)
    return frozenset(f"CAP_{name}" for bit, name in enumerate(NAMES) if bits >> bit & 1)


def without(process: dict[str, Any], allowed: frozenset[str]) -> dict[str, Any]:
    """The OCI process, asking for no capability but the allowed ones."""
    sets = process.get("capabilities") or {}
    kept = {name: [cap for cap in caps or () if cap in allowed] for name, caps in sets.items()}
    return process | {"capabilities": kept} if kept else process


def value(arguments: list[str], *names: str) -> str | None:
    """What follows an option, as `--name VALUE` or `--name=VALUE`."""
    for at, argument in enumerate(arguments):
        name, equals, rest = argument.partition("=")
        if name in names:
            return rest if equals else next(iter(arguments[at + 1 :]), None)
    return None


def main(arguments: list[str]) -> None:
    """Put the configuration right, then become runc."""
    allowed = held(Path("/proc/self/status").read_text())
    if bundle := value(arguments, "--bundle", "-b"):
        config = Path(bundle) / "config.json"
        spec = json.loads(config.read_text())
        if "process" in spec:
            config.write_text(json.dumps(spec | {"process": without(spec["process"], allowed)}))
    elif process := value(arguments, "--process", "-p"):
        Path(process).write_text(json.dumps(without(json.loads(Path(process).read_text()), allowed)))
    os.execvp("runc", ["runc", *arguments])


if __name__ == "__main__":
    main(sys.argv[1:])
