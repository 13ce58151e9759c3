"""Namespaces: the `kubernetes` finalizer, the name label, the phase (pkg/registry/core/namespace/strategy.go)."""

from __future__ import annotations

from labkit.kube.objects import Obj, dig, is_deleted, name_of
from labkit.kube.scope import Scope
from labkit.kube.status import FieldError, field_invalid
from labkit.resources.kinds import Strategy
from labkit.resources.metadata import validate_finalizer

NAME_LABEL = "kubernetes.io/metadata.name"
FINALIZER = "kubernetes"


class NamespaceStrategy(Strategy):
    """Namespaces. A new one is Active and carries upstream's finalizer, which the namespace controller takes off."""

    def default(self, obj: Obj) -> None:
        """Set the label with the name; a generated name is known only later, so this is called again then."""
        if name := name_of(obj):
            metadata = obj["metadata"]
            metadata["labels"] = {**(metadata.get("labels") or {}), NAME_LABEL: name}
        status = obj.setdefault("status", {})
        status["phase"] = status.get("phase") or "Active"

    def prepare_for_create(self, obj: Obj, scope: Scope) -> None:
        """Active, and with the finalizer."""
        obj["status"] = {"phase": "Active"}
        finalizers = list(dig(obj, "spec", "finalizers", default=()))
        obj["spec"] = {"finalizers": finalizers if FINALIZER in finalizers else [*finalizers, FINALIZER]}

    def prepare_for_update(self, obj: Obj, old: Obj, scope: Scope, subresource: str = "") -> None:
        """Status and finalizers change through their own endpoints."""
        if subresource != "status":
            obj["status"] = old.get("status", {})
        if subresource != "finalize":
            obj["spec"] = old.get("spec", {})

    def validate(self, obj: Obj) -> list[FieldError]:
        """The finalizers' names."""
        finalizers = dig(obj, "spec", "finalizers", default=())
        return [error for item in finalizers for error in validate_finalizer(item, "spec.finalizers")]

    def validate_update(self, obj: Obj, old: Obj, subresource: str = "") -> list[FieldError]:
        """Terminating if, and only if, a deletion was asked for."""
        if subresource == "status":
            phase = dig(obj, "status", "phase", default="")
            wanted, given = ("Terminating", "not empty") if is_deleted(obj) else ("Active", "empty")
            if phase == wanted:
                return []
            return [field_invalid("status.Phase", phase, f"may only be '{wanted}' if `deletionTimestamp` is {given}")]
        if subresource == "finalize":
            finalizers = enumerate(dig(obj, "spec", "finalizers", default=()))
            return [error for index, item in finalizers for error in validate_finalizer(item, f"spec.finalizers[{index}]")]
        return self.validate(obj)

    def selectable_fields(self, obj: Obj) -> dict[str, str]:
        """`status.phase`, and upstream's old slip `name`."""
        return {"status.phase": dig(obj, "status", "phase", default=""), "name": name_of(obj)}


STRATEGY = NamespaceStrategy()
