"""ServiceAccounts: what is kept of `secrets`, and the one warning."""

from __future__ import annotations

import pytest

from labkit.kube.objects import Obj
from labkit.resources.service_accounts import STRATEGY
from tests.unit.resources.world import scope

ANNOTATION = "kubernetes.io/enforce-mountable-secrets"
WARNING = f"metadata.annotations[{ANNOTATION}]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"


def account(**annotations: str) -> Obj:
    return {"metadata": {"name": "x", "annotations": {key.replace("enforce", ANNOTATION): value for key, value in annotations.items()}}}


def test_only_names_are_kept() -> None:
    """VAL-3, on create and on update; names may be missing."""
    made: Obj = {"secrets": [{"name": "a", "kind": "Secret", "uid": "u"}, {"namespace": "n"}]}
    changed: Obj = {"secrets": [{"name": "b", "fieldPath": "x"}]}
    STRATEGY.prepare_for_create(made, scope())
    STRATEGY.prepare_for_update(changed, made, scope())
    assert made["secrets"] == [{"name": "a"}, {}]
    assert changed["secrets"] == [{"name": "b"}]


@pytest.mark.parametrize(
    ("new", "old", "version", "warned"),
    [
        pytest.param(account(), None, "1.37", False, id="T-REG-1-no-annotation"),
        pytest.param(account(enforce="true"), None, "1.37", True, id="T-SVC-1"),
        pytest.param(account(enforce="true"), account(), "1.37", True, id="newly-set"),
        pytest.param(account(enforce="false"), account(enforce="true"), "1.37", False, id="set-before"),
        pytest.param(account(enforce="true"), None, "1.31", False, id="before-1.32"),
    ],
)
def test_warnings(new: Obj, old: Obj | None, version: str, warned: bool) -> None:
    assert list(STRATEGY.warnings(new, old, scope(version))) == ([WARNING] if warned else [])
