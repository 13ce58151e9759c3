"""The declared indexes: what a rule may look up without reading every object.

A host keeps them as objects change. An index maps an object to its values; `List(index=(name, value))` finds the objects of a value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from labkit.kube.objects import Obj, annotations_of, dig, meta
from labkit.kube.users import service_account_username

IndexFunction = Callable[[Obj], Iterable[str]]

TOKEN_SECRET_TYPE = "kubernetes.io/service-account-token"
ACCOUNT_NAME_ANNOTATION = "kubernetes.io/service-account.name"


def _secret_account(secret: Obj) -> Iterable[str]:
    if secret.get("type") == TOKEN_SECRET_TYPE and (name := annotations_of(secret).get(ACCOUNT_NAME_ANNOTATION)):
        yield name


def _pod_node(pod: Obj) -> Iterable[str]:
    if node := dig(pod, "spec", "nodeName"):
        yield node


def _pod_account(pod: Obj) -> Iterable[str]:
    if name := dig(pod, "spec", "serviceAccountName"):
        yield name


def _binding_subjects(binding: Obj) -> Iterable[str]:
    for subject in binding.get("subjects") or ():
        if subject.get("kind") == "ServiceAccount":
            namespace = subject.get("namespace") or meta(binding).get("namespace", "")
            yield f"User:{service_account_username(namespace, subject.get('name', ''))}"
        else:
            yield f"{subject.get('kind')}:{subject.get('name')}"


def _owners(obj: Obj) -> Iterable[str]:
    for owner in meta(obj).get("ownerReferences") or ():
        yield owner.get("uid", "")


EVERY_RESOURCE: Mapping[str, IndexFunction] = {"owner": _owners}
INDEXES: Mapping[str, Mapping[str, IndexFunction]] = {
    "secrets": {"service-account": _secret_account},
    "pods": {"node": _pod_node, "service-account": _pod_account},
    "rolebindings.rbac.authorization.k8s.io": {"subject": _binding_subjects},
    "clusterrolebindings.rbac.authorization.k8s.io": {"subject": _binding_subjects},
}


def indexes_of(resource: str) -> Mapping[str, IndexFunction]:
    """The indexes of a resource, by name."""
    return {**EVERY_RESOURCE, **INDEXES.get(resource, {})}
