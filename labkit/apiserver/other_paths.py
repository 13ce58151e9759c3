"""Paths that are no resources: version, health, discovery, OpenAPI, and the issuer's documents."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from labkit.apiserver.discovery import Discovery, version_info
from labkit.apiserver.negotiation import encode_json
from labkit.apiserver.openapi import OpenApi
from labkit.apiserver.request import Request, Response
from labkit.apiserver.request_info import RequestInfo
from labkit.kube.versions import Era
from labkit.resources.table import served
from labkit.tokens.discovery import Document, documents, serve
from labkit.tokens.keys import PublicKey

HEALTH = ("/healthz", "/livez", "/readyz")
TEXT = "text/plain; charset=utf-8"
NO_SNIFF = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache, private"}


class OtherPaths:
    """Answers them for one cluster; each document is made when it is first asked for.

    Args:
        version: in full, such as 1.37.2.
        address: gives host and port of the server as clients see it; asked for when it listens.
    """

    def __init__(self, era: Era, version: str, issuer: str, keys: Sequence[PublicKey], address: Callable[[], str]) -> None:
        self._era, self._version, self._issuer, self._keys, self._address = era, version, issuer, tuple(keys), address

    @cached_property
    def _discovery(self) -> Discovery:
        return Discovery(served(self._era), self._address(), self._version)

    @cached_property
    def _openapi(self) -> OpenApi:
        return OpenApi(served(self._era), self._version)

    @cached_property
    def _issuer_documents(self) -> dict[str, Document]:
        return documents(self._issuer, self._keys, external_address=self._address())

    def __call__(self, request: Request, info: RequestInfo) -> Response | None:
        """The answer, or None where there is nothing at this path."""
        if request.method not in ("GET", "HEAD"):
            return None
        path = "/" + request.path.strip("/")
        if path == "/version":
            return Response(200, encode_json(version_info(self._version), pretty=True))
        if path in HEALTH or path.startswith(tuple(f"{health}/" for health in HEALTH)):
            return _healthy(path, verbose="verbose" in request.query)
        found = serve(self._issuer_documents, request.path, request.headers.get("accept", ""))
        if found is not None:
            return Response(200, found.body, {"Cache-Control": found.cache_control}, found.content_type)
        return self._discovery.answer(request) or self._openapi.answer(request)


def _healthy(path: str, *, verbose: bool) -> Response:
    """A server that answers at all is well: there is nothing behind it that could be away."""
    checks = ("ping",)
    if not verbose:
        return Response(200, b"ok", NO_SNIFF, TEXT)
    lines = [*(f"[+]{check} ok" for check in checks), f"{path.strip('/').partition('/')[0]} check passed", ""]
    return Response(200, "\n".join(lines).encode(), NO_SNIFF, TEXT)
