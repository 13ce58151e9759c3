"""Which Secrets hold a token of an account (TKC-3, ERAADM-3)."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.kube.objects import Obj
from labkit.resources.token_secrets import is_token_of
from tests.unit.rules_world import obj

ACCOUNT = obj("default", "team", uid="12345")
NAME, UID, TYPE = "kubernetes.io/service-account.name", "kubernetes.io/service-account.uid", "kubernetes.io/service-account-token"


def secret(namespace: str = "team", kind: str = TYPE, **annotations: Any) -> Obj:
    return obj("s", namespace, type=kind, metadata={"annotations": {NAME: "default"} | annotations})


@pytest.mark.parametrize(
    ("found", "belongs"),
    [
        pytest.param(secret(), True, id="without uid"),
        pytest.param(secret(**{UID: ""}), True, id="an empty uid"),
        pytest.param(secret(**{UID: "12345"}), True, id="its uid"),
        pytest.param(secret(**{UID: "other"}), False, id="another uid"),
        pytest.param(secret(**{NAME: "other"}), False, id="another name"),
        pytest.param(secret("elsewhere"), False, id="another namespace"),
        pytest.param(secret("team", "kubernetes.io/dockercfg"), False, id="another type"),
    ],
)
def test_whose(found: Obj, belongs: bool) -> None:
    assert is_token_of(found, ACCOUNT) is belongs
