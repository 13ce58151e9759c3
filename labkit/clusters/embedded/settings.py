"""What an embedded cluster is started with, and what it says of itself once it runs.

Flags carry upstream's names and are judged with upstream's texts (TRQ-20, T-OPT-24 to T-OPT-27).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from labkit.kube.versions import NEWEST, Era

DEFAULT_ISSUER = "https://kubernetes.default.svc.cluster.local"
IDLE_SECONDS = 2 * 60 * 60.0
CLEAN_UP_SECONDS = 365 * 24 * 60 * 60.0
MAX_EXPIRATION = range(3600, 2**32 + 1)


@dataclass(frozen=True)
class Settings:
    """An embedded cluster's settings.

    `state_dir` holds everything that outlives the process (store, keys, certificates, volumes); it exists, with mode 0700.
    `port` 0 means any free port. Durations are in seconds; a maximum expiration of 0 means none. No `api_audiences` means the issuers.

    Raises:
        ValueError: a setting that kube-apiserver of this version refuses too, with its text.
    """

    name: str
    state_dir: Path
    version: str = NEWEST
    address: str = "127.0.0.1"
    port: int = 0
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
    service_account_issuers: tuple[str, ...] = (DEFAULT_ISSUER,)
    api_audiences: tuple[str, ...] = ()
    service_account_max_token_expiration: int = 0
    service_account_extend_token_expiration: bool = True
    legacy_service_account_token_clean_up_period: float = CLEAN_UP_SECONDS
    disable_admission_plugins: tuple[str, ...] = ()
    idle_seconds: float = IDLE_SECONDS

    def __post_init__(self) -> None:
        Era(self.version, self.feature_gates)
        _check_issuers(self.service_account_issuers)
        if self.service_account_max_token_expiration and self.service_account_max_token_expiration not in MAX_EXPIRATION:
            raise ValueError("the service-account-max-token-expiration must be between 1 hour and 2^32 seconds")
        if self.legacy_service_account_token_clean_up_period <= 0:
            raise ValueError(f"invalid CleanUpPeriod: {self.legacy_service_account_token_clean_up_period:g}s")  # LEG-5
        if not 0 <= self.port <= 65535:
            raise ValueError(f"--secure-port {self.port} must be between 1 and 65535, inclusive")

    @property
    def era(self) -> Era:
        """The version with its gates, as rules ask for it."""
        return Era(self.version, self.feature_gates)

    def as_json(self) -> dict[str, Any]:
        """The settings as JSON has them."""
        plain = {item.name: getattr(self, item.name) for item in fields(self)}
        return plain | {"state_dir": str(self.state_dir), "feature_gates": dict(self.feature_gates)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Settings:
        """The settings that `as_json` wrote. Unknown keys (of a newer labkit) are left out.

        Raises:
            ValueError: a value that is refused.
            KeyError: the name or the folder is missing.
        """
        known = {item.name for item in fields(cls)}
        given = {key: tuple(value) if isinstance(value, list) else value for key, value in data.items() if key in known}
        return cls(**{**given, "name": data["name"], "state_dir": Path(data["state_dir"])})


@dataclass(frozen=True)
class Started:
    """What a running cluster says of itself, so that its kubeconfig can be written.

    `server` is a URL, `version` a full version such as `1.37.2`; the other three are PEM texts, the administrator's certificate
    (`kubernetes-admin` in `kubeadm:cluster-admins`) and key among them. `idle_for` gives the seconds since the last request
    from outside ended, 0 while one is open; controllers, scheduler and node do not count.
    """

    server: str
    version: str
    certificate_authority: str
    client_certificate: str
    client_key: str
    idle_for: Callable[[], float]


def _check_issuers(issuers: tuple[str, ...]) -> None:
    if not issuers:
        raise ValueError("service-account-issuer is a required flag")
    seen: set[str] = set()
    for issuer in issuers:
        if not issuer:
            raise ValueError("service-account-issuer should not be an empty string")
        if ":" in issuer and not _is_url(issuer):
            raise ValueError(f"service-account-issuer \"{issuer}\" contained a ':' but was not a valid URL")
        if issuer in seen:
            raise ValueError(f'service-account-issuer "{issuer}" is already specified')
        seen.add(issuer)


def _is_url(text: str) -> bool:
    """Whether Go's url.Parse takes it, as far as schemes, brackets and ports go."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return bool(parts.scheme)
