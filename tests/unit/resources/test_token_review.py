"""TokenReview and SelfSubjectReview (TRV-1 to TRV-3, corrections 6, 17, 25)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from labkit.kube.calls import Rule
from labkit.kube.clock import rfc3339
from labkit.kube.objects import Obj
from labkit.kube.status import ApiError, BadRequest
from labkit.kube.users import UserInfo
from labkit.machinery.drivers import run
from labkit.resources.token_review import Identity, review, self_subject_review
from tests.unit.resources.world import NOW, World

API = ("api",)


class No(Exception):
    """A refusal."""


@dataclass(frozen=True)
class Found:
    user: UserInfo
    audiences: tuple[str, ...]


def ask(spec: Obj, answer: Identity | Exception | None, status: Obj | None = None) -> tuple[Obj, list[tuple[str, tuple[str, ...]]]]:
    asked: list[tuple[str, tuple[str, ...]]] = []

    def authenticate(header: str, audiences: tuple[str, ...]) -> Rule[Identity | None]:
        asked.append((header, audiences))
        yield from ()
        if isinstance(answer, Exception):
            raise answer
        return answer

    body: Obj = {"metadata": {}, "spec": spec, **({"status": status} if status else {})}
    return run(review(body, authenticate, API, No), World()), asked


@pytest.mark.parametrize(
    ("spec", "answer", "status", "asked"),
    [
        pytest.param(
            {"token": "t"},
            Found(UserInfo("x", ("g",), "u", {"k": ("v",)}), API),
            {
                "authenticated": True,
                "user": {"username": "x", "uid": "u", "groups": ["g"], "extra": {"k": ["v"]}},
                "audiences": ["api"],
            },
            ("Bearer t", API),
            id="accepted",
        ),
        pytest.param(
            {"token": "t", "audiences": ["a", "b"]},
            Found(UserInfo("x"), ("b",)),
            {"authenticated": True, "user": {"username": "x"}, "audiences": ["b"]},
            ("Bearer t", ("a", "b")),
            id="the-audiences-asked-for",
        ),
        pytest.param({"token": "t"}, No("why"), {"user": {}, "error": "why"}, ("Bearer t", API), id="refused"),
        pytest.param(
            {"token": " "},
            None,
            {"authenticated": True, "user": {"username": "system:anonymous", "groups": ["system:unauthenticated"]}, "audiences": ["api"]},
            ("Bearer  ", API),
            id="corrections-17-a-blank-is-anonymous",
        ),
    ],
)
def test_reviews(spec: Obj, answer: Identity | Exception | None, status: Obj, asked: tuple[str, tuple[str, ...]]) -> None:
    found, questions = ask(spec, answer)
    assert found == {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {}, "spec": spec, "status": status}
    assert questions == [asked]


def test_a_refusal_keeps_the_status_that_was_sent() -> None:
    found, _ = ask({"token": "t"}, No("why"), {"user": {"username": "me"}, "authenticated": True})
    assert found["status"] == {"user": {"username": "me"}, "error": "why"}


def test_a_token_is_required() -> None:
    with pytest.raises(BadRequest, match="token is required for TokenReview in authentication"):
        ask({"token": ""}, None)


def test_an_authenticator_that_answers_for_other_audiences() -> None:
    with pytest.raises(ApiError) as failure:
        ask({"token": "t", "audiences": ["a"]}, Found(UserInfo("x"), ("b",)))
    assert (failure.value.status_code, failure.value.message) == (500, "error validating audiences")


def test_self_subject_review() -> None:
    assert self_subject_review(UserInfo("x", ("g",)), NOW) == {
        "kind": "SelfSubjectReview",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"creationTimestamp": rfc3339(NOW)},
        "status": {"userInfo": {"username": "x", "groups": ["g"]}},
    }
