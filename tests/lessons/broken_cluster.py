"""An embedded cluster with one rule broken on purpose: `python -P broken_cluster.py RULE` and then the daemon's own arguments.

It stands in for labkit's daemon, so that a test can see a lesson notice.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from labkit.admission import service_account
from labkit.clusters.embedded.daemon import main
from labkit.controllers import service_accounts
from labkit.kube.calls import Rule


def _nobody_puts_the_account_back() -> None:
    seen: set[str] = set()
    unbroken = service_accounts.sync_namespace

    def only_once(name: str, accounts: tuple[str, ...] = service_accounts.DEFAULT_ACCOUNTS) -> Rule[None]:
        if name not in seen:
            seen.add(name)
            yield from unbroken(name, accounts)

    service_accounts.sync_namespace = only_once


def _another_account_is_the_default() -> None:
    service_account.DEFAULT_ACCOUNT = "robot"
    service_accounts.controller.__defaults__ = (("default", "robot"),)  # it exists, so that Pods are admitted all the same


def _the_account_has_the_last_word() -> None:
    service_account.automounts = lambda spec, account: account.get("automountServiceAccountToken") is not False


BREAK: dict[str, Callable[[], None]] = {
    "account-stays-away": _nobody_puts_the_account_back,
    "default-name": _another_account_is_the_default,
    "automount-precedence": _the_account_has_the_last_word,
}

if __name__ == "__main__":
    BREAK[sys.argv.pop(1)]()
    sys.exit(main())
