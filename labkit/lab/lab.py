"""The lesson's hold on its cluster: `lab.get("pods", "web")`. One namespace, one user, plain words.

Every method that talks to the cluster raises `ApiError` when the server says no (`with refused(403)` expects that) and `NoAnswer` when
nobody answers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from labkit.clusters.info import ClusterInfo
from labkit.kube.objects import Obj
from labkit.kube.status import ApiError, NotFound
from labkit.lab import manifests
from labkit.lab.api import Api, Resource
from labkit.lab.errors import LabError, TookTooLong
from labkit.lab.kubectl import Kubectl
from labkit.lab.masking import Token
from labkit.lab.session import Session
from labkit.lab.views import View, view

T = TypeVar("T")
AUTHENTICATION = "/apis/authentication.k8s.io/v1"
AUTHORIZATION = "/apis/authorization.k8s.io/v1"
Names: TypeAlias = list[str]  # inside Lab, `list` is its own method
POLL_SECONDS = 0.05
# A server remembers an accepted token for ten seconds; whoever waits for the end of one waits at least that long.
REVOKED_WITHIN = 20.0
PATCHES = {
    "json": "application/json-patch+json",
    "merge": "application/merge-patch+json",
    "strategic": "application/strategic-merge-patch+json",
}


@dataclass(frozen=True)
class Lab:
    """A cluster, the lesson's namespace on it, and the user who asks: the administrator, unless made by `as_user` or `with_token`."""

    info: ClusterInfo
    lesson: str
    namespace: str
    session: Session
    api: Api = field(repr=False)

    @property
    def version(self) -> str:
        """The cluster's minor version: `1.37`."""
        return ".".join(self.info.version.removeprefix("v").split(".")[:2])

    @property
    def core(self) -> Any:
        """The official client's CoreV1Api, as this user."""
        from kubernetes import client

        return client.CoreV1Api(self.api.client)

    # Reading

    def get(self, resource: str, name: str, namespace: str | None = None) -> View:
        """One object. `namespace` is the lesson's unless another is named; for what is in no namespace it means nothing."""
        return View(self.api.get(self._path(self.api.resource(resource), namespace, name)))

    def exists(self, resource: str, name: str, namespace: str | None = None) -> bool:
        """Whether there is such an object."""
        try:
            self.get(resource, name, namespace)
        except NotFound:
            return False
        return True

    def list(self, resource: str, namespace: str | None = None, *, labels: str = "", fields: str = "") -> list[View]:
        """All objects of a kind in the namespace, by name; `labels` and `fields` are selectors."""
        query = {key: value for key, value in (("labelSelector", labels), ("fieldSelector", fields)) if value}
        found = self.api.get(self._path(self.api.resource(resource), namespace), query)
        return sorted((View(item) for item in found.get("items", ())), key=lambda item: item.name)

    def names(self, resource: str, namespace: str | None = None) -> Names:
        """Their names, sorted."""
        return [item.name for item in self.list(resource, namespace)]

    # Writing

    def create(self, manifest: Mapping[str, Any] | str | Path, namespace: str | None = None, *, dry_run: bool = False) -> View:
        """Create the manifest's object and return it as the server answered. A manifest of several returns the last.

        `manifest` is a dict, a YAML text, or a file here or in `manifests/`. What belongs to no namespace is labelled as the lesson's, so
        that the next run can clear it. With `dry_run` the server does all but store it.
        """
        answer, query = View(), {"dryRun": "All"} if dry_run else None
        for body in manifests.load(manifest):
            resource = self.api.resource_of(body)
            self._label(resource, body)
            answer = View(self.api.request("POST", self._path(resource, _namespace_of(body, namespace)), body, query=query))
        return answer

    def apply(self, manifest: Mapping[str, Any] | str | Path, namespace: str | None = None) -> View:
        """Create the manifest's object, or merge it into what is there. Returns what the server answered."""
        answer = View()
        for body in manifests.load(manifest):
            resource = self.api.resource_of(body)
            self._label(resource, body)
            place, name = _namespace_of(body, namespace), str(body.get("metadata", {}).get("name", ""))
            try:
                path = self._path(resource, place, name)
                answer = View(self.api.request("PATCH", path, body, content_type=PATCHES["merge"]))
            except NotFound:
                answer = View(self.api.request("POST", self._path(resource, place), body))
        return answer

    def patch(
        self, resource: str, name: str, body: Any, *, kind: str = "merge", namespace: str | None = None, subresource: str = ""
    ) -> View:
        """Patch an object: `kind` is merge, strategic or json (a list of operations)."""
        if kind not in PATCHES:
            raise LabError(f"A patch is merge, strategic or json, not {kind!r}.")
        path = self._path(self.api.resource(resource), namespace, name, subresource)
        return View(self.api.request("PATCH", path, body, content_type=PATCHES[kind]))

    def delete(self, resource: str, name: str, namespace: str | None = None, *, wait: bool = False) -> None:
        """Delete an object; with `wait`, return when it is gone."""
        path = self._path(self.api.resource(resource), namespace, name)
        self.api.request("DELETE", path, {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background"})
        if wait:
            self.wait_gone(resource, name, namespace)

    def unique(self, name: str) -> str:
        """A name for something that is in no namespace, of which neighbours on the cluster may want one too: `viewer-lesson-10-x7k2p`."""
        return f"{name}-{self.namespace}"

    # Waiting

    def wait_for(
        self,
        resource: str,
        name: str,
        until: Callable[[View], object] | None = None,
        *,
        namespace: str | None = None,
        timeout: float = 15.0,
    ) -> View:
        """The object, as soon as there is one for which `until` is true.

        Raises:
            TookTooLong: not within `timeout` seconds.
        """

        def look() -> View | None:
            try:
                found = self.get(resource, name, namespace)
            except NotFound:
                return None
            return found if until is None or until(found) else None

        what = f"{resource} {name!r}" + (" to be as expected" if until else "")
        return wait(look, timeout, f"There was no {what}" if until is None else f"The lesson waited for {what}")

    def wait_gone(self, resource: str, name: str, namespace: str | None = None, *, timeout: float = 15.0) -> None:
        """Return when there is no such object any more.

        Raises:
            TookTooLong: it is still there after `timeout` seconds.
        """
        wait(lambda: True if not self.exists(resource, name, namespace) else None, timeout, f"{resource} {name!r} was still there")

    def until_refused(self, token: str, *, timeout: float = REVOKED_WITHIN) -> str:
        """Return when the server no longer takes this token: its reason, from a TokenReview. A server may remember a token for ten seconds.

        Raises:
            TookTooLong: it still takes it after `timeout` seconds.
        """

        def look() -> str | None:
            status = self.review(token)
            return None if status.get("authenticated") else str(status.get("error") or "not authenticated")

        return wait(look, timeout, "The server still took the token")

    # Identities

    def token(
        self,
        account: str,
        *,
        audiences: Sequence[str] = (),
        seconds: int | None = None,
        pod: str | None = None,
        secret: str | None = None,
        namespace: str | None = None,
    ) -> Token:
        """A token for a ServiceAccount, from the TokenRequest API; bound to a Pod or a Secret where one is named."""
        spec: Obj = {"audiences": list(audiences)} if audiences else {}
        if seconds is not None:
            spec["expirationSeconds"] = seconds
        bound = ("Pod", pod) if pod else ("Secret", secret) if secret else None
        if bound:
            spec["boundObjectRef"] = {"apiVersion": "v1", "kind": bound[0], "name": bound[1]}
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}
        path = self._path(self.api.resource("serviceaccounts"), namespace, account, "token")
        return Token(self.api.request("POST", path, body)["status"]["token"])

    def review(self, token: str, *, audiences: Sequence[str] = ()) -> View:
        """What the server makes of a token: the status of a TokenReview."""
        spec: Obj = {"token": token} | ({"audiences": list(audiences)} if audiences else {})
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "spec": spec}
        return View(self.api.request("POST", f"{AUTHENTICATION}/tokenreviews", body).get("status", {}))

    def whoami(self) -> View:
        """The user that the server takes this lab for: username, uid, groups, extra."""
        body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        return View(self.api.request("POST", f"{AUTHENTICATION}/selfsubjectreviews", body)["status"]["userInfo"])

    def can_i(self, verb: str, resource: str, name: str = "", *, namespace: str | None = None) -> bool:
        """Whether this user may: `lab.as_user("jane").can_i("list", "pods")`. A subresource is written `pods/log`."""
        plain, _, subresource = resource.partition("/")
        group = plain.partition(".")[2]
        asked = {"verb": verb, "resource": plain.partition(".")[0], "namespace": self.namespace if namespace is None else namespace}
        asked |= {key: value for key, value in (("group", group), ("subresource", subresource), ("name", name)) if value}
        body = {"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": asked}}
        return bool(self.api.request("POST", f"{AUTHORIZATION}/selfsubjectaccessreviews", body)["status"]["allowed"])

    def as_user(self, user: str, *groups: str) -> Lab:
        """The same lab as somebody else, by impersonation."""
        return replace(self, api=self.api.impersonating(user, groups))

    def as_account(self, account: str) -> Lab:
        """The same lab as a ServiceAccount of the lesson's namespace, by impersonation."""
        return self.as_user(f"system:serviceaccount:{self.namespace}:{account}")

    def with_token(self, token: str) -> Lab:
        """The same lab with this token as its only credential; an empty one is nobody."""
        return replace(self, api=self.api.with_token(token))

    def decode(self, token: str) -> Any:
        """What is written in a token, without asking anybody: show(…) draws it. Its times are judged by this cluster's clock."""
        from labkit.lab.anatomy import Anatomy

        return Anatomy.of(token, now=self.now())

    # The rest

    @property
    def kubectl(self) -> Kubectl:
        """The lab's kubectl: `lab.kubectl("get", "pods")` returns what it printed."""
        return Kubectl(self.info, self.namespace)

    def exec(self, pod: str, command: Sequence[str], container: str | None = None) -> str:
        """What a command in a Pod's container prints on stdout.

        Raises:
            LabError: it ended with an exit code other than 0; the message has its stderr.
        """
        chosen = ["-c", container] if container else []
        ran = self.kubectl("exec", pod, *chosen, "--", *command)
        if ran.code:
            raise LabError(f"`{' '.join(command)}` in Pod {pod} ended with {ran.code}: {(ran.stderr or ran.stdout).strip()}")
        return ran.stdout

    def now(self) -> datetime:
        """The cluster's time."""
        return self.api.server_time()

    def reset(self) -> None:
        """Start the lesson's namespace anew: everything in it goes, and the namespace comes back under its old name."""
        self.delete("namespaces", self.namespace)
        self.wait_gone("namespaces", self.namespace, timeout=60)
        self.make_namespace()

    def make_namespace(self) -> None:
        """Make the lesson's namespace, and wait for what every namespace is given: its default account and the root CA."""
        labels = self.session.labels(self.lesson)
        self.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace, "labels": labels}})
        self.wait_for("serviceaccounts", "default", timeout=30)
        self.wait_for("configmaps", "kube-root-ca.crt", timeout=30)

    def _path(self, resource: Resource, namespace: str | None, name: str = "", subresource: str = "") -> str:
        return resource.path(self.namespace if namespace is None else namespace, name, subresource)

    def _label(self, resource: Resource, body: Obj) -> None:
        if not resource.namespaced:
            body["metadata"] = dict(body.get("metadata") or {})
            body["metadata"]["labels"] = self.session.labels(self.lesson) | (body["metadata"].get("labels") or {})


def wait(look: Callable[[], T | None], timeout: float, sentence: str) -> T:
    """What `look` returns, as soon as that is not None; it is asked again and again.

    Raises:
        TookTooLong: `sentence`, and how long it was waited.
    """
    deadline = time.monotonic() + timeout
    while True:
        found = look()
        if found is not None:
            return found
        if time.monotonic() >= deadline:
            raise TookTooLong(f"{sentence}, after {timeout:.0f} seconds.")
        time.sleep(POLL_SECONDS)


def _namespace_of(body: Mapping[str, Any], namespace: str | None) -> str | None:
    """A manifest's own namespace counts, as it does for kubectl."""
    return (body.get("metadata") or {}).get("namespace") or namespace


__all__ = ["ApiError", "Lab", "view", "wait"]
