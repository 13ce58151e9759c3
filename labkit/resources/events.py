"""Events of the core group: light checks, many selectable fields (pkg/apis/core/validation/events.go)."""

from __future__ import annotations

from labkit.kube import names
from labkit.kube.objects import Obj, dig, namespace_of
from labkit.kube.status import FieldError, field_invalid, field_required
from labkit.resources.kinds import Strategy

SHORT_LIMIT, MESSAGE_LIMIT = 128, 1024
_MISMATCH = "does not match event.namespace"


class EventStrategy(Strategy):
    """Events. Those with an `eventTime` are of the new style and have to say who reports."""

    def default(self, obj: Obj) -> None:
        """The fields that upstream's struct always writes."""
        for field in ("firstTimestamp", "lastTimestamp", "eventTime"):
            obj.setdefault(field, None)
        obj.setdefault("source", {})
        obj.setdefault("involvedObject", {})
        obj.setdefault("reportingComponent", "")
        obj.setdefault("reportingInstance", "")

    def validate(self, obj: Obj) -> list[FieldError]:
        """The namespace agrees with the object's; a new-style Event is complete."""
        involved = dig(obj, "involvedObject", "namespace", default="")
        namespace = namespace_of(obj)
        if not obj.get("eventTime"):
            agrees = namespace in {"", "default"} if not involved else namespace == involved
            return [] if agrees else [field_invalid("involvedObject.namespace", involved, _MISMATCH)]
        errors: list[FieldError] = []
        if not involved and namespace not in {"default", "kube-system"}:
            errors.append(field_invalid("involvedObject.namespace", involved, _MISMATCH))
        reporter = obj.get("reportingComponent") or ""
        if not reporter:
            errors.append(field_required("reportingComponent"))
        errors += [field_invalid("reportingComponent", reporter, text) for text in names.is_qualified_name(reporter)]
        for field in ("reportingInstance", "action", "reason"):
            value = obj.get(field) or ""
            if not value:
                errors.append(field_required(field))
            if len(value.encode()) > SHORT_LIMIT:
                errors.append(field_invalid(field, "", f"can have at most {SHORT_LIMIT} characters"))
        if len((obj.get("message") or "").encode()) > MESSAGE_LIMIT:
            errors.append(field_invalid("message", "", f"can have at most {MESSAGE_LIMIT} characters"))
        return errors

    def validate_update(self, obj: Obj, old: Obj, subresource: str = "") -> list[FieldError]:
        """The same as for a new one."""
        return self.validate(obj)

    def selectable_fields(self, obj: Obj) -> dict[str, str]:
        """The involved object's fields, reason, reporter, source and type."""
        involved: Obj = obj.get("involvedObject") or {}
        fields = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")
        reporter = obj.get("reportingComponent") or ""
        return {
            **{f"involvedObject.{field}": str(involved.get(field) or "") for field in fields},
            "reason": obj.get("reason") or "",
            "reportingComponent": reporter,
            "source": dig(obj, "source", "component", default="") or reporter,
            "type": obj.get("type") or "",
        }


STRATEGY = EventStrategy()
