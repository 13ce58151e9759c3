"""Requests to the lesson's cluster: dicts in, dicts out, errors as `ApiError`.

The connection is the official client's: it reads the kubeconfig and knows every way to log in. Its models are left out, so that a lesson
sees the JSON that the server sent.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from labkit.kube.objects import Obj
from labkit.kube.status import ApiError, error_from_status
from labkit.lab.errors import LabError, NoAnswer

TIMEOUT_SECONDS = 20.0
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json"


@dataclass(frozen=True, slots=True)
class Resource:
    """A kind of object that the server has. `plural` with its group is how people call it: `roles.rbac.authorization.k8s.io`."""

    plural: str
    kind: str
    group: str
    version: str
    namespaced: bool
    singular: str = ""
    short_names: tuple[str, ...] = ()

    @property
    def names(self) -> frozenset[str]:
        """What kubectl would take it by."""
        plain = {self.plural, self.singular, self.kind.lower(), *self.short_names} - {""}
        return frozenset(plain | {f"{self.plural}.{self.group}"} if self.group else plain)

    def path(self, namespace: str | None, name: str = "", subresource: str = "") -> str:
        """Where it is on the server."""
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        place = f"/namespaces/{quote(namespace)}" if self.namespaced and namespace else ""
        tail = "".join(f"/{quote(part, safe=':')}" for part in (name, subresource) if part)
        return f"{root}{place}/{self.plural}{tail}"


@dataclass
class Api:
    """One cluster as one user. `client` is the official client's ApiClient, for lessons that use it directly."""

    client: Any
    resources: list[Resource] = field(default_factory=list)  # shared with the same cluster as other users
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Api:
        """The current context of a kubeconfig file."""
        from kubernetes import client, config

        settings = client.Configuration()
        config.load_kube_config(config_file=str(path), client_configuration=settings)
        return cls(_client(settings))

    def with_token(self, token: str) -> Api:
        """The same cluster with this bearer token and nothing else."""
        from kubernetes import client

        old = self.client.configuration
        settings = client.Configuration()
        settings.host, settings.ssl_ca_cert, settings.verify_ssl = old.host, old.ssl_ca_cert, old.verify_ssl
        found = _client(settings)
        if token:
            found.set_default_header("Authorization", f"Bearer {token}")
        return Api(found, self.resources)

    def impersonating(self, user: str, groups: tuple[str, ...] = ()) -> Api:
        """The same cluster, asking as somebody else (as `kubectl --as` does)."""
        found = _client(self.client.configuration)
        found.set_default_header("Impersonate-User", user)
        # The official client's headers are a dict, which has room for one group only.
        return Api(found, self.resources, tuple(("Impersonate-Group", group) for group in groups))

    def get(self, path: str, query: Mapping[str, str] | None = None) -> Obj:
        """GET.

        Raises:
            ApiError: the server said no.
            NoAnswer: it said nothing.
        """
        return self.request("GET", path, query=query)

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        content_type: str = "application/json",
        accept: str = "application/json",
    ) -> Obj:
        """Any request whose answer is JSON.

        Raises:
            ApiError: the server said no.
            NoAnswer: it said nothing.
        """
        answer = self._send(method, path, body, query, content_type, accept)
        text = answer.data.decode()
        if answer.status >= 400:
            raise _error(answer.status, text)
        found: Obj = json.loads(text) if text.lstrip().startswith(("{", "[")) else {"text": text}
        return found

    def server_time(self) -> datetime:
        """The clock of the server, which in a time machine is not this machine's; whole seconds."""
        answer = self._send("GET", "/version", None, None, "", "application/json")
        return parsedate_to_datetime(answer.headers["Date"])

    def resource(self, name: str) -> Resource:
        """The resource that kubectl would take `name` for: `pods`, `po`, `Pod`, `roles.rbac.authorization.k8s.io`.

        Raises:
            LabError: the server has none of that name.
        """
        if not self.resources:
            self.resources += self._discover()
        wanted = name.lower()
        for known in self.resources:
            if wanted in known.names:
                return known
        raise LabError(f"This cluster has no resource {name!r}. `kubectl api-resources` lists what it has.")

    def resource_of(self, manifest: Mapping[str, Any]) -> Resource:
        """The resource for a manifest's apiVersion and kind.

        Raises:
            LabError: the server has no such kind, or the manifest names none.
        """
        if not self.resources:
            self.resources += self._discover()
        group, _, version = str(manifest.get("apiVersion", "")).rpartition("/")
        for known in self.resources:
            if (known.group, known.version, known.kind) == (group, version, manifest.get("kind")):
                return known
        raise LabError(f"This cluster has no kind {manifest.get('kind')!r} in {manifest.get('apiVersion')!r}.")

    def _discover(self) -> list[Resource]:
        found = []
        for path in ("/api", "/apis"):
            listed = self.request("GET", path, accept=AGGREGATED)
            for group in listed.get("items", ()):
                for version in group["versions"][:1]:  # the preferred one comes first
                    found += [_resource(row, group.get("metadata", {}).get("name", ""), version["version"]) for row in version["resources"]]
        return found

    def _send(self, method: str, path: str, body: Any, query: Mapping[str, str] | None, content_type: str, accept: str) -> Any:
        import urllib3

        settings = self.client.configuration
        headers = urllib3.HTTPHeaderDict(self.client.default_headers)
        for key, value in self.headers:
            headers.add(key, value)
        headers["Accept"] = accept
        login = settings.auth_settings().get("BearerToken")
        if login and login["value"] and "Authorization" not in headers:
            headers["Authorization"] = login["value"]
        if body is not None:
            headers["Content-Type"] = content_type
        url = f"{settings.host}{path}{'?' + urlencode(query) if query else ''}"
        try:
            return self.client.rest_client.pool_manager.request(
                method,
                url,
                body=None if body is None else json.dumps(body).encode(),
                headers=headers,
                timeout=TIMEOUT_SECONDS,
                retries=urllib3.Retry(connect=0, read=1, redirect=0, status=0, other=0),
            )
        except urllib3.exceptions.HTTPError as error:
            place = urlsplit(settings.host).netloc
            raise NoAnswer(
                f"The cluster does not answer at {place}. `labkit status` tells what happened to it, `labkit up` starts it again."
            ) from error


def _client(settings: Any) -> Any:
    from kubernetes import client

    host = urlsplit(settings.host).hostname or ""
    if host == "localhost" or _is_loopback(host):
        settings.proxy = None  # a proxy of the environment is no way to this machine
    return client.ApiClient(settings)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _resource(row: Mapping[str, Any], group: str, version: str) -> Resource:
    return Resource(
        plural=row["resource"],
        kind=row["responseKind"]["kind"],
        group=group,
        version=version,
        namespaced=row["scope"] == "Namespaced",
        singular=row.get("singularResource", ""),
        short_names=tuple(row.get("shortNames", ())),
    )


def _error(status: int, text: str) -> ApiError:
    """The server's Status; what is none (`404 page not found`) becomes the message."""
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict) or found.get("kind") != "Status":
        return ApiError(text.strip(), code=status, reason="")
    return error_from_status(found | {"code": found.get("code") or status})
