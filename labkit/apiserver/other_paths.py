"""Paths that are no resources: versions, health, discovery, OpenAPI, and the issuer's documents."""

from __future__ import annotations

from collections.abc import Sequence

from labkit.apiserver import discovery, openapi
from labkit.apiserver.request import Request, Response
from labkit.apiserver.request_info import RequestInfo
from labkit.kube.status import MethodNotSupported
from labkit.kube.versions import Era
from labkit.tokens.discovery import documents, serve
from labkit.tokens.keys import PublicKey

HEALTH = ("/healthz", "/livez", "/readyz")


class OtherPaths:
    """Answers them for one cluster. Every document is made once."""

    def __init__(self, era: Era, version: str, issuer: str, keys: Sequence[PublicKey], external_address: str) -> None:
        self._era, self._version = era, version
        self._issuer_documents = documents(issuer, keys, external_address=external_address)
