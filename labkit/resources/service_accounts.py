"""ServiceAccounts: only their metadata is judged (VAL-1 to VAL-4; pkg/registry/core/serviceaccount/strategy.go)."""

from __future__ import annotations

from collections.abc import Sequence

from labkit.kube.objects import Obj, annotations_of
from labkit.kube.scope import Scope
from labkit.resources.kinds import Strategy

ENFORCE_MOUNTABLE_SECRETS = "kubernetes.io/enforce-mountable-secrets"


class ServiceAccountStrategy(Strategy):
    """Keeps the names in `secrets`, and warns of the annotation that enforces mountable Secrets."""

    def prepare_for_create(self, obj: Obj, scope: Scope) -> None:  # the base says what a strategy may look at
        """Drop all but the names from `secrets` (VAL-3)."""
        _keep_names(obj)

    def prepare_for_update(self, obj: Obj, old: Obj, scope: Scope, subresource: str = "") -> None:
        """Drop all but the names from `secrets` (VAL-3)."""
        _keep_names(obj)

    def warnings(self, obj: Obj, old: Obj | None, scope: Scope) -> Sequence[str]:
        """The deprecation of the annotation, when a request newly sets it (ADM-28; 1.32+)."""
        if not scope.era.since("1.32") or ENFORCE_MOUNTABLE_SECRETS not in annotations_of(obj):
            return ()
        if old is not None and ENFORCE_MOUNTABLE_SECRETS in annotations_of(old):
            return ()
        advice = "deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"
        return (f"metadata.annotations[{ENFORCE_MOUNTABLE_SECRETS}]: {advice}",)


def _keep_names(account: Obj) -> None:
    if secrets := account.get("secrets"):
        account["secrets"] = [{"name": secret["name"]} if secret.get("name") else {} for secret in secrets]


STRATEGY = ServiceAccountStrategy()
