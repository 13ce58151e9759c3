"""Pictures: the same each time, with everything said in words as well as in colours."""

from __future__ import annotations

import base64
import json
import re
from typing import Any

import pytest

from labkit import show
from labkit.lab.anatomy import Anatomy
from labkit.lab.errors import LabError
from labkit.lab.lab import Lab
from labkit.lab.views import MissingKey, View
from tests.unit.lab.cluster_of_dicts import NOW

SENT = {"kind": "Pod", "metadata": {"name": "web"}, "spec": {"containers": [{"name": "web", "image": "x"}]}}
MOUNT = {"name": "kube-api-access-q6lmv", "mountPath": "/var/run", "readOnly": True}
STORED = {
    "kind": "Pod",
    "metadata": {"name": "web", "uid": "1", "namespace": "here"},
    "spec": {
        "containers": [{"name": "web", "image": "x", "resources": {}, "volumeMounts": [MOUNT]}],
        "serviceAccountName": "default",
        "restartPolicy": "Always",
        "volumes": [{"name": "kube-api-access-q6lmv", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
    },
    "status": {"phase": "Pending"},
}
PICTURE = """\
  kind: Pod
  metadata:
    name: web
+   namespace: here ← the path of the request
  spec:
    containers:
    - name: web
      image: x
+     resources: {} ← defaults
+     volumeMounts: ← ServiceAccount admission
+     - name: kube-api-access-q6lmv
+       mountPath: /var/run
+       readOnly: true
+   restartPolicy: Always ← defaults
+   serviceAccountName: default ← ServiceAccount admission
+   volumes: ← ServiceAccount admission
+   - name: kube-api-access-q6lmv
+     projected:
+       sources:
+       - serviceAccountToken:
+           path: token"""


def jwt(claims: dict[str, Any]) -> str:
    parts = [json.dumps({"alg": "RS256"}), json.dumps(claims), "sig"]
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)


def without_padding(text: str) -> str:
    return re.sub(" +←", " ←", text)


def test_what_admission_did() -> None:
    picture = show(SENT, STORED)
    assert without_padding(picture.text) == PICTURE
    assert picture.html.count("← ServiceAccount admission") == 3
    less = "\n".join(line for line in PICTURE.splitlines() if "defaults" not in line)
    assert without_padding(show(SENT, STORED, defaults=False).text) == less
    notes = {line.index("←") for line in picture.text.splitlines() if "←" in line}
    assert len(notes) == 1, "they stand below each other"


@pytest.mark.parametrize(
    ("before", "after", "lines"),
    [
        pytest.param({"a": 1}, {"a": 2}, ["- a: 1", "+ a: 2 ← defaults"], id="changed"),
        pytest.param({"a": 1, "b": 1}, {"a": 1}, ["  a: 1", "- b: 1"], id="removed"),
        pytest.param({"a": ["x"]}, {"a": ["x", "y"]}, ["  a:", "  - x", "+ - y ← defaults"], id="a further item"),
        pytest.param({"a": [{"b": {"c": 1}}]}, {"a": [{"b": {"c": 1}}]}, ["  a:", "  - b:", "      c: 1"], id="nested"),
        pytest.param({"a": "yes"}, {"a": "yes"}, ['  a: "yes"'], id="a word that YAML would misread"),
    ],
)
def test_comparison(before: dict[str, Any], after: dict[str, Any], lines: list[str]) -> None:
    assert without_padding(show(before, after).text).splitlines() == lines


def test_a_picture_is_the_same_whatever_the_order_of_keys() -> None:
    turned = json.loads(json.dumps(STORED, sort_keys=True))
    assert show(SENT, turned).html == show(SENT, STORED).html


def test_html_is_escaped() -> None:
    assert "<script>" not in show({"a": "<script>"}, {"a": "<script>"}).html
    assert "<script>" not in show([{"a": "<script>"}]).html


def test_anatomy(lab: Lab) -> None:
    iat = int(NOW.timestamp())
    token = jwt({"sub": "me", "iat": iat, "exp": iat + 3607, "aud": ["a", "b"], "kubernetes.io": {"pod": {"name": "web"}}})
    text = show(token).text
    rows = [line.split() for line in text.splitlines()]
    assert ["pod.name", "web"] in rows
    assert ["claims", "aud", "a,", "b", "who", "may", "accept", "it"] in rows
    assert text.splitlines()[-1] == "It is good for 3607 seconds."
    assert token.rpartition(".")[2] not in text, "the signature is what nobody else may have"
    assert show(Anatomy.of(jwt({"iat": iat - 9, "exp": iat - 1}), now=NOW)).text.endswith("It is good for 8 seconds, which are over.")
    assert show(Anatomy.of(jwt({"sub": "me"}), now=NOW)).text.endswith("It does not expire.")
    assert repr(lab.decode(token)) == "(the token of me)"


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "e30.e30.!"])
def test_what_is_no_token(token: str) -> None:
    with pytest.raises(LabError, match="no JWT"):
        Anatomy.of(token, now=NOW)


def test_table() -> None:
    picture = show([{"account": "–", "credentials": True}, {"account": "false", "credentials": False}])
    assert picture.text.splitlines() == ["account   credentials", "─────────────────────", "–         yes", "false     no"]
    assert show([("a", 1)], columns=["x", "y"]).text.splitlines()[-1] == "a   1"
    assert picture._repr_mimebundle_() == {"text/plain": picture.text, "text/html": picture.html}


def test_there_is_no_picture_of_everything() -> None:
    with pytest.raises(LabError, match="before, after"):
        show(1)


def test_view() -> None:
    pod = View(STORED)
    assert (pod.name, pod.uid, pod.namespace) == ("web", "1", "here")
    assert pod.spec.containers[0].volumeMounts[0].readOnly is True
    assert pod.labels == {}
    with pytest.raises(MissingKey, match="There is no 'nodeName' here; there are: containers"):
        _ = pod.spec.nodeName
    with pytest.raises(TypeError, match="copy"):
        pod["spec"] = {}
    pod.copy()["spec"]["containers"].clear()
    assert pod.spec.containers
    assert json.loads(json.dumps(pod)) == STORED
    assert "managedFields" not in View({"metadata": {"managedFields": [1]}}).yaml()
