"""Services, as far as the course needs them: defaults, a given or headless address, ports (pkg/apis/core/v1/defaults.go)."""

from __future__ import annotations

from labkit.kube import names
from labkit.kube.objects import Obj, copy, dig
from labkit.kube.scope import Scope
from labkit.kube.status import FieldError, field_invalid, field_required, field_unsupported
from labkit.resources.kinds import Strategy

TYPES = ("ClusterIP", "ExternalName", "LoadBalancer", "NodePort")


class ServiceStrategy(Strategy):
    """Services. Addresses are allocated by whoever stores them."""

    def default(self, obj: Obj) -> None:
        """Type, affinity, protocol and target port of each port."""
        spec: Obj = obj.setdefault("spec", {})
        spec["type"] = spec.get("type") or "ClusterIP"
        spec["sessionAffinity"] = spec.get("sessionAffinity") or "None"
        if spec["type"] != "ExternalName":
            spec["internalTrafficPolicy"] = spec.get("internalTrafficPolicy") or "Cluster"
        for port in spec.get("ports") or ():
            port["protocol"] = port.get("protocol") or "TCP"
            port["targetPort"] = port.get("targetPort") or port.get("port")
        obj["status"] = obj.get("status") or {}
        obj["status"].setdefault("loadBalancer", {})

    def prepare_for_create(self, obj: Obj, scope: Scope) -> None:
        """A new Service has an empty status, and one family of addresses."""
        obj["status"] = {"loadBalancer": {}}
        spec: Obj = obj["spec"]
        if spec["type"] == "ExternalName":
            return
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
        if spec.get("clusterIP"):
            spec["clusterIPs"] = spec.get("clusterIPs") or [spec["clusterIP"]]

    def prepare_for_update(self, obj: Obj, old: Obj, scope: Scope, subresource: str = "") -> None:
        """Status has its own endpoint; addresses that an update leaves out are kept."""
        if subresource == "status":
            obj["spec"] = copy(old.get("spec", {}))
            return
        obj["status"] = copy(old.get("status", {}))
        for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
            if not dig(obj, "spec", field) and dig(old, "spec", field):
                obj["spec"][field] = copy(old["spec"][field])

    def validate(self, obj: Obj) -> list[FieldError]:
        """Ports and type."""
        spec: Obj = obj.get("spec") or {}
        errors: list[FieldError] = []
        if not spec.get("ports") and spec.get("clusterIP") != "None" and spec.get("type") != "ExternalName":
            errors.append(field_required("spec.ports"))
        for index, port in enumerate(spec.get("ports") or ()):
            here = f"spec.ports[{index}]"
            if len(spec["ports"]) > 1 and not port.get("name"):
                errors.append(field_required(f"{here}.name"))
            elif port.get("name"):
                errors += [field_invalid(f"{here}.name", port["name"], text) for text in names.is_label(port["name"])]
            number = port.get("port") or 0
            errors += [field_invalid(f"{here}.port", number, text) for text in names.is_port_number(number)]
            target = port.get("targetPort") or 0
            complaints = names.is_port_number(target) if isinstance(target, int) else names.is_port_name(target)
            errors += [field_invalid(f"{here}.targetPort", target, text) for text in complaints]
        if spec.get("type") not in TYPES:
            errors.append(field_unsupported("spec.type", spec.get("type", ""), TYPES))
        return errors

    def validate_update(self, obj: Obj, old: Obj, subresource: str = "") -> list[FieldError]:
        """The address stays."""
        address, before = dig(obj, "spec", "clusterIP", default=""), dig(old, "spec", "clusterIP", default="")
        errors = self.validate(obj)
        if before and address != before and dig(old, "spec", "type") != "ExternalName" != dig(obj, "spec", "type"):
            errors.insert(0, field_invalid("spec.clusterIPs[0]", [address], "may not change once set"))
        return errors

    def selectable_fields(self, obj: Obj) -> dict[str, str]:
        """`spec.clusterIP` and `spec.type`."""
        return {"spec.clusterIP": dig(obj, "spec", "clusterIP", default=""), "spec.type": dig(obj, "spec", "type", default="")}


STRATEGY = ServiceStrategy()
