"""How service accounts are named, and what their users carry (upstream's util_test)."""

from __future__ import annotations

import pytest

from labkit.authentication.identity import is_service_account_token, matches_username, service_account_user, split_username
from labkit.kube.objects import Obj
from labkit.kube.users import service_account_username

EXTRA = "authentication.kubernetes.io/"


@pytest.mark.parametrize(
    ("pod", "node", "token_id", "extra"),
    [
        pytest.param(("", ""), ("n", "u"), "", {"node-name": "n", "node-uid": "u"}, id="T-UTL-2"),
        pytest.param(("", ""), ("n", ""), "", {"node-name": "n"}, id="T-UTL-3"),
        pytest.param(("", ""), ("", "u"), "", {}, id="a-nodes-uid-alone"),
        pytest.param(("p", ""), ("", ""), "", {}, id="a-pods-name-alone"),
        pytest.param(("p", "u"), ("", ""), "x", {"pod-name": "p", "pod-uid": "u", "credential-id": "JTI=x"}, id="pod-and-credential"),
    ],
)
def test_extra(pod: tuple[str, str], node: tuple[str, str], token_id: str, extra: dict[str, str]) -> None:
    user = service_account_user("ns", "sa", "uid", pod=pod, node=node, token_id=token_id)
    assert dict(user.extra) == {EXTRA + key: (value,) for key, value in extra.items()}
    assert (user.name, user.uid) == ("system:serviceaccount:ns:sa", "uid")
    assert user.groups == ("system:serviceaccounts", "system:serviceaccounts:ns")


@pytest.mark.parametrize(
    ("namespace", "name", "good"),
    [
        pytest.param("foo", "bar", True, id="T-UTL-5"),
        pytest.param("", "", False, id="T-UTL-6"),
        pytest.param("", "foo", False, id="T-UTL-7"),
        pytest.param("foo", "", False, id="T-UTL-8"),
        pytest.param("foo", "bar:baz", False, id="T-UTL-9"),
        pytest.param("foo", "bar ", False, id="T-UTL-11"),
        pytest.param("foo.x", "bar", False, id="dotted-namespace"),
    ],
)
def test_usernames_are_made_and_split(namespace: str, name: str, good: bool) -> None:
    username = service_account_username(namespace, name)
    assert matches_username(namespace, name, username)
    if good:
        assert split_username(username) == (namespace, name)
        return
    with pytest.raises(ValueError, match="Username must be in the form system:serviceaccount:namespace:name"):
        split_username(username)


@pytest.mark.parametrize("username", ["test", "system:serviceaccount", "system:serviceaccount:", "system:serviceaccount:ns", ":ns:name"])
def test_no_usernames(username: str) -> None:
    """T-JWT-21."""
    with pytest.raises(ValueError, match="Username must be in the form"):
        split_username(username)


@pytest.mark.parametrize(
    ("namespace", "name", "username", "matches"),
    [
        pytest.param("foo", "bar", "system:serviceaccount:", False, id="T-UTL-13"),
        pytest.param("foo", "bar", "system:serviceaccount:foo", False, id="T-UTL-14"),
        pytest.param("foo", "bar", "system:serviceaccount:foo:", False, id="T-UTL-15"),
        pytest.param("foo", "bar", "system:serviceaccount:foo:bar", True, id="T-UTL-16"),
        pytest.param("foo", "bar", "system:serviceaccount:bar", False, id="T-UTL-18"),
        pytest.param("foo", "bar", ":bar", False, id="T-UTL-19"),
        pytest.param("foo", "bar", "foo:bar", False, id="T-UTL-20"),
        pytest.param("foo", "bar", "", False, id="T-UTL-21"),
        pytest.param("foo2", "bar", "system:serviceaccount:foo:bar", False, id="T-UTL-22"),
        pytest.param("foo", "bar2", "system:serviceaccount:foo:bar", False, id="T-UTL-23"),
    ],
)
def test_matches(namespace: str, name: str, username: str, matches: bool) -> None:
    assert matches_username(namespace, name, username) is matches


@pytest.mark.parametrize(
    ("change", "is_token"),
    [
        pytest.param({}, True, id="T-UTL-26"),
        pytest.param({"name": "other"}, False, id="T-UTL-27"),
        pytest.param({"uid": "other"}, False, id="T-UTL-28"),
        pytest.param({"type": "Opaque"}, False, id="T-UTL-29"),
        pytest.param({"uid": ""}, True, id="no-uid-yet"),
    ],
)
def test_is_service_account_token(change: dict[str, str], is_token: bool) -> None:
    facts = {"name": "sa", "uid": "uid", "type": "kubernetes.io/service-account-token", **change}
    annotations = {f"kubernetes.io/service-account.{key}": facts[key] for key in ("name", "uid")}
    secret: Obj = {"type": facts["type"], "metadata": {"annotations": annotations}}
    assert is_service_account_token(secret, {"metadata": {"name": "sa", "uid": "uid"}}) is is_token
