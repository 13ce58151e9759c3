"""The chain: certificates, tokens, audiences, and what is said of what is refused (AUT-1 to AUT-10)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from labkit.authentication import Authenticated, AuthenticationError, Authenticator
from labkit.authentication.authenticator import bearer_token
from labkit.kube.objects import Obj
from labkit.kube.versions import Era
from labkit.machinery.drivers import run
from labkit.tokens.issuer import sign
from tests.unit.resources.world import NOW, World
from tests.unit.tokens.keys import ec_key

ISSUER = "https://me"
ACCOUNT: Obj = {"metadata": {"namespace": "ns", "name": "sa", "uid": "u"}}
CLAIMS: Obj = {"iss": ISSUER, "aud": [ISSUER], "kubernetes.io": {"namespace": "ns", "serviceaccount": {"name": "sa", "uid": "u"}}}
NOBODY = "invalid bearer token"


def make(era: str = "1.37", *, issuers: tuple[str, ...] = (ISSUER,), api_audiences: tuple[str, ...] = ()) -> Authenticator:
    return Authenticator(issuers, (ec_key().public,), Era(era), api_audiences)


def ask(
    server: Authenticator, claims: Obj | str, audiences: tuple[str, ...] = (), given: World | None = None, seconds: float = 0
) -> Authenticated:
    token = claims if isinstance(claims, str) else sign(ec_key(), claims)
    world = given or World([("serviceaccounts", ACCOUNT)])
    found = run(server.authenticate(f"Bearer {token}", None, NOW + timedelta(seconds=seconds), audiences), world)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("header", "token"),
    [
        pytest.param(None, None, id="no-header"),
        pytest.param("", None, id="empty"),
        pytest.param("Bearer", None, id="no-token"),
        pytest.param("Bearer ", None, id="blank"),
        pytest.param("Bearer  tok", None, id="two-blanks"),
        pytest.param("Basic dXNlcg==", None, id="other-scheme"),
        pytest.param("Bearer tok", "tok", id="token"),
        pytest.param("bEARER tok ", "tok", id="any-case"),
        pytest.param("Bearer tok x", "tok", id="a-word-behind"),
    ],
)
def test_headers(header: str | None, token: str | None) -> None:
    assert bearer_token(header) == token
    if token is None:
        assert run(make().authenticate(header, None, NOW), World()) is None


def test_a_certificate_comes_first() -> None:
    found = run(make().authenticate("Bearer bad", ("kubernetes-admin", ("kubeadm:cluster-admins",)), NOW, fingerprint="ab12"), World())
    assert found is not None
    assert found.user.name == "kubernetes-admin"
    assert found.user.groups == ("kubeadm:cluster-admins", "system:authenticated")
    assert dict(found.user.extra) == {"authentication.kubernetes.io/credential-id": ("X509SHA256=ab12",)}


@pytest.mark.parametrize(
    ("claims", "audiences", "good_for"),
    [
        pytest.param(CLAIMS, (), (ISSUER,), id="the-servers-own"),
        pytest.param({**CLAIMS, "aud": ["a", "b", "c"]}, ("c", "a", "x"), ("a", "c"), id="what-both-have"),
        pytest.param({**CLAIMS, "aud": []}, (), (ISSUER,), id="none-means-the-servers-own"),
    ],
)
def test_audiences(claims: Obj, audiences: tuple[str, ...], good_for: tuple[str, ...]) -> None:
    found = ask(make(), claims, audiences)
    assert found.audiences == good_for
    assert found.user.groups[-1] == "system:authenticated"


@pytest.mark.parametrize(
    ("claims", "audiences", "text"),
    [
        pytest.param("x", (), NOBODY, id="no-jwt"),
        pytest.param({**CLAIMS, "iss": "elsewhere"}, (), NOBODY, id="another-issuer"),
        pytest.param(
            {**CLAIMS, "aud": ["other"]},
            (),
            f'[{NOBODY}, token audiences ["other"] is invalid for the target audiences ["{ISSUER}"]]',
            id="T-SVC-41",
        ),
        pytest.param(
            CLAIMS, ("a", "b"), f'[{NOBODY}, token audiences ["{ISSUER}"] is invalid for the target audiences ["a" "b"]]', id="AUT-10"
        ),
        pytest.param({**CLAIMS, "exp": 5}, (), f"[{NOBODY}, service account token has expired]", id="T-SVC-53"),
        pytest.param(sign(ec_key("P-384"), CLAIMS), (), f"[{NOBODY}, invalid signature, no keys found]", id="a-key-that-nobody-knows"),
        pytest.param({"iss": "kubernetes/serviceaccount"}, (), f"[{NOBODY}, sub claim is missing]", id="legacy"),
    ],
)
def test_refused(claims: Obj | str, audiences: tuple[str, ...], text: str) -> None:
    with pytest.raises(AuthenticationError) as refusal:
        ask(make(), claims, audiences)
    assert str(refusal.value) == text


def test_successes_are_remembered_and_failures_are_not() -> None:
    server, token = make(), sign(ec_key(), CLAIMS)
    ask(server, token)
    assert ask(server, token, given=World(), seconds=9).user.uid == "u"  # the account is gone, and the token still good
    with pytest.raises(AuthenticationError, match='serviceaccounts "sa" not found'):
        ask(server, token, given=World(), seconds=10)
    assert ask(server, token, seconds=10).user.uid == "u"


def test_a_token_without_audience_is_noted() -> None:
    found = ask(make(), {**CLAIMS, "aud": [], "sub": "who"})
    assert found.audit == {"authentication.k8s.io/legacy-token": "who"}


def test_several_issuers_since_122() -> None:
    """SGN-4: after a change of issuer the old one is still accepted."""
    server = make(issuers=("https://new", ISSUER), api_audiences=(ISSUER,))
    assert ask(server, CLAIMS).user.uid == "u"
    with pytest.raises(AuthenticationError, match=NOBODY):
        ask(make("1.21", issuers=("https://new", ISSUER), api_audiences=(ISSUER,)), CLAIMS)


def test_before_token_requests_there_are_no_bound_tokens() -> None:
    with pytest.raises(AuthenticationError, match=NOBODY):
        ask(make("1.11"), CLAIMS)
