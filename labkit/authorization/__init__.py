"""Who may do what: the Node and RBAC authorizers, upstream's bootstrap roles, and the check against escalation."""

from __future__ import annotations

from labkit.authorization.attributes import Attributes, Authorize, Decision, forbidden_message
from labkit.authorization.authorizer import authorize, resolve_rules
from labkit.authorization.bootstrap import bootstrap_objects
from labkit.authorization.escalation import check_escalation
from labkit.authorization.rbac import Held, HeldRule, rules_for

__all__ = [
    "Attributes",
    "Authorize",
    "Decision",
    "Held",
    "HeldRule",
    "authorize",
    "bootstrap_objects",
    "check_escalation",
    "forbidden_message",
    "resolve_rules",
    "rules_for",
]
