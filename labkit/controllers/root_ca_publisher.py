"""The root CA publisher: every namespace can check the API server's certificate (RCA-1 to RCA-6).

Upstream: pkg/controller/certificates/rootcacertpublisher/publisher.go.
"""

from __future__ import annotations

from collections.abc import Iterable

from labkit.controllers.identity import CONTROLLER_MANAGER, GROUPS, account
from labkit.kube.calls import Create, Note, Rule, Update, find
from labkit.kube.controllers import Controller, Event, Source
from labkit.kube.objects import annotations_of, copy, dig, meta, name_of, namespace_of
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, NotFound

CONFIG_MAP = "kube-root-ca.crt"
KEY = "ca.crt"
DESCRIPTION_ANNOTATION = "kubernetes.io/description"
# RCA-1: the text is part of the object.
DESCRIPTION = (
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or "
    "kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters."
)
TERMINATING_CAUSE = "NamespaceTerminating"
ANNOTATED_SINCE = "1.22"  # between 1.21 and 1.23.1 (RCA-4)


def controller(ca: str) -> Controller:
    """The controller that publishes the PEM bundle `ca`. Its key is the namespace's name."""

    def sync(key: str, scope: Scope) -> Rule[float | None]:
        yield from sync_namespace(key, ca, annotated=scope.era.since(ANNOTATED_SINCE))
        return None

    return Controller(
        name="root-ca-certificate-publisher-controller",
        user=account("root-ca-cert-publisher"),
        groups=GROUPS,
        watches_as=CONTROLLER_MANAGER,
        sources=(Source("namespaces", _namespace_keys), Source("configmaps", _config_map_keys)),
        sync=sync,
    )


def _namespace_keys(event: Event) -> Iterable[str]:
    """A new namespace in any phase, a changed one while it is active (RCA-2)."""
    if event.type == "ADDED" or (event.type == "MODIFIED" and dig(event.obj, "status", "phase") == "Active"):
        yield name_of(event.obj)


def _config_map_keys(event: Event) -> Iterable[str]:
    """A change or deletion of the ConfigMap, not its creation by others (RCA-2)."""
    if name_of(event.obj) == CONFIG_MAP and event.type != "ADDED":
        yield namespace_of(event.obj)


def sync_namespace(name: str, ca: str, *, annotated: bool = True) -> Rule[None]:
    """Publish `ca` in the namespace `name`.

    1. Missing: create the ConfigMap; that the namespace is gone or terminating is no error (RCA-3).
    2. Other data, or no description: data replaced as a whole, annotation set, the rest kept; another description stays (RCA-4).
    """
    present = yield from find("configmaps", CONFIG_MAP, name)
    annotations = {DESCRIPTION_ANNOTATION: DESCRIPTION} if annotated else {}
    if present is None:
        body = {"metadata": {"name": CONFIG_MAP, **({"annotations": annotations} if annotations else {})}, "data": {KEY: ca}}
        try:
            yield Create("configmaps", body, name)
            yield Note("RCA-3", "root CA published", {"namespace": name})
        except NotFound:
            return
        except ApiError as error:
            if not error.has_cause(TERMINATING_CAUSE):
                raise
        return
    if present.get("data") == {KEY: ca} and (not annotated or annotations_of(present).get(DESCRIPTION_ANNOTATION)):
        return
    changed = copy(present)
    changed["data"] = {KEY: ca}
    meta(changed)["annotations"] = {**annotations_of(present), **annotations}
    yield Update("configmaps", changed, name)
    yield Note("RCA-4", "root CA put right", {"namespace": name})
