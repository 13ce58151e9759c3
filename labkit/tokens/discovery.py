"""The issuer's public documents: OpenID configuration and key set (OID-1 to OID-7; pkg/serviceaccount/openidmetadata.go)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from labkit.kube.objects import Obj
from labkit.kube.status import NotAcceptable
from labkit.tokens.keys import PublicKey

CONFIGURATION_PATH = "/.well-known/openid-configuration"
KEYS_PATH = "/openid/v1/jwks"
CONFIGURATION_TYPE = "application/json"
KEYS_TYPE = "application/jwk-set+json"
MAX_AGE_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Document:
    """A document as it is sent."""

    body: bytes
    content_type: str
    cache_control: str = f"public, max-age={MAX_AGE_SECONDS}"


def configuration(issuer: str, jwks_uri: str, keys: Sequence[PublicKey]) -> Obj:
    """The OpenID configuration, in upstream's order of fields (OID-2)."""
    return {
        "issuer": issuer,
        "jwks_uri": jwks_uri,
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": sorted({key.algorithm for key in published(keys)}),
    }


def key_set(keys: Sequence[PublicKey]) -> Obj:
    """The keys that tokens can be checked with (OID-3)."""
    return {"keys": [key.jwk() for key in published(keys)]}


def published(keys: Sequence[PublicKey]) -> list[PublicKey]:
    """The keys that the documents name.

    Raises:
        ValueError: there are none.
    """
    found = [key for key in keys if not key.excluded]
    if not found:
        raise ValueError("no keys provided for validating keyset")
    return found


def keys_uri(issuer: str, configured: str = "", external_address: str = "") -> str:
    """Where the key set is found: as configured, else at the server's external address (OID-4, OID-5).

    Raises:
        ValueError: the issuer, the configured URI or the address does not do; the server then serves no documents (OID-6).
    """
    if not issuer:
        raise ValueError("empty issuer URL")
    if not configured and not external_address:
        raise ValueError("either the JWKS URI or the default external address, or both, must be set")
    parts = urlsplit(issuer)
    if parts.scheme != "https":
        raise ValueError(f"issuer URL must use https scheme, got: {issuer}")
    if parts.query:
        raise ValueError(f"issuer URL may not include a query, got: {issuer}")
    if parts.fragment:
        raise ValueError(f"issuer URL may not include a fragment, got: {issuer}")
    if configured:
        if urlsplit(configured).scheme != "https":
            raise ValueError(f"jwksURI requires https scheme, parsed as: {configured}")
        return configured
    built = f"https://{external_address}{KEYS_PATH}"
    if urlsplit(built).netloc != external_address:
        detail = f"attempted to build jwks_uri from external address {external_address}, but could not construct a valid URL."
        raise ValueError(f"{detail} Error: got {urlsplit(built).geturl()}, expected {built}")
    return built


def documents(issuer: str, keys: Sequence[PublicKey], *, jwks_uri: str = "", external_address: str = "") -> dict[str, Document]:
    """Both documents by path; none where issuer, addresses or keys do not do (OID-6). Make them again when the keys change (OID-7)."""
    try:
        where = keys_uri(issuer, jwks_uri, external_address)
        found = {CONFIGURATION_PATH: (configuration(issuer, where, keys), CONFIGURATION_TYPE), KEYS_PATH: (key_set(keys), KEYS_TYPE)}
    except ValueError:
        return {}
    return {path: Document(json.dumps(content, separators=(",", ":")).encode(), kind) for path, (content, kind) in found.items()}


def serve(documents: dict[str, Document], path: str, accept: str = "") -> Document | None:
    """The document at a path, which may end in a slash; None elsewhere (OID-1, corrections 7).

    Raises:
        NotAcceptable: the client accepts no such content.
    """
    document = documents.get(path.removesuffix("/"))
    if document is None:
        return None
    if not _accepts(accept, document.content_type):
        raise NotAcceptable(f"406: Not Acceptable\n\nAvailable representations: {document.content_type}")
    return document


def _accepts(accept: str, content_type: str) -> bool:
    wanted = [part.split(";")[0].strip() for part in accept.split(",") if part.strip()]
    return not wanted or any(kind in {"*/*", content_type} for kind in wanted)


__all__ = [
    "CONFIGURATION_PATH",
    "KEYS_PATH",
    "Document",
    "configuration",
    "documents",
    "key_set",
    "keys_uri",
    "published",
    "serve",
]
