"""What the machinery needs of an API: calls answered, lists and watches. The embedded server's front door is one; HTTP is another."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Protocol

from labkit.kube.calls import Call
from labkit.kube.objects import Obj


class Client(Protocol):
    """An API as one user sees it."""

    async def call(self, call: Call) -> Any:
        """Answer a call by a request.

        Raises:
            ApiError: what the API refused.
        """
        ...

    async def list(self, resource: str, field_selector: str = "") -> tuple[list[Obj], str]:
        """All objects, and the resourceVersion to watch from."""
        ...

    def watch(self, resource: str, resource_version: str, field_selector: str = "") -> AsyncIterator[Obj]:
        """Watch events (`{"type": …, "object": …}`) after `resource_version`, until the server ends the watch."""
        ...
