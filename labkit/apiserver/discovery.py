"""Discovery: what the server serves, in the old form (a document a group) and in the aggregated one, made from the table of kinds.

Upstream: apiserver/pkg/endpoints/discovery. Order of groups, and storageVersionHashes, are upstream's facts (`data/discovery.json`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from labkit.apiserver.data import load
from labkit.apiserver.negotiation import DISCOVERY_TRANSFORMS, check_accept, encode_json, negotiate
from labkit.apiserver.request import Request, Response
from labkit.kube.objects import Obj
from labkit.kube.versions import Version
from labkit.resources.kinds import Kind, Subresource

AGGREGATED_TYPE = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
AGGREGATED_SINCE = Version(1, 26)
EMULATION_SINCE = Version(1, 33)


class Discovery:
    """The discovery documents for `kinds`, made once. `address` is the server's, as clients see it."""

    def __init__(self, kinds: Iterable[Kind], address: str, version: str) -> None:
        self._version = Version.parse(version)
        order: list[str] = ["", *load("discovery.json")["groups"]]
        self._groups: dict[str, dict[str, list[Kind]]] = {}
        ranked = sorted(
            kinds, key=lambda kind: (order.index(kind.group) if kind.group in order else len(order), _version_rank(kind), kind.plural)
        )
        for kind in ranked:
            self._groups.setdefault(kind.group, {}).setdefault(kind.version, []).append(kind)
        self._documents: Mapping[str, Obj] = dict(self._old_documents(address))
        self._aggregated = {"/api": self._aggregate([""]), "/apis": self._aggregate([group for group in self._groups if group])}

    def answer(self, request: Request) -> Response | None:
        """The document at this path, or None: it is no discovery path.

        Raises:
            NotAcceptable: the client takes no form of it.
        """
        path = "/" + request.path.strip("/")
        accept = request.headers.get("accept", "")
        document = self._documents.get(path)
        if document is None:
            return None
        both = path in self._aggregated and request.path != "/apis/" and self._version >= AGGREGATED_SINCE
        if both and negotiate(accept, DISCOVERY_TRANSFORMS).as_kind:
            return self._aggregated_answer(request, path)
        check_accept(accept)
        return Response(200, document)

    def _aggregated_answer(self, request: Request, path: str) -> Response:
        body, tag = self._aggregated[path]
        headers = {"Etag": tag, "Vary": "Accept", "Cache-Control": "public"}
        if tag in request.headers.get("if-none-match", ""):
            return Response(304, b"", headers, AGGREGATED_TYPE)
        return Response(200, body, headers, AGGREGATED_TYPE)

    def _old_documents(self, address: str) -> Iterable[tuple[str, Obj]]:
        addresses = [{"clientCIDR": "0.0.0.0/0", "serverAddress": address}]
        core = list(self._groups.get("", {}))
        yield "/api", {"kind": "APIVersions", "versions": core, "serverAddressByClientCIDRs": addresses}
        groups = [_group(name, list(versions)) for name, versions in self._groups.items() if name]
        yield "/apis", {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
        for group in groups:
            yield f"/apis/{group['name']}", {"kind": "APIGroup", "apiVersion": "v1", **group}
        for name, versions in self._groups.items():
            for version, kinds in versions.items():
                where = f"{name}/{version}" if name else version
                # The core group's list has no apiVersion: it is older than that field.
                head: Obj = {"kind": "APIResourceList"} | ({"apiVersion": "v1"} if name else {}) | {"groupVersion": where}
                yield f"/{'apis' if name else 'api'}/{where}", head | {"resources": _resources(kinds)}

    def _aggregate(self, groups: list[str]) -> tuple[bytes, str]:
        """The aggregated document's bytes, and their Etag."""
        items = [
            {
                "metadata": {"name": group} if group else {},
                "versions": [
                    {"version": version, "resources": [_aggregated_resource(kind) for kind in kinds], "freshness": "Current"}
                    for version, kinds in self._groups.get(group, {}).items()
                ],
            }
            for group in groups
        ]
        body = encode_json({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items})
        return body, f'"{hashlib.sha512(body).hexdigest().upper()}"'


def version_info(version: str) -> Obj:
    """The body of `/version`. What tells of a build is left empty: there was none."""
    parsed = Version.parse(version)
    info: Obj = {"major": str(parsed.major), "minor": str(parsed.minor)}
    if parsed >= EMULATION_SINCE:
        info |= {
            "emulationMajor": str(parsed.major),
            "emulationMinor": str(parsed.minor),
            "minCompatibilityMajor": str(parsed.major),
            "minCompatibilityMinor": str(parsed.minor - 1),
        }
    return info | {
        "gitVersion": f"v{parsed.major}.{parsed.minor}.{parsed.patch}",
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "",
        "platform": "linux/amd64",
    }


def _version_rank(kind: Kind) -> tuple[int, str]:
    """Stable versions first, then beta, then alpha."""
    return (("alpha" in kind.version) * 2 + ("beta" in kind.version), kind.version)


def _group(name: str, versions: list[str]) -> Obj:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _resources(kinds: Iterable[Kind]) -> list[Obj]:
    found: list[Obj] = []
    for kind in kinds:
        entry: Obj = {"name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind}
        entry |= {"verbs": sorted(kind.verbs)} | _names(kind)
        if version_hash := load("discovery.json")["hashes"].get(f"{kind.api_version}/{kind.plural}"):
            entry["storageVersionHash"] = version_hash
        found.append(entry)
        for sub in sorted(kind.subresources, key=lambda sub: sub.name):
            entry = {"name": f"{kind.plural}/{sub.name}", "singularName": "", "namespaced": kind.namespaced}
            if sub.group:
                entry |= {"group": sub.group, "version": sub.version}
            found.append(entry | {"kind": sub.kind or kind.kind, "verbs": sorted(sub.verbs)})
    return found


def _aggregated_resource(kind: Kind) -> Obj:
    entry: Obj = {
        "resource": kind.plural,
        "responseKind": {"group": "", "version": "", "kind": kind.kind},
        "scope": "Namespaced" if kind.namespaced else "Cluster",
        "singularResource": kind.singular,
        "verbs": sorted(kind.verbs),
    } | _names(kind)
    if kind.subresources:
        entry["subresources"] = [_aggregated_subresource(kind, sub) for sub in sorted(kind.subresources, key=lambda sub: sub.name)]
    return entry


def _aggregated_subresource(kind: Kind, sub: Subresource) -> Obj:
    response = {"group": sub.group, "version": sub.version if sub.group else "", "kind": sub.kind or kind.kind}
    return {"subresource": sub.name, "responseKind": response, "verbs": sorted(sub.verbs)}


def _names(kind: Kind) -> Obj:
    found: Obj = {}
    if kind.short_names:
        found["shortNames"] = list(kind.short_names)
    if kind.categories:
        found["categories"] = list(kind.categories)
    return found


__all__ = ["AGGREGATED_TYPE", "Discovery", "version_info"]
