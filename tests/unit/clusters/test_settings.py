"""An embedded cluster's settings: judged as kube-apiserver judges its flags."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from labkit.clusters.embedded.settings import DEFAULT_ISSUER, Settings

BASE: dict[str, Any] = {"name": "lab", "state_dir": Path("/state")}


def test_defaults_are_the_courses() -> None:
    settings = Settings(name="lab", state_dir=Path("/state"))
    assert (settings.version, settings.address, settings.service_account_issuers) == ("1.37", "127.0.0.1", (DEFAULT_ISSUER,))


def test_json_there_and_back() -> None:
    settings = Settings(**{**BASE, "version": "1.29", "feature_gates": {"ServiceAccountTokenJTI": True}, "api_audiences": ("a", "b")})
    assert Settings.from_json(json.loads(json.dumps(settings.as_json()))) == settings


def test_a_newer_labkits_settings() -> None:
    assert Settings.from_json({"name": "lab", "state_dir": "/state", "invented_later": 1}) == Settings(**BASE)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"service_account_issuers": ()}, "service-account-issuer is a required flag", id="T-OPT-24"),
        pytest.param(
            {"service_account_issuers": ("http://foo.bar.com", "http://foo.bar.com")},
            'service-account-issuer "http://foo.bar.com" is already specified',
            id="T-OPT-26",
        ),
        pytest.param(
            {"service_account_issuers": ("http://[::1]:namedport",)},
            "service-account-issuer \"http://[::1]:namedport\" contained a ':' but was not a valid URL",
            id="T-OPT-27",
        ),
        pytest.param({"service_account_issuers": ("",)}, "service-account-issuer should not be an empty string", id="TRQ-20-empty"),
        pytest.param(
            {"service_account_max_token_expiration": 3599},
            "the service-account-max-token-expiration must be between 1 hour and 2^32 seconds",
            id="TRQ-20-short",
        ),
        pytest.param(
            {"service_account_max_token_expiration": 2**32 + 1},
            "the service-account-max-token-expiration must be between 1 hour and 2^32 seconds",
            id="TRQ-20-long",
        ),
        pytest.param({"version": "1.99"}, "Kubernetes 1.99 is outside what labkit knows; choose a version from 1.6 to 1.37", id="version"),
        pytest.param(
            {"feature_gates": {"Foo": True}}, "unrecognized feature gate: Foo; Kubernetes 1.37 does not have it", id="unknown-gate"
        ),
        pytest.param({"legacy_service_account_token_clean_up_period": 0}, "invalid CleanUpPeriod: 0s", id="LEG-5"),
        pytest.param({"port": 65536}, "--secure-port 65536 must be between 1 and 65535, inclusive", id="port"),
    ],
)
def test_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as refused:
        Settings(**{**BASE, **changes})
    assert str(refused.value) == message


@pytest.mark.parametrize("seconds", [0, 3600, 2**32])
def test_expirations_that_are_taken(seconds: int) -> None:
    assert Settings(**{**BASE, "service_account_max_token_expiration": seconds}).service_account_max_token_expiration == seconds


@pytest.mark.parametrize("issuer", ["foo", "https://kubernetes.default.svc", "http://[::1]:8443", "urn:example"])
def test_issuers_that_are_taken(issuer: str) -> None:
    assert Settings(**{**BASE, "service_account_issuers": (issuer,)}).service_account_issuers == (issuer,)
