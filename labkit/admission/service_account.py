"""The ServiceAccount plugin: every Pod gets an account, and a token of it (ADM-1 to ADM-28).

Upstream: plugin/pkg/admission/serviceaccount/admission.go. Mountable secrets are in `mountable_secrets`, the token volume in
`token_volume`, that of earlier versions in `token_secret_volume`, and what else changed from version to version in `token_eras`.
"""

from __future__ import annotations

import json

from labkit.admission.mountable_secrets import check_ephemeral_containers, check_pod, enforced
from labkit.admission.request import AdmissionRequest, Plugin
from labkit.admission.token_eras import (
    ENV_FROM_SINCE,
    EPHEMERAL_SINCE,
    MIRROR_PROJECTIONS_SINCE,
    NOT_FOUND_SINCE,
    VALIDATES_SINCE,
    handles_updates,
    mounting,
)
from labkit.admission.token_secret_volume import no_token, referenced_token, secret_volume
from labkit.admission.token_volume import mount_volume, projected_volume
from labkit.kube.calls import Note, Rule, Sleep, find
from labkit.kube.objects import Obj, annotations_of, dig, namespace_of
from labkit.kube.scope import Scope
from labkit.kube.versions import Era
from labkit.resources.pod_references import projected_sources, secret_names, volumes

DEFAULT_ACCOUNT = "default"
MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
DEFAULT_ACCOUNT_TRIES = 10
RETRY_MILLISECONDS = (100, 200)  # one pause is drawn for a request, from the first to just below the second (ADM-9)


class ServiceAccount(Plugin):
    """Assigns the account, mounts its token, copies its pull secrets, and enforces mountable secrets.

    `require_api_token` only matters to the versions that mount a Secret: without one, a Pod is refused. No server lets it be switched off.
    """

    name = "ServiceAccount"

    def __init__(self, *, require_api_token: bool = True) -> None:
        self._require_api_token = require_api_token

    def admit(self, request: AdmissionRequest, obj: Obj, scope: Scope) -> Rule[Obj]:
        """The mutating pass: only a Pod's creation is changed (ADM-2), and what came out is judged at once (ADM-3).

        1. A mirror Pod stays as it is (ADM-4); steps 2 to 5 are skipped.
        2. No account named: `default` (ADM-8).
        3. The account has to exist (ADM-9, ADM-10).
        4. The token volume and its mounts, unless Pod or account opt out (ADM-11 to ADM-15, ERAADM-3 to ERAADM-17).
        5. The account's pull secrets, if the Pod names none (ADM-17).

        Before 1.9 there was no validating pass, and a Pod was judged ahead of step 4, as it came (ERAADM-14).

        Raises:
            Forbidden: any rule of the validating pass.
            ServerTimeout: up to 1.20, the account has no token Secret yet (ERAADM-6).
        """
        if _ignores(request, obj) or not _changes(request, scope.era):
            return obj
        if MIRROR_ANNOTATION in annotations_of(obj):
            yield Note("ADM-4", "a mirror Pod stays as it is")
            yield from self._judge(request, obj, scope, None)
            return obj
        spec = dict(obj.get("spec") or {})
        if not spec.get("serviceAccountName"):
            spec["serviceAccountName"] = DEFAULT_ACCOUNT
            yield Note("ADM-8", "no account named", {"serviceAccountName": DEFAULT_ACCOUNT})
        # The alias is kept equal, as conversion would write it (VAL-13).
        spec["serviceAccount"] = spec["serviceAccountName"]
        account = yield from _existing_account(request, spec["serviceAccountName"], scope)
        if not scope.era.since(VALIDATES_SINCE):
            yield from self._judge(request, {**obj, "spec": spec}, scope, account)
        if automounts(spec, account):
            spec = yield from self._with_token(request, spec, account, scope)
        else:
            yield Note("ADM-11", "no token is mounted")
        if not spec.get("imagePullSecrets") and (references := account.get("imagePullSecrets")):
            spec["imagePullSecrets"] = [{"name": reference["name"]} if reference.get("name") else {} for reference in references]
            yield Note("ADM-17", "pull secrets copied", {"imagePullSecrets": spec["imagePullSecrets"]})
        admitted = {**obj, "spec": spec}
        if scope.era.since(VALIDATES_SINCE):
            yield from self._judge(request, admitted, scope, account)
        return admitted

    def _with_token(self, request: AdmissionRequest, spec: Obj, account: Obj, scope: Scope) -> Rule[Obj]:
        """The spec with the token mounted, by way of the volume that this version uses (ERAADM-3, ERAADM-6, ERAADM-16)."""
        how = mounting(scope.era)
        secret = (yield from referenced_token(request, account, scope)) if how.needs_secret else ""
        if how.needs_secret and not secret:
            if self._require_api_token and not how.bound:
                raise no_token(account)
            yield Note("ERAADM-6", "the account lists no token Secret, so nothing is mounted")
            return spec
        name, volume = projected_volume(spec, scope, how) if how.bound else secret_volume(spec, secret, scope, how)
        return (yield from mount_volume(spec, name, volume))

    def validate(self, request: AdmissionRequest, scope: Scope) -> Rule[None]:
        """The validating pass: a new Pod, and the ephemeral containers of one that runs; other updates pass (ADM-25).

        Raises:
            Forbidden: no account or one that does not exist, a mirror Pod with rights, a Secret that may not be mounted.
            ApiError: 500 without a reason, an ephemeral container names such a Secret (ADM-24).
        """
        obj = request.obj
        if obj is None or _ignores(request, obj) or not scope.era.since(VALIDATES_SINCE):
            return
        if request.operation == "UPDATE":
            if request.subresource == "ephemeralcontainers" and scope.era.since(EPHEMERAL_SINCE):
                account = yield from _existing_account(request, dig(obj, "spec", "serviceAccountName", default=""), scope)
                if enforced(account):
                    check_ephemeral_containers(obj, account)
            return
        yield from self._judge(request, obj, scope, None)

    def _judge(self, request: AdmissionRequest, pod: Obj, scope: Scope, account: Obj | None) -> Rule[None]:
        name = dig(pod, "spec", "serviceAccountName", default="")
        if MIRROR_ANNOTATION in annotations_of(pod):
            _check_mirror_pod(request, pod, name, scope.era)
            return
        if not name and scope.era.since(EPHEMERAL_SINCE):
            where = f"{namespace_of(pod)}/{dig(pod, 'metadata', 'name', default='')}"
            raise request.refuse(f"no service account specified for pod {where}")
        if account is None:
            account = yield from _existing_account(request, name, scope)
        if enforced(account) and (complaint := check_pod(pod, account, env_from=scope.era.since(ENV_FROM_SINCE))):
            raise request.refuse(complaint)


def automounts(spec: Obj, account: Obj) -> bool:
    """Whether the token is mounted: the Pod's word, else the account's, else yes (ADM-11)."""
    for said in (spec.get("automountServiceAccountToken"), account.get("automountServiceAccountToken")):
        if said is not None:
            return bool(said)
    return True


def _ignores(request: AdmissionRequest, obj: Obj) -> bool:
    """ADM-1: only Pods are judged, on CREATE and UPDATE, whole or by their ephemeral containers."""
    return (
        request.resource != "pods"
        or request.subresource not in ("", "ephemeralcontainers")
        or request.operation not in ("CREATE", "UPDATE")
        or obj.get("kind", "Pod") != "Pod"
        or not obj
    )


def _changes(request: AdmissionRequest, era: Era) -> bool:
    """ADM-2: creations; in 1.8 also the updates of a Pod that initializers are not done with (ERAADM-15)."""
    initializers = dig(request.old, "metadata", "initializers")
    waiting = initializers is not None and bool(initializers.get("pending"))
    return request.operation == "CREATE" or (waiting and handles_updates(era))


def _check_mirror_pod(request: AdmissionRequest, pod: Obj, account_name: str, era: Era) -> None:
    """ADM-5 to ADM-7: what a kubelet made from a file has no part in the API's secrets."""
    if account_name:
        raise request.refuse("a mirror pod may not reference service accounts")
    if any(True for _ in secret_names(pod)):
        raise request.refuse("a mirror pod may not reference secrets")
    if not era.since(MIRROR_PROJECTIONS_SINCE):
        return
    if any(source.get("serviceAccountToken") is not None for volume in volumes(pod) for source in projected_sources(volume)):
        raise request.refuse("a mirror pod may not use ServiceAccountToken volume projections")


def _existing_account(request: AdmissionRequest, name: str, scope: Scope) -> Rule[Obj]:
    """The account, from the cache or past it; `default` is waited for, since a young namespace gets it in a moment (ADM-9).

    Raises:
        Forbidden: it is nowhere (ADM-10; ERAADM-2 has the older words).
    """
    account = yield from find("serviceaccounts", name, request.namespace)
    if account is not None:
        return account
    low, high = RETRY_MILLISECONDS
    pause = (low + scope.random.below(high - low)) / 1000
    for attempt in range(DEFAULT_ACCOUNT_TRIES if name == DEFAULT_ACCOUNT else 1):
        if attempt:
            yield Sleep(pause)
        account = yield from find("serviceaccounts", name, request.namespace, live=True)
        if account is not None:
            return account
    yield Note("ADM-10", "the account does not exist", {"name": name})
    if not scope.era.since(NOT_FOUND_SINCE):
        where = f"{request.namespace}/{name}"
        raise request.refuse(f"service account {where} was not found, retry after the service account is created")
    missing = f"serviceaccount {json.dumps(name)} not found"
    raise request.refuse(f"error looking up service account {request.namespace}/{name}: {missing}")
