"""The admission chain: upstream's plugins in upstream's order (pkg/kubeapiserver/options/plugins.go).

The mutating pass may change the object; validation of the object comes next, and then the validating pass. A request without an object
(DELETE, CONNECT) only sees the validating pass: none of these plugins changes anything there.
"""

from __future__ import annotations

from labkit.admission.default_toleration_seconds import DefaultTolerationSeconds
from labkit.admission.namespace_lifecycle import NamespaceLifecycle
from labkit.admission.node_restriction import NodeRestriction
from labkit.admission.priority import Priority
from labkit.admission.request import AdmissionRequest, Plugin
from labkit.admission.service_account import ServiceAccount
from labkit.admission.taint_nodes_by_condition import TaintNodesByCondition
from labkit.kube.calls import Rule
from labkit.kube.objects import Obj
from labkit.kube.scope import Scope

PLUGINS: tuple[Plugin, ...] = (
    NamespaceLifecycle(),
    ServiceAccount(),
    NodeRestriction(),
    TaintNodesByCondition(),
    Priority(),
    DefaultTolerationSeconds(),
)


DEFAULT_PLUGINS: frozenset[str] = frozenset(plugin.name for plugin in PLUGINS)
"""What kubeadm's server has on: upstream's defaults and NodeRestriction."""


def admit(request: AdmissionRequest, scope: Scope, enabled: frozenset[str]) -> Rule[Obj]:
    """The mutating pass: the object as the plugins made it. What the request carries is not changed.

    Raises:
        ApiError: a plugin refuses.
    """
    obj = request.obj or {}
    for plugin in PLUGINS:
        if plugin.name in enabled:
            obj = yield from plugin.admit(request, obj, scope)
    return obj


def validate(request: AdmissionRequest, scope: Scope, enabled: frozenset[str]) -> Rule[None]:
    """The validating pass.

    Raises:
        ApiError: a plugin refuses.
    """
    for plugin in PLUGINS:
        if plugin.name in enabled:
            yield from plugin.validate(request, scope)
