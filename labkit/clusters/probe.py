"""One GET at a time against a cluster's API, with the standard library: quick to import, nothing kept open."""

from __future__ import annotations

import http.client
import json
import ssl
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from labkit.clusters.kubeconfig import Credentials

TIMEOUT_SECONDS = 5.0


class Unreachable(Exception):
    """No answer, or one that is no answer to the question."""


class Probe:
    """Asks one server, as the user of its kubeconfig."""

    def __init__(self, credentials: Credentials) -> None:
        self._address = urlsplit(credentials.server)
        self._tls = _tls(credentials)

    def get(self, path: str, *, timeout: float = TIMEOUT_SECONDS) -> Any:
        """The JSON object at `path`, None where there is none (404).

        Raises:
            Unreachable: no connection, a refusal, an error of the server.
        """
        connection = http.client.HTTPSConnection(
            self._address.hostname or "", self._address.port or 443, timeout=timeout, context=self._tls
        )
        try:
            connection.request("GET", path, headers={"Accept": "application/json"})
            answer = connection.getresponse()
            body = answer.read()
            if answer.status == 404:
                return None
            if answer.status != 200:
                raise Unreachable(f"{path} answers {answer.status}")
            return json.loads(body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Unreachable(f"{path}: {error}") from error
        finally:
            connection.close()

    def version(self, *, timeout: float = TIMEOUT_SECONDS) -> str:
        """The server's version, without its `v`.

        Raises:
            Unreachable: see `get`.
        """
        found = self.get("/version", timeout=timeout)
        if not isinstance(found, dict) or not isinstance(found.get("gitVersion"), str):
            raise Unreachable("/version names none")
        return str(found["gitVersion"]).removeprefix("v")

    def missing(self) -> str:
        """What a new cluster still lacks before a lesson can start, as a phrase; nothing once it is ready.

        Raises:
            Unreachable: see `get`.
        """
        nodes = (self.get("/api/v1/nodes") or {}).get("items") or []
        if not nodes or not all(_is_ready(node) for node in nodes):
            return "its node is not Ready"
        if self.get("/api/v1/namespaces/default/serviceaccounts/default") is None:
            return "namespace default has no account yet"
        if self.get("/api/v1/namespaces/default/configmaps/kube-root-ca.crt") is None:
            return "namespace default has no kube-root-ca.crt yet"
        return ""


def _is_ready(node: dict[str, Any]) -> bool:
    conditions = node.get("status", {}).get("conditions") or []
    return any(condition.get("type") == "Ready" and condition.get("status") == "True" for condition in conditions)


def _tls(credentials: Credentials) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cadata=credentials.certificate_authority)
        with tempfile.TemporaryDirectory(prefix="labkit-") as folder:  # ssl takes a client certificate from files alone
            pair = Path(folder) / "client.pem"
            pair.touch(mode=0o600)
            pair.write_text(credentials.client_certificate + "\n" + credentials.client_key, encoding="ascii")
            context.load_cert_chain(pair)
    except (ssl.SSLError, ValueError) as error:
        raise Unreachable(f"the kubeconfig's certificates cannot be used: {error}") from error
    return context
