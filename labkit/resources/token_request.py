"""TokenRequest: issue a token for an account (TRQ-1 to TRQ-19; pkg/registry/core/serviceaccount/storage/token.go)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from labkit.kube.calls import Rule, Sign, find, get
from labkit.kube.clock import rfc3339
from labkit.kube.objects import Obj, copy, dig, meta, uid_of
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, BadRequest, FieldError, InternalError, conflict, field_invalid, invalid
from labkit.tokens.claims import bound_claims

GROUP, KIND = "authentication.k8s.io", "TokenRequest"
DEFAULT_SECONDS = 3600
SHORTEST_SECONDS, LONGEST_SECONDS = 600, 1 << 32
INJECTED_SECONDS = 3607  # what admission asks for: an odd number, so that TokenRequest can tell its tokens apart
EXTENDED_SECONDS = 365 * 24 * 3600
ISSUED_ID_ANNOTATION = "authentication.kubernetes.io/issued-credential-id"
UID_MISMATCH_ANNOTATION = "authentication.k8s.io/token-request-uid-mismatch"

ValidatingAdmission = Callable[[Obj], Rule[None]]


@dataclass(frozen=True, slots=True)
class TokenConfig:
    """What the server's flags say of issued tokens.

    `api_audiences` are what a token is for when its request names none, empty meaning the issuer. `max_expiration` is in seconds, 0 for
    none. `extend_expiration` gives the tokens that admission injects a year; `max_extended` is an external signer's own limit.
    """

    issuer: str
    api_audiences: tuple[str, ...] = ()
    max_expiration: int = 0
    extend_expiration: bool = True
    max_extended: int = EXTENDED_SECONDS

    @property
    def audiences(self) -> tuple[str, ...]:
        """The API server's own audiences: as set, else its issuer."""
        return self.api_audiences or (self.issuer,)


def default(body: Obj) -> None:
    """v1 defaulting: an hour (TRQ-1)."""
    spec = body.get("spec") or {}
    body["spec"] = {**spec, "expirationSeconds": DEFAULT_SECONDS} if spec.get("expirationSeconds") is None else spec


def issue_token(
    account_name: str,
    namespace: str,
    body: Obj,
    config: TokenConfig,
    scope: Scope,
    *,
    validating: ValidatingAdmission | None = None,
) -> Rule[Obj]:
    """Answer a TokenRequest; the answer is the request, completed, with the token in its status.

    1. Name, namespace and uid in the body, if given, are the account's (TRQ-3, TRQ-4, TRQ-6); the account exists (TRQ-5).
    2. What the request leaves open is filled in, and its lifetime judged (TRQ-7, TRQ-8); then validating admission sees it (TRQ-9).
    3. The object that it is bound to exists, is the one meant, and, for a Pod, uses the account (TRQ-10 to TRQ-14).
    4. A longer life than the server grants is cut, with a warning (TRQ-15); an injected token gets a year instead (TRQ-16).
    5. The answer's expiry is the one asked for, not the extended one (TRQ-17).

    Args:
        validating: runs validating admission on the completed request.

    Raises:
        ApiError: as upstream: 400, 404, 409, 422, and 500 where signing fails (TRQ-19).
    """
    request = copy(body)
    default(request)
    if validating is not None and not scope.era.since("1.24"):
        yield from validating(copy(request))
    account = yield from _account(account_name, namespace, request, scope)
    _fill_in(request, account, config, scope)
    spec = request["spec"]
    if errors := validate(request):
        raise invalid(KIND, "", errors, GROUP)
    if validating is not None and scope.era.since("1.24"):
        yield from validating(copy(request))
    bound = yield from _bound_objects(account_name, namespace, spec.get("boundObjectRef"), scope)
    seconds, warn_after = _lifetime(request, config, scope, pod_bound="pod" in bound)
    token_id = scope.random.uuid()
    try:
        claims = bound_claims(
            account,
            issuer=config.issuer,
            audiences=spec["audiences"],
            now=scope.now,
            seconds=seconds,
            era=scope.era,
            token_id=token_id,
            warn_after=warn_after,
            **bound,
        )
    except ValueError as error:
        raise ApiError(str(error), code=500, reason="") from error
    try:
        token = yield Sign(claims)
    except ApiError as error:
        text = f"failed to generate token: {error.message}"
        details = {"causes": [{"message": text}]}
        raise InternalError(f"Internal error occurred: {text}", details=details) from error
    expires = scope.now + timedelta(seconds=spec["expirationSeconds"])
    request["status"] = {"token": token, "expirationTimestamp": rfc3339(expires)}
    if "jti" in claims:
        scope.audit[ISSUED_ID_ANNOTATION] = f"JTI={token_id}"
    return {"kind": KIND, "apiVersion": f"{GROUP}/v1", **{key: request[key] for key in ("metadata", "spec", "status")}}


def validate(request: Obj) -> list[FieldError]:
    """A lifetime of ten minutes to 2^32 seconds (TRQ-8). Audiences are not judged."""
    seconds = request["spec"]["expirationSeconds"]
    path = "spec.expirationSeconds"
    if seconds < SHORTEST_SECONDS:
        return [field_invalid(path, seconds, "may not specify a duration less than 10 minutes")]
    if seconds > LONGEST_SECONDS:
        return [field_invalid(path, seconds, "may not specify a duration larger than 2^32 seconds")]
    return []


def _account(name: str, namespace: str, request: Obj, scope: Scope) -> Rule[Obj]:
    if not namespace:
        raise BadRequest("namespace is required")
    given = meta(request)
    if scope.era.since("1.24"):
        for key, wanted, what in (("name", name, "name"), ("namespace", namespace, "namespace")):
            if given.get(key) and given[key] != wanted:
                text = f"must match the service account {what} if specified"
                raise invalid(KIND, name, [field_invalid(f"metadata.{key}", given[key], text)], GROUP)
    account = yield from get("serviceaccounts", name, namespace)
    if not scope.era.since("1.34"):
        given.pop("uid", None)  # the body's uid never reached upstream's handler
    uid = given.get("uid")
    if uid and uid != uid_of(account):
        text = f"the UID in the token request ({uid}) does not match the UID of the service account ({uid_of(account)})"
        if scope.era.enabled("TokenRequestServiceAccountUIDValidation"):
            raise conflict(f"{KIND}.{GROUP}", name, text)
        scope.audit[UID_MISMATCH_ANNOTATION] = text
        consequence = "but TokenRequestServiceAccountUIDValidation is not enabled. In the future, this will return a conflict error"
        scope.warn(f"{text} {consequence}")
    return account


def _fill_in(request: Obj, account: Obj, config: TokenConfig, scope: Scope) -> None:
    """Set what the request left open (TRQ-7): before 1.24 the audiences only."""
    spec, metadata = request["spec"], request.setdefault("metadata", {})
    spec["audiences"] = spec.get("audiences") or list(config.audiences)
    spec.setdefault("boundObjectRef", None)
    request["status"] = {"token": "", "expirationTimestamp": None}
    if scope.era.since("1.24"):
        for key in ("name", "namespace", "uid"):
            metadata[key] = metadata.get(key) or meta(account)[key]
        metadata["creationTimestamp"] = rfc3339(scope.now)


def _bound_objects(account_name: str, namespace: str, reference: Obj | None, scope: Scope) -> Rule[dict[str, Obj]]:
    """The objects that go into the claims, by the claim's name: pod, node, secret."""
    if reference is None:
        return {}
    version, kind, name = reference.get("apiVersion") or "", reference.get("kind") or "", reference.get("name") or ""
    if version.count("/") > 1:
        version = ""  # upstream takes what it cannot parse for no version at all
    found: dict[str, Obj] = {}
    core = "/" not in version
    if core and kind == "Pod":
        pod = found["pod"] = yield from get("pods", name, namespace)
        if dig(pod, "spec", "serviceAccountName", default="") != account_name:
            text = f'cannot bind token for serviceaccount "{account_name}" to pod running with different serviceaccount name.'
            raise BadRequest(text)
        node_name = dig(pod, "spec", "nodeName", default="")
        if node_name and scope.era.enabled("ServiceAccountTokenPodNodeInfo"):
            node = yield from find("nodes", node_name)
            found["node"] = node if node is not None else {"metadata": {"name": node_name}}
        bound = pod
    elif core and kind == "Node" and _knows_node_binding(scope):
        if not scope.era.enabled("ServiceAccountTokenNodeBinding"):
            raise BadRequest('cannot bind token to a Node object as the "ServiceAccountTokenNodeBinding" feature-gate is disabled')
        bound = found["node"] = yield from get("nodes", name)
    elif core and kind == "Secret":
        bound = found["secret"] = yield from get("secrets", name, namespace)
    else:
        group_version = f"/{version}" if core else version
        raise BadRequest(f"cannot bind token to object of type {group_version}, Kind={kind}")
    wanted = reference.get("uid")
    if wanted and wanted != uid_of(bound):
        text = f"the UID in the bound object reference ({wanted}) does not match the UID in record."
        raise conflict(kind, name, f"{text} The object might have been deleted and then recreated")
    return found


def _knows_node_binding(scope: Scope) -> bool:
    return scope.era.since("1.29")


def _lifetime(request: Obj, config: TokenConfig, scope: Scope, *, pod_bound: bool) -> tuple[int, int]:
    """How long the token lives, and after how long its use is warned of (0: never), in seconds."""
    spec = request["spec"]
    asked = spec["expirationSeconds"]
    if 0 < config.max_expiration < asked:
        if scope.era.since("1.24"):
            scope.warn(f"requested expiration of {asked} seconds shortened to {config.max_expiration} seconds")
        asked = spec["expirationSeconds"] = config.max_expiration
    own = not scope.era.since("1.24") or set(spec["audiences"]) <= set(config.audiences)
    if config.extend_expiration and scope.era.since("1.20") and pod_bound and asked == INJECTED_SECONDS and own:
        return config.max_extended, asked
    return asked, 0


__all__ = [
    "DEFAULT_SECONDS",
    "EXTENDED_SECONDS",
    "INJECTED_SECONDS",
    "TokenConfig",
    "default",
    "issue_token",
    "validate",
]
