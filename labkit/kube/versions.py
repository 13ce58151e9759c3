"""Versions and feature gates: an `Era` says which rules apply (upstream-rules section 13; pkg/features/kube_features.go)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import total_ordering

OLDEST, NEWEST = "1.6", "1.37"


@total_ordering
@dataclass(frozen=True, slots=True)
class Version:
    """A Kubernetes minor version, with its patch where it matters."""

    major: int
    minor: int
    patch: int = 0

    @classmethod
    def parse(cls, text: str) -> Version:
        """`1.37`, `v1.37.2`.

        Raises:
            ValueError: the text is no version; the message says what one looks like.
        """
        parts = text.strip().removeprefix("v").split("-")[0].split(".")
        if len(parts) not in (2, 3) or not all(part.isdigit() for part in parts):
            raise ValueError(f"{text!r} is no Kubernetes version; write one like 1.37 or v1.37.2")
        return cls(*(int(part) for part in parts))

    def __lt__(self, other: Version) -> bool:
        return (self.major, self.minor, self.patch) < (other.major, other.minor, other.patch)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}"


@dataclass(frozen=True, slots=True)
class Gate:
    """A feature gate: the minor version in which it turned alpha (off), beta (on) and stable, and in which its name was dropped.

    `locked` is the version from which nobody can switch it off, where that is not the version in which it turned stable.
    """

    alpha: str | None
    beta: str | None
    stable: str | None
    removed: str | None = None
    off_between: tuple[str, str] | None = None  # beta, yet switched off again from the first version to before the second
    locked: str | None = None

    def default_at(self, version: Version) -> bool:
        """Whether the gate is on when nobody sets it. A gate whose name is gone stays as it was locked: on."""
        if self.off_between and Version.parse(self.off_between[0]) <= version < Version.parse(self.off_between[1]):
            return False
        on_since = [since for since in (self.beta, self.stable) if since]
        return bool(on_since) and version >= min(Version.parse(since) for since in on_since)

    def known_at(self, version: Version) -> bool:
        """Whether a server of this version accepts the gate's name."""
        first = [since for since in (self.alpha, self.beta, self.stable) if since]
        return version >= Version.parse(first[0]) and not (self.removed and version >= Version.parse(self.removed))

    def locked_at(self, version: Version) -> bool:
        """Whether the gate can no longer be switched off."""
        locked = self.locked or self.stable
        return locked is not None and version >= Version.parse(locked)


GATES: Mapping[str, Gate] = {
    "TokenRequest": Gate("1.10", "1.12", "1.20", "1.22"),
    "TokenRequestProjection": Gate("1.11", "1.12", "1.20", "1.22"),
    "BoundServiceAccountTokenVolume": Gate("1.13", "1.21", "1.22", "1.24"),
    "RootCAConfigMap": Gate("1.13", "1.20", "1.21", "1.23"),
    "ServiceAccountIssuerDiscovery": Gate("1.18", "1.20", "1.21", "1.24"),
    "CSIServiceAccountToken": Gate("1.20", "1.21", "1.22", "1.25"),
    "LegacyServiceAccountTokenNoAutoGeneration": Gate(None, "1.24", "1.26", "1.29", locked="1.27"),
    "LegacyServiceAccountTokenTracking": Gate("1.26", "1.27", "1.28", "1.30"),
    "LegacyServiceAccountTokenCleanUp": Gate("1.28", "1.29", "1.30", "1.32"),
    "ServiceAccountTokenJTI": Gate("1.29", "1.30", "1.32"),
    "ServiceAccountTokenPodNodeInfo": Gate("1.29", "1.30", "1.32"),
    "ServiceAccountTokenNodeBindingValidation": Gate("1.29", "1.30", "1.32"),
    "ServiceAccountTokenNodeBinding": Gate("1.29", "1.31", "1.33"),
    "ExternalServiceAccountTokenSigner": Gate("1.32", "1.34", "1.36"),
    "ServiceAccountNodeAudienceRestriction": Gate(None, "1.32", None, None, ("1.32.2", "1.33")),
    "KubeletServiceAccountTokenForCredentialProviders": Gate("1.33", "1.34", None),
    "TokenRequestServiceAccountUIDValidation": Gate(None, "1.34", None),
    "CSIServiceAccountTokenSecrets": Gate(None, "1.35", "1.36"),
}


@dataclass(frozen=True)
class Era:
    """A Kubernetes version with its feature gates: what rules ask to know which of them apply.

    Raises:
        ValueError: a version outside 1.6 to 1.37, or a gate that this version does not know or no longer lets anybody switch off.
    """

    version: str = NEWEST
    gates: Mapping[str, bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        parsed = Version.parse(self.version)
        if not Version.parse(OLDEST) <= Version(parsed.major, parsed.minor) <= Version.parse(NEWEST):
            raise ValueError(f"Kubernetes {self.version} is outside what labkit knows; choose a version from {OLDEST} to {NEWEST}")
        for name, on in self.gates.items():
            gate = GATES.get(name)
            if gate is None or not gate.known_at(parsed):
                raise ValueError(f"unrecognized feature gate: {name}; Kubernetes {parsed} does not have it")
            if not on and gate.locked_at(parsed):
                raise ValueError(f"cannot set feature gate {name} to false, feature is locked to true in Kubernetes {parsed}")

    @property
    def parsed(self) -> Version:
        """The version as numbers."""
        return Version.parse(self.version)

    def since(self, version: str) -> bool:
        """Whether this era is `version` or later."""
        return self.parsed >= Version.parse(version)

    def enabled(self, gate: str) -> bool:
        """Whether the gate is on: as set, else by its default in this version."""
        return self.gates[gate] if gate in self.gates else GATES[gate].default_at(self.parsed)
