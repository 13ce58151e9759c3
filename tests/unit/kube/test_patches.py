"""The three kinds of patch. Refusals and the odder results are those of a real 1.37 server."""

from __future__ import annotations

from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labkit.kube.objects import copy
from labkit.kube.patches import json_patch, merge_patch, strategic_merge_patch
from labkit.kube.status import ApiError
from labkit.resources.merge_keys import lookup

REJECTED = "the server rejected our request due to an error in our request"
MAP_KIND = "Go value of type map[string]interface {}"
DATA = {"data": {"a": "1", "b": "2"}, "list": [1, 2]}


@pytest.mark.parametrize(
    ("operation", "result"),
    [
        pytest.param({"op": "add", "path": "/data/c", "value": "3"}, {"data": {"a": "1", "b": "2", "c": "3"}, "list": [1, 2]}, id="add"),
        pytest.param({"op": "add", "path": "/list/-", "value": 3}, {"data": DATA["data"], "list": [1, 2, 3]}, id="append"),
        pytest.param({"op": "add", "path": "/list/0", "value": 0}, {"data": DATA["data"], "list": [0, 1, 2]}, id="insert"),
        pytest.param({"op": "add", "path": "/list/-1", "value": 3}, {"data": DATA["data"], "list": [1, 2, 3]}, id="from the end"),
        pytest.param({"op": "remove", "path": "/data/a"}, {"data": {"b": "2"}, "list": [1, 2]}, id="remove"),
        pytest.param({"op": "replace", "path": "/list/1", "value": 9}, {"data": DATA["data"], "list": [1, 9]}, id="replace"),
        pytest.param(
            {"op": "replace", "path": "/data/zz", "value": "1"},
            {"data": {"a": "1", "b": "2", "zz": "1"}, "list": [1, 2]},
            id="replace what is missing",
        ),
        pytest.param({"op": "move", "from": "/data/a", "path": "/x"}, {"data": {"b": "2"}, "list": [1, 2], "x": "1"}, id="move"),
        pytest.param({"op": "copy", "from": "/list", "path": "/x"}, {**DATA, "x": [1, 2]}, id="copy"),
        pytest.param({"op": "test", "path": "/data/a", "value": "1"}, DATA, id="test"),
        pytest.param({"op": "test", "path": "/data/nope", "value": None}, DATA, id="test of what is missing against null"),
        pytest.param({"op": "add", "path": "/a~1b~0c", "value": 1}, {**DATA, "a/b~c": 1}, id="escapes"),
    ],
)
def test_json_patch(operation: dict[str, Any], result: dict[str, Any]) -> None:
    before = copy(DATA)
    assert json_patch(DATA, [operation]) == result
    assert before == DATA


@pytest.mark.parametrize(
    ("patch", "code", "message"),
    [
        ({"a": 1}, 400, "error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp"),
        ([{"op": "test", "path": "/data/a", "value": "9"}], 422, REJECTED),
        ([{"op": "test", "path": "/list/0", "value": True}], 422, REJECTED),
        ([{"op": "remove", "path": "/data/zz"}], 422, REJECTED),
        ([{"op": "foo", "path": "/data/zz", "value": "1"}], 422, REJECTED),
        ([{"op": "add", "path": "/data/x/y", "value": "1"}], 422, REJECTED),
        ([{"path": "/data/x", "value": "1"}], 422, REJECTED),
        ([{"op": "move", "from": "/data/nope", "path": "/data/a"}], 422, REJECTED),
        ([{"op": "add", "path": "/list/7", "value": "1"}], 422, REJECTED),
        ([{"op": "replace", "path": "", "value": {}}], 422, REJECTED),
    ],
)
def test_refused_json_patch(patch: Any, code: int, message: str) -> None:
    with pytest.raises(ApiError) as refusal:
        json_patch(DATA, patch)
    assert (refusal.value.status_code, refusal.value.message) == (code, message)


def test_too_many_operations() -> None:
    with pytest.raises(ApiError) as refusal:
        json_patch({}, [{"op": "test", "path": "/a", "value": None}] * 10_001)
    assert refusal.value.status_code == 413


SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x", "a/b", "~"])
DOCUMENTS = st.dictionaries(
    st.sampled_from(["a", "b", "a/b", "~0"]),
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c"]), inner, max_size=3)),
    max_size=3,
)


@given(DOCUMENTS, DOCUMENTS)
def test_json_patch_undoes_a_difference(before: dict[str, Any], after: dict[str, Any]) -> None:
    assert json_patch(before, jsonpatch.make_patch(before, after).patch) == after


@pytest.mark.parametrize(
    ("patch", "result"),
    [
        pytest.param({"data": {"a": None}}, {"data": {"b": "2"}, "list": [1, 2]}, id="null removes"),
        pytest.param({"data": {"c": "3"}, "list": [3]}, {"data": {"a": "1", "b": "2", "c": "3"}, "list": [3]}, id="lists are replaced"),
        pytest.param({"data": None}, {"list": [1, 2]}, id="whole field"),
        pytest.param({"new": {"x": None, "y": 1}}, {**DATA, "new": {"y": 1}}, id="nulls that meet nothing"),
        pytest.param({"list": {"a": 1}}, {"data": DATA["data"], "list": {"a": 1}}, id="another type"),
    ],
)
def test_merge_patch(patch: dict[str, Any], result: dict[str, Any]) -> None:
    before = copy(DATA)
    assert merge_patch(DATA, patch) == result
    assert before == DATA


@pytest.mark.parametrize(("patch", "kind"), [([], "array"), (3, "number"), ("x", "string"), (True, "bool")])
def test_refused_merge_patch(patch: Any, kind: str) -> None:
    with pytest.raises(ApiError) as refusal:
        merge_patch(DATA, patch)
    assert refusal.value.message == f"error decoding patch: json: cannot unmarshal {kind} into {MAP_KIND}"


@given(DOCUMENTS, DOCUMENTS)
def test_merge_patch_twice_is_once(before: dict[str, Any], patch: dict[str, Any]) -> None:
    once = merge_patch(before, patch)
    assert merge_patch(once, patch) == once


ACCOUNT = {
    "metadata": {"name": "sa", "finalizers": ["f/1", "f/2"], "labels": {"a": "1"}},
    "secrets": [{"name": "a"}, {"name": "b"}],
    "imagePullSecrets": [{"name": "x"}],
}


@pytest.mark.parametrize(
    ("patch", "path", "result"),
    [
        pytest.param({"secrets": [{"name": "n"}]}, "secrets", [{"name": "n"}, {"name": "a"}, {"name": "b"}], id="new ones in front"),
        pytest.param({"secrets": [{"name": "b", "x": 1}]}, "secrets", [{"name": "a"}, {"name": "b", "x": 1}], id="merged by name"),
        pytest.param({"secrets": [{"$patch": "delete", "name": "a"}]}, "secrets", [{"name": "b"}], id="delete an item"),
        pytest.param({"secrets": [{"$patch": "replace"}, {"name": "z"}]}, "secrets", [{"name": "z"}], id="replace the list"),
        pytest.param(
            {"$setElementOrder/secrets": [{"name": "b"}, {"name": "c"}, {"name": "a"}], "secrets": [{"name": "c"}]},
            "secrets",
            [{"name": "b"}, {"name": "c"}, {"name": "a"}],
            id="element order",
        ),
        pytest.param(
            {"$setElementOrder/secrets": [{"name": "b"}, {"name": "a"}]}, "secrets", [{"name": "b"}, {"name": "a"}], id="order alone"
        ),
        pytest.param(
            {"imagePullSecrets": [{"$patch": "replace"}, {"name": "y"}]},
            "imagePullSecrets",
            [{"$patch": "replace"}, {"name": "y"}],
            id="an atomic list takes directives as they are",
        ),
        pytest.param({"imagePullSecrets": None}, "imagePullSecrets", None, id="null removes"),
        pytest.param({"new": {"a": None, "b": {"$patch": "delete"}, "c": 1}}, "new", {"c": 1}, id="what meets nothing"),
    ],
)
def test_strategic_merge_patch(patch: dict[str, Any], path: str, result: Any) -> None:
    before = copy(ACCOUNT)
    assert strategic_merge_patch(ACCOUNT, patch, "v1.ServiceAccount", lookup).get(path) == result
    assert before == ACCOUNT


@pytest.mark.parametrize(
    ("patch", "metadata"),
    [
        pytest.param({"finalizers": ["g/1"]}, {"finalizers": ["g/1", "f/1", "f/2"]}, id="values merge"),
        pytest.param({"$deleteFromPrimitiveList/finalizers": ["f/1"]}, {"finalizers": ["f/2"]}, id="values deleted"),
        pytest.param(
            {"$setElementOrder/finalizers": ["f/2", "g/1"], "$deleteFromPrimitiveList/finalizers": ["f/1"], "finalizers": ["g/1"]},
            {"finalizers": ["f/2", "g/1"]},
            id="all at once",
        ),
        pytest.param({"labels": {"$patch": "replace", "b": "2"}}, {"labels": {"b": "2"}}, id="replace a map"),
        pytest.param({"labels": {"$patch": "delete"}}, {"labels": {}}, id="delete a map"),
        pytest.param({"labels": {"$retainKeys": ["b"], "b": "2"}}, {"labels": {"b": "2"}}, id="retain keys"),
        pytest.param({"labels": {"a": None}}, {"labels": {}}, id="null removes"),
    ],
)
def test_strategic_merge_patch_of_metadata(patch: dict[str, Any], metadata: dict[str, Any]) -> None:
    found = strategic_merge_patch(ACCOUNT, {"metadata": patch}, "v1.ServiceAccount", lookup)
    assert found["metadata"] == ACCOUNT["metadata"] | metadata  # type: ignore[operator]  # a dict, which the mixed fixture hides


@pytest.mark.parametrize(
    ("patch", "code", "message"),
    [
        ([], 400, f"json: cannot unmarshal array into {MAP_KIND}"),
        ({"$patch": "foo"}, 500, "unknown patch type: foo in map: map[$patch:foo]"),
        ({"metadata": {"$retainKeys": ["name"], "labels": {"a": "b"}}}, 400, "invalid patch format of retainKeys"),
        ({"metadata": {"$deleteFromPrimitiveList": ["a"]}}, 400, "invalid patch format of primitive list"),
        ({"$setElementOrder": ["a"]}, 400, "invalid patch format of setElementOrder list"),
        ({"secrets": [{"x": 1}]}, 500, "map: map[x:1] does not contain declared merge key: name"),
    ],
)
def test_refused_strategic_merge_patch(patch: Any, code: int, message: str) -> None:
    with pytest.raises(ApiError) as refusal:
        strategic_merge_patch(ACCOUNT, patch, "v1.ServiceAccount", lookup)
    assert (refusal.value.status_code, refusal.value.message) == (code, message)


NAMES = st.lists(st.sampled_from("abcdef"), unique=True)


@given(NAMES, NAMES)
def test_a_merged_list_holds_both_in_their_orders(before: list[str], patch: list[str]) -> None:
    original = {"secrets": [{"name": name} for name in before]}
    found = strategic_merge_patch(original, {"secrets": [{"name": name} for name in patch]}, "v1.ServiceAccount", lookup)
    names = [item["name"] for item in found["secrets"]]
    assert sorted(names) == sorted({*before, *patch})
    assert [name for name in names if name in patch] == patch
    assert [name for name in names if name not in patch] == [name for name in before if name not in patch]
