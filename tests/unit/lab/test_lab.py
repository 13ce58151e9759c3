"""The lab's own methods, on a cluster of dicts: which requests they make, and what they make of the answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from labkit.kube.status import NotFound
from labkit.lab.errors import LabError, TookTooLong
from labkit.lab.lab import Lab, wait
from tests.unit.lab.cluster_of_dicts import DictApi

ACCOUNT = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "robot"}}
ROLE = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "viewer"}}
HERE = "/api/v1/namespaces/lesson-02-x7k2p"


def test_objects_live_in_the_lessons_namespace(lab: Lab, api: DictApi) -> None:
    lab.create(ACCOUNT)
    assert api.asked[-1][:2] == ("POST", f"{HERE}/serviceaccounts")
    assert lab.get("sa", "robot").name == "robot"
    assert lab.names("serviceaccounts") == ["robot"]
    assert lab.exists("ServiceAccount", "robot")
    assert not lab.exists("serviceaccounts", "ghost")
    lab.delete("serviceaccounts", "robot", wait=True)
    with pytest.raises(NotFound):
        lab.get("serviceaccounts", "robot")


@pytest.mark.parametrize(
    ("manifest", "argument", "path"),
    [
        pytest.param(ACCOUNT, "other", "/api/v1/namespaces/other/serviceaccounts", id="the call's namespace"),
        pytest.param(
            {**ACCOUNT, "metadata": {"name": "robot", "namespace": "own"}}, None, "/api/v1/namespaces/own/serviceaccounts", id="its own"
        ),
        pytest.param(ROLE, None, "/apis/rbac.authorization.k8s.io/v1/clusterroles", id="none at all"),
    ],
)
def test_where_a_manifest_goes(lab: Lab, api: DictApi, manifest: dict[str, Any], argument: str | None, path: str) -> None:
    lab.create(manifest, argument)
    assert api.asked[-1][1] == path


def test_what_is_in_no_namespace_is_labelled_and_named_for_the_lesson(lab: Lab, api: DictApi) -> None:
    lab.create({**ROLE, "metadata": {"name": lab.unique("viewer"), "labels": {"from": "me"}}})
    _, _, body = api.asked[-1]
    assert body["metadata"]["name"] == "viewer-lesson-02-x7k2p"
    assert body["metadata"]["labels"] == {
        "app.kubernetes.io/managed-by": "labkit",
        "labkit.local/session": "test",
        "labkit.local/lesson": "02",
        "from": "me",
    }


def test_a_callers_manifest_stays_as_it_was(lab: Lab) -> None:
    manifest = {**ROLE, "metadata": {"name": "viewer"}}
    lab.create(manifest)
    assert manifest["metadata"] == {"name": "viewer"}


def test_apply_creates_and_then_merges(lab: Lab, api: DictApi) -> None:
    lab.apply(ACCOUNT)
    lab.apply({**ACCOUNT, "automountServiceAccountToken": False})
    assert [method for method, _, _ in api.asked] == ["PATCH", "POST", "PATCH"]


def test_manifests_come_from_files_and_texts(lab: Lab, api: DictApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "manifests").mkdir()
    text = "apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: one}\n---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: two}\n"
    (tmp_path / "manifests" / "two.yaml").write_text(text)
    assert lab.create("two.yaml").name == "two"
    assert lab.names("serviceaccounts") == ["one", "two"]
    lab.create("apiVersion: v1\nkind: ServiceAccount\nmetadata: {name: three}")
    assert "three" in lab.names("serviceaccounts")


@pytest.mark.parametrize(
    ("manifest", "says"),
    [
        pytest.param("nothing.yaml", "no manifest 'nothing.yaml'", id="no file"),
        pytest.param("just: this\n", "has no kind", id="no kind"),
        pytest.param("a: [\n", "no YAML", id="no YAML"),
        pytest.param("\n", "empty", id="empty"),
        pytest.param({"apiVersion": "v1", "kind": "User"}, "no kind 'User'", id="unknown kind"),
    ],
)
def test_what_is_no_manifest(lab: Lab, manifest: Any, says: str) -> None:
    with pytest.raises(LabError, match=says):
        lab.create(manifest)


def test_an_unknown_resource_is_a_sentence(lab: Lab) -> None:
    with pytest.raises(LabError, match="no resource 'users'"):
        lab.names("users")


def test_waiting_ends(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("labkit.lab.lab.POLL_SECONDS", 0)
    answers = iter([None, None, "found"])
    assert wait(lambda: next(answers), 5, "never") == "found"
    with pytest.raises(TookTooLong, match=r"There was no pods 'web', after 0 seconds\."):
        lab.wait_for("pods", "web", timeout=0)
    lab.create(ACCOUNT)
    with pytest.raises(TookTooLong, match="waited for serviceaccounts 'robot' to be as expected"):
        lab.wait_for("serviceaccounts", "robot", until=lambda account: account.uid, timeout=0)
    with pytest.raises(TookTooLong, match="was still there"):
        lab.wait_gone("serviceaccounts", "robot", timeout=0)


def test_a_patch_has_one_of_three_kinds(lab: Lab) -> None:
    with pytest.raises(LabError, match="merge, strategic or json"):
        lab.patch("pods", "web", {}, kind="apply")
