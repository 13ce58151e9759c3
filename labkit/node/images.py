"""Which images this node can have: all but those of registries that exist nowhere.

Nothing is pulled. A registry under a name that is kept for examples (RFC 2606) or for local use does not answer a real node either.
"""

from __future__ import annotations

import hashlib

LESSON_IMAGE = "labkit.local/tools:1"
_NOWHERE = (".example", ".example.com", ".example.org", ".example.net", ".invalid", ".local", ".test")


def pull_failure(image: str) -> str:
    """Why an image cannot be had, in containerd's words; empty if it can."""
    registry, slash, rest = image.partition("/")
    host = registry.partition(":")[0]
    if image == LESSON_IMAGE or not slash or not f".{host}".endswith(_NOWHERE):
        return ""
    path, _, tag = rest.partition(":")
    url = f"https://{registry}/v2/{path}/manifests/{tag or 'latest'}"
    request = f'failed to do request: Head "{url}": dial tcp: lookup {host} on 127.0.0.11:53: no such host'
    return f'failed to pull and unpack image "{image}": failed to resolve image: {request}'


def image_id(image: str) -> str:
    """The id of an image: made up from its name, since there is no image."""
    name = image.partition("@")[0]
    if ":" in name.rpartition("/")[2]:
        name = name.rpartition(":")[0]
    return f"{name}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"
