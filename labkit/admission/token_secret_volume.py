"""The Secret through which a Pod got its token until 1.20 (ERAADM-3 to ERAADM-10).

Upstream: getReferencedServiceAccountToken and mountServiceAccountToken in plugin/pkg/admission/serviceaccount/admission.go, up to 1.21.
"""

from __future__ import annotations

from labkit.admission.request import AdmissionRequest
from labkit.admission.token_eras import UNFILTERED, Mounting
from labkit.kube.calls import Rule, list_
from labkit.kube.objects import Obj, dig, name_of, namespace_of
from labkit.kube.randomness import generate_name
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, ServerTimeout, server_timeout
from labkit.resources.token_secrets import is_token_of, references

RETRY_AFTER_SECONDS = 1


def token_secrets(account: Obj, scope: Scope) -> Rule[list[Obj]]:
    """The Secrets that hold a token of the account (ERAADM-3). In 1.6.0 they are all of its namespace (ERAADM-5)."""
    if scope.era.version.removeprefix("v") == UNFILTERED:
        return list((yield from list_("secrets", namespace_of(account))))
    found = yield from list_("secrets", namespace_of(account), index=("service-account", name_of(account)))
    return [secret for secret in found if is_token_of(secret, account)]


def referenced_token(request: AdmissionRequest, account: Obj, scope: Scope) -> Rule[str]:
    """The token Secret that the account lists first, by name; empty where it lists none (ERAADM-3, ERAADM-4).

    Raises:
        Forbidden: the Secrets could not be read (ERAADM-7).
    """
    try:
        names = {name_of(secret) for secret in (yield from token_secrets(account, scope))}
    except ApiError as error:
        where = f"{namespace_of(account)}/{name_of(account)}"
        raise request.refuse(f"Error looking up service account token for {where}: {error.message}") from error
    return next((name for name in references(account) if name in names), "")


def no_token(account: Obj) -> ServerTimeout:
    """What a Pod meets whose account has no token Secret yet: a 500 that tells the client to come again in a second (ERAADM-6)."""
    message = (
        f'No API token found for service account "{name_of(account)}", '
        "retry after the token is automatically created and added to the service account"
    )
    return server_timeout("serviceaccounts", "create pod", RETRY_AFTER_SECONDS, message)


def secret_volume(spec: Obj, secret: str, scope: Scope, how: Mounting) -> tuple[str, Obj | None]:
    """The token volume's name, and the volume if the Pod has none of this Secret yet.

    1. The Pod's own volume of the Secret is used (ERAADM-8).
    2. Else the volume is called like the Secret, with dashes for dots; if that is taken, with a random suffix (ERAADM-9).
    3. It says no mode; defaulting makes it 0644 (ERAADM-10).
    """
    present = spec.get("volumes") or []
    for volume in present:
        if dig(volume, "secret", "secretName") == secret:
            return str(volume.get("name", "")), None
    name = secret if how.dots_allowed else secret.replace(".", "-")
    if any(volume.get("name") == name for volume in present):
        name = generate_name(scope.random, f"{name}-")
    return name, {"name": name, "secret": {"secretName": secret}}
