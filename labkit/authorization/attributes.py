"""How a request that nobody allowed is answered. What authorizers are asked and answer is in `labkit.kube.access`."""

from __future__ import annotations

import json

from labkit.kube.access import Attributes, Authorize, Decision
from labkit.kube.status import Forbidden, forbidden

RBAC_GROUP = "rbac.authorization.k8s.io"


def forbidden_message(attributes: Attributes, reason: str = "") -> Forbidden:
    """The 403 of a request that nobody allowed (apiserver responsewriters.ForbiddenStatusError)."""
    user = _quoted(attributes.user.name)
    if not attributes.is_resource:
        text = f"User {user} cannot {attributes.verb} path {_quoted(attributes.path)}"
    else:
        where = f"in the namespace {_quoted(attributes.namespace)}" if attributes.namespace else "at the cluster scope"
        what = f"resource {_quoted(attributes.combined_resource)} in API group {_quoted(attributes.group)}"
        text = f"User {user} cannot {attributes.verb} {what} {where}"
    for sign, escaped in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):  # so that no browser takes the text for HTML
        text = text.replace(sign, escaped)
    if reason:
        text = f"{text}: {reason}"
    resource = f"{attributes.resource}.{attributes.group}" if attributes.group else attributes.resource
    return forbidden(resource, attributes.name, text)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


__all__ = ["RBAC_GROUP", "Attributes", "Authorize", "Decision", "forbidden_message"]
