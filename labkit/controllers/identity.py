"""Whom controllers act as: each has an account of its own in kube-system, and they share the informers of the controller manager.

kubeadm starts kube-controller-manager with `--use-service-account-credentials`.
"""

from __future__ import annotations

from collections.abc import Iterable

from labkit.kube.controllers import Event
from labkit.kube.objects import name_of, namespace_of
from labkit.kube.users import AUTHENTICATED_GROUP, service_account_groups, service_account_username

NAMESPACE = "kube-system"
CONTROLLER_MANAGER = "system:kube-controller-manager"
GROUPS = (*service_account_groups(NAMESPACE), AUTHENTICATED_GROUP)


def account(name: str) -> str:
    """The user name of a controller's account."""
    return service_account_username(NAMESPACE, name)


def namespace_of_event(event: Event) -> Iterable[str]:
    """The namespace that an object is in, as a key."""
    yield namespace_of(event.obj)


def name_of_event(event: Event) -> Iterable[str]:
    """The object's name, as a key: for objects that are in no namespace."""
    yield name_of(event.obj)
