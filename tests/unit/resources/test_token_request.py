"""TokenRequest: what is filled in, judged, bound, shortened and extended (TRQ; upstream's token_test and svcaccttoken_test)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from labkit.kube.calls import Rule, Sign
from labkit.kube.clock import rfc3339
from labkit.kube.objects import Obj
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, Forbidden, InternalError
from labkit.machinery.drivers import run
from labkit.resources.token_request import EXTENDED_SECONDS, TokenConfig, issue_token
from tests.unit.resources.world import NOW, World, scope

AT = int(NOW.timestamp())
HOUR, YEAR = 3600, EXTENDED_SECONDS
CONFIG = TokenConfig("https://me", ("api",), max_expiration=2 * HOUR)
ACCOUNT: Obj = {"metadata": {"namespace": "myns", "name": "sa", "uid": "sa-uid"}}


def pod(account: str = "sa", node: str = "") -> Obj:
    return {"metadata": {"namespace": "myns", "name": "p", "uid": "p-uid"}, "spec": {"serviceAccountName": account, "nodeName": node}}


SECRET: Obj = {"metadata": {"namespace": "myns", "name": "s", "uid": "s-uid"}}
NODE: Obj = {"metadata": {"name": "n", "uid": "n-uid"}}


def world(**objects: Obj) -> World:
    return World([("serviceaccounts", ACCOUNT), *((f"{kind}s", obj) for kind, obj in objects.items())])


def bound_to(kind: str, name: str, uid: str = "", version: str = "v1", **spec: Any) -> Obj:
    return {"spec": {"boundObjectRef": {"apiVersion": version, "kind": kind, "name": name, "uid": uid}, **spec}}


def issue(body: Obj, given: World | None = None, surroundings: Scope | None = None, config: TokenConfig = CONFIG) -> tuple[Obj, Obj]:
    """The answer, and the claims that were signed."""
    given = given or world()
    answer = run(issue_token("sa", "myns", body, config, surroundings or scope()), given)
    return answer, given.signed[-1]


def test_what_the_request_leaves_open_is_filled_in() -> None:
    """T-SVC-6, T-SVC-10, T-SVC-42."""
    surroundings = scope()
    answer, claims = issue({}, surroundings=surroundings)
    assert answer == {
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": "sa", "namespace": "myns", "uid": "sa-uid", "creationTimestamp": rfc3339(NOW)},
        "spec": {"audiences": ["api"], "expirationSeconds": HOUR, "boundObjectRef": None},
        "status": {"token": "signed", "expirationTimestamp": rfc3339(NOW + timedelta(hours=1))},
    }
    assert (claims["sub"], claims["aud"], claims["exp"]) == ("system:serviceaccount:myns:sa", ["api"], AT + HOUR)
    assert claims["kubernetes.io"] == {"namespace": "myns", "serviceaccount": {"name": "sa", "uid": "sa-uid"}}
    assert surroundings.audit == {"authentication.kubernetes.io/issued-credential-id": f"JTI={claims['jti']}"}


INVALID = 'TokenRequest.authentication.k8s.io "{}" is invalid: {}: Invalid value: {}: {}'
OTHER_UID = "does not match the UID in record. The object might have been deleted and then recreated"


@pytest.mark.parametrize(
    ("body", "given", "code", "text"),
    [
        pytest.param({}, World(), 404, 'serviceaccounts "sa" not found', id="T-SVC-3"),
        pytest.param(
            {"metadata": {"name": "x"}},
            world(),
            422,
            INVALID.format("sa", "metadata.name", '"x"', "must match the service account name if specified"),
            id="TRQ-3",
        ),
        pytest.param(
            {"metadata": {"namespace": "x"}},
            world(),
            422,
            INVALID.format("sa", "metadata.namespace", '"x"', "must match the service account namespace if specified"),
            id="TRQ-4",
        ),
        pytest.param(
            {"metadata": {"uid": "x"}},
            world(),
            409,
            'Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "sa": '
            "the UID in the token request (x) does not match the UID of the service account (sa-uid)",
            id="TRQ-6",
        ),
        pytest.param(
            {"spec": {"expirationSeconds": 599}},
            world(),
            422,
            INVALID.format("", "spec.expirationSeconds", 599, "may not specify a duration less than 10 minutes"),
            id="TRQ-8-short",
        ),
        pytest.param(
            {"spec": {"expirationSeconds": 2**32 + 1}},
            world(),
            422,
            INVALID.format("", "spec.expirationSeconds", 2**32 + 1, "may not specify a duration larger than 2^32 seconds"),
            id="TRQ-8-long",
        ),
        pytest.param(
            bound_to("Deployment", "d", version="apps/v1"),
            world(),
            400,
            "cannot bind token to object of type apps/v1, Kind=Deployment",
            id="TRQ-10",
        ),
        pytest.param({"spec": {"boundObjectRef": {}}}, world(), 400, "cannot bind token to object of type /, Kind=", id="TRQ-10-empty"),
        pytest.param(bound_to("Pod", "p"), world(), 404, 'pods "p" not found', id="T-SVC-13"),
        pytest.param(
            bound_to("Pod", "p", "x"),
            world(pod=pod()),
            409,
            f'Operation cannot be fulfilled on Pod "p": the UID in the bound object reference (x) {OTHER_UID}',
            id="T-SVC-15",
        ),
        pytest.param(
            bound_to("Pod", "p"),
            world(pod=pod("other")),
            400,
            'cannot bind token for serviceaccount "sa" to pod running with different serviceaccount name.',
            id="T-SVC-37",
        ),
        pytest.param(bound_to("Node", "n"), world(), 404, 'nodes "n" not found', id="T-SVC-26"),
        pytest.param(
            bound_to("Node", "n", "x"),
            world(node=NODE),
            409,
            f'Operation cannot be fulfilled on Node "n": the UID in the bound object reference (x) {OTHER_UID}',
            id="T-SVC-28",
        ),
        pytest.param(bound_to("Secret", "s"), world(), 404, 'secrets "s" not found', id="T-SVC-32"),
        pytest.param(
            bound_to("Secret", "s", "x"),
            world(secret=SECRET),
            409,
            f'Operation cannot be fulfilled on Secret "s": the UID in the bound object reference (x) {OTHER_UID}',
            id="T-SVC-34",
        ),
    ],
)
def test_refused(body: Obj, given: World, code: int, text: str) -> None:
    with pytest.raises(ApiError) as refusal:
        issue(body, given)
    assert (refusal.value.status_code, refusal.value.message) == (code, text)
    assert given.signed == []


@pytest.mark.parametrize(
    ("body", "given", "references"),
    [
        pytest.param(bound_to("Pod", "p", "p-uid"), world(pod=pod()), {"pod": {"name": "p", "uid": "p-uid"}}, id="T-SVC-14"),
        pytest.param(
            bound_to("Pod", "p"),
            world(pod=pod(node="gone")),
            {"pod": {"name": "p", "uid": "p-uid"}, "node": {"name": "gone"}},
            id="T-SVC-19",
        ),
        pytest.param(
            bound_to("Pod", "p"),
            world(pod=pod(node="n"), node=NODE),
            {"pod": {"name": "p", "uid": "p-uid"}, "node": {"name": "n", "uid": "n-uid"}},
            id="T-SVC-22",
        ),
        pytest.param(bound_to("Node", "n"), world(node=NODE), {"node": {"name": "n", "uid": "n-uid"}}, id="T-SVC-29"),
        pytest.param(bound_to("Secret", "s"), world(secret=SECRET), {"secret": {"name": "s", "uid": "s-uid"}}, id="T-SVC-35"),
        pytest.param(
            bound_to("Secret", "s", version="v7"), world(secret=SECRET), {"secret": {"name": "s", "uid": "s-uid"}}, id="any-version"
        ),
    ],
)
def test_bindings(body: Obj, given: World, references: Obj) -> None:
    _, claims = issue(body, given)
    private = claims["kubernetes.io"]
    assert {key: value for key, value in private.items() if key not in {"namespace", "serviceaccount"}} == references


@pytest.mark.parametrize(
    ("body", "config", "lives", "shown"),
    [
        pytest.param(bound_to("Pod", "p", expirationSeconds=3607), TokenConfig("i", ("api",), 5 * HOUR, False), 3607, 3607, id="T-REG-11"),
        pytest.param(
            bound_to("Pod", "p", expirationSeconds=3607),
            TokenConfig("i", ("api",), 2 * HOUR, True, 5 * HOUR),
            5 * HOUR,
            3607,
            id="T-REG-12",
        ),
        pytest.param(bound_to("Pod", "p", expirationSeconds=3607), TokenConfig("i", ("api",), 2 * YEAR), YEAR, 3607, id="T-REG-13"),
        pytest.param(bound_to("Pod", "p", expirationSeconds=3607), TokenConfig("i", ("api",), 5 * HOUR), YEAR, 3607, id="T-REG-14"),
        pytest.param(bound_to("Pod", "p", expirationSeconds=3607), TokenConfig("i", ("api",), 1800, False), 1800, 1800, id="T-REG-16"),
        pytest.param(bound_to("Pod", "p", expirationSeconds=3607, audiences=["not-the-api", "api"]), CONFIG, 3607, 3607, id="T-SVC-40"),
        pytest.param(bound_to("Pod", "p", expirationSeconds=3608), CONFIG, 3608, 3608, id="TRQ-16-not-exactly-3607"),
        pytest.param({"spec": {"expirationSeconds": 3607}}, CONFIG, 3607, 3607, id="TRQ-16-not-bound-to-a-pod"),
        pytest.param(bound_to("Secret", "s", expirationSeconds=2 * HOUR - 600), CONFIG, 6600, 6600, id="T-SVC-45"),
        pytest.param(bound_to("Secret", "s", expirationSeconds=2 * HOUR + 600), CONFIG, 7200, 7200, id="T-SVC-46"),
        pytest.param({"spec": {"expirationSeconds": 540_000_000}}, TokenConfig("i"), 540_000_000, 540_000_000, id="corrections-25"),
    ],
)
def test_lifetimes(body: Obj, config: TokenConfig, lives: int, shown: int) -> None:
    surroundings = scope()
    answer, claims = issue(body, world(pod=pod(), secret=SECRET), surroundings, config)
    assert claims["exp"] == AT + lives
    assert answer["spec"]["expirationSeconds"] == shown
    assert answer["status"]["expirationTimestamp"] == rfc3339(NOW + timedelta(seconds=shown))
    assert claims["kubernetes.io"].get("warnafter") == (AT + shown if lives > shown else None)
    asked = body["spec"]["expirationSeconds"]
    cut = f"requested expiration of {asked} seconds shortened to {shown} seconds"
    assert surroundings.warnings == ([cut] if asked > shown else [])


def test_another_uid_with_the_gate_off() -> None:
    """T-SVC-11."""
    surroundings = scope(TokenRequestServiceAccountUIDValidation=False)
    answer, _ = issue({"metadata": {"uid": "x"}}, surroundings=surroundings)
    text = "the UID in the token request (x) does not match the UID of the service account (sa-uid)"
    assert answer["metadata"]["uid"] == "x"
    assert surroundings.warnings == [
        f"{text} but TokenRequestServiceAccountUIDValidation is not enabled. In the future, this will return a conflict error"
    ]
    assert surroundings.audit["authentication.k8s.io/token-request-uid-mismatch"] == text


def test_validating_admission_sees_the_completed_request() -> None:
    seen: list[Obj] = []

    def validating(request: Obj) -> Rule[None]:
        seen.append(request)
        yield from ()
        raise Forbidden("not today")

    given = world()
    with pytest.raises(Forbidden):
        run(issue_token("sa", "myns", {}, CONFIG, scope(), validating=validating), given)
    assert seen[0]["spec"]["audiences"] == ["api"]
    assert given.signed == []


def test_a_failing_signer() -> None:
    """TRQ-19."""

    def fail(call: Sign) -> str:
        raise InternalError("no key")

    with pytest.raises(InternalError) as failure:
        run(issue_token("sa", "myns", {}, CONFIG, scope()), World([("serviceaccounts", ACCOUNT)], fail))
    assert failure.value.message == "Internal error occurred: failed to generate token: no key"


@pytest.mark.parametrize(
    ("version", "audiences", "extended", "named"),
    [
        pytest.param("1.23", ["other"], True, False, id="1.23-extends-for-any-audience"),
        pytest.param("1.24", ["other"], False, True, id="1.24-for-its-own-only"),
        pytest.param("1.15", ["api"], False, False, id="1.15-not-at-all"),
    ],
)
def test_eras(version: str, audiences: list[str], extended: bool, named: bool) -> None:
    body = bound_to("Pod", "p", expirationSeconds=3607, audiences=audiences)
    answer, claims = issue(body, world(pod=pod()), scope(version))
    assert ("warnafter" in claims["kubernetes.io"]) is extended
    assert ("name" in answer["metadata"]) is named


def test_a_namespace_is_required() -> None:
    """T-REG-21."""
    with pytest.raises(ApiError, match="namespace is required"):
        run(issue_token("sa", "", {}, CONFIG, scope()), world())
