"""Events: what a component tells about an object. Best effort; a repeated one is counted, not written again.

Upstream: client-go/tools/record.
"""

from __future__ import annotations

from labkit.kube.calls import Create, Patch, Rule
from labkit.kube.clock import rfc3339
from labkit.kube.objects import Obj, meta, name_of, namespace_of, uid_of
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, NotFound

MAX_REMEMBERED = 4096  # as many as client-go's cache


def reference(kind: str, obj: Obj, field_path: str = "") -> Obj:
    """An ObjectReference to a core object; without a resourceVersion where it has none yet."""
    found: Obj = {"kind": kind}
    if namespace_of(obj):
        found["namespace"] = namespace_of(obj)
    found |= {"name": name_of(obj), "uid": uid_of(obj), "apiVersion": "v1"}
    if version := meta(obj).get("resourceVersion"):
        found["resourceVersion"] = version
    if field_path:
        found["fieldPath"] = field_path
    return found


def event_name(name: str, scope: Scope) -> str:
    """A name for an event about the object `name`: the time in hexadecimal nanoseconds makes it unique."""
    nanoseconds = int(scope.now.timestamp() * 1_000_000) * 1000 + scope.random.below(1000)
    return f"{name}.{nanoseconds:x}"


class Recorder:
    """Writes events as one component on one host does."""

    def __init__(self, component: str, host: str) -> None:
        self.component, self.host = component, host
        self._known: dict[tuple[str, ...], tuple[str, int]] = {}

    def record(self, involved: Obj, type_: str, reason: str, message: str, scope: Scope) -> Rule[None]:
        """Write an event about `involved`, or count it if it was written before. Never fails."""
        key = (str(involved.get("uid")), str(involved.get("fieldPath", "")), type_, reason, message)
        namespace = str(involved.get("namespace") or "default")
        now = rfc3339(scope.now)
        known = self._known.get(key)
        if known is not None:
            name, count = known
            try:
                yield Patch("events", name, {"count": count + 1, "lastTimestamp": now}, namespace)
            except NotFound:
                del self._known[key]
            except ApiError:
                return
            else:
                self._known[key] = (name, count + 1)
                return
        event: Obj = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": event_name(str(involved["name"]), scope), "namespace": namespace},
            "involvedObject": involved,
            "reason": reason,
            "message": message,
            "source": {"component": self.component, **({"host": self.host} if self.host else {})},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": type_,
            "eventTime": None,
            "reportingComponent": self.component,
            "reportingInstance": self.host,
        }
        try:
            made: Obj = yield Create("events", event, namespace)
        except ApiError:
            return
        if len(self._known) >= MAX_REMEMBERED:
            self._known.clear()
        self._known[key] = (name_of(made), 1)
