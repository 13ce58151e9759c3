"""The ServiceAccount controller: every active namespace has its listed accounts.

Upstream: pkg/controller/serviceaccount/serviceaccounts_controller.go. Rules SAC-1 to SAC-9.
"""

from __future__ import annotations

from collections.abc import Iterable

from labkit.controllers.identity import CONTROLLER_MANAGER, GROUPS, account, name_of_event
from labkit.kube.calls import Create, Note, Rule, find
from labkit.kube.controllers import Controller, Event, Source
from labkit.kube.objects import dig, namespace_of
from labkit.kube.scope import Scope
from labkit.kube.status import AlreadyExists, ApiError

DEFAULT_ACCOUNTS = ("default",)
TERMINATING_CAUSE = "NamespaceTerminating"


def controller(accounts: tuple[str, ...] = DEFAULT_ACCOUNTS) -> Controller:
    """The controller that keeps `accounts` in every namespace. Its key is the namespace's name."""

    def sync(key: str, _scope: Scope) -> Rule[float | None]:
        yield from sync_namespace(key, accounts)
        return None

    return Controller(
        name="serviceaccount-controller",
        user=account("service-account-controller"),
        groups=GROUPS,
        watches_as=CONTROLLER_MANAGER,
        sources=(Source("namespaces", _namespace_keys), Source("serviceaccounts", _account_keys)),
        sync=sync,
    )


def _namespace_keys(event: Event) -> Iterable[str]:
    if event.type != "DELETED":
        yield from name_of_event(event)


def _account_keys(event: Event) -> Iterable[str]:
    """Only an account's deletion counts, of whichever account (SAC-2)."""
    if event.type == "DELETED":
        yield namespace_of(event.obj)


def sync_namespace(name: str, accounts: tuple[str, ...] = DEFAULT_ACCOUNTS) -> Rule[None]:
    """Give the namespace `name` its accounts.

    1. A namespace that is gone, or in any phase but Active, gets nothing (SAC-3).
    2. A listed account that is missing is created, bare (SAC-1, SAC-3).
    3. Somebody else having been quicker is success; a namespace that began to terminate is no error (SAC-4).
    4. One failing account does not keep the others from being tried; the failures are raised together, and the queue tries the
       namespace again later (SAC-4).

    Raises:
        ExceptionGroup: the API's errors, one for each account that could not be created.
    """
    namespace = yield from find("namespaces", name)
    if namespace is None or dig(namespace, "status", "phase") != "Active":
        yield Note("SAC-3", "not an active namespace", {"namespace": name})
        return
    failures: list[ApiError] = []
    for missing in accounts:
        if (yield from find("serviceaccounts", missing, name)) is not None:
            continue
        try:
            yield Create("serviceaccounts", {"metadata": {"name": missing, "namespace": name}}, name)
            yield Note("SAC-1", "account created", {"namespace": name, "name": missing})
        except AlreadyExists:
            continue
        except ApiError as error:
            if not error.has_cause(TERMINATING_CAUSE):
                failures.append(error)
    if failures:
        raise ExceptionGroup(f"accounts of namespace {name}", failures)
