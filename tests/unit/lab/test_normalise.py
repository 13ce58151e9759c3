"""Each normalisation has rows that it must change and rows that it must leave alone: it may hide what varies, and no wrong answer."""

from __future__ import annotations

import re

import pytest

from labkit.lab.normalise import NORMALISATIONS, Normalisation, normalise, sanitize_file

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
UID = "12aab054-571d-4bef-b671-fa66ea1c0188"

# name, text, what becomes of it by this row alone; the same text where it must not be touched
ROWS = [
    ("token", JWT, "TOKEN"),
    ("token", "eyJhbGciOiJSUzI1NiJ9", "eyJhbGciOiJSUzI1NiJ9"),
    ("token", f"no{JWT}", f"no{JWT}"),
    ("masked token", "eyJ…(1166 characters)", "TOKEN"),
    ("masked token", "eyJ…", "eyJ…"),
    ("masked token", "(a token of 12 characters)", "(a token of 12 characters)"),
    ("masked base64", "token: ZXlK…(1560 characters)", "token: ZXlKBASE64"),
    ("masked base64", "ca.crt: LS0t…(1480 characters)", "ca.crt: LS0tBASE64"),
    ("masked base64", "namespace: ZGVmYXVsdA==", "namespace: ZGVmYXVsdA=="),
    ("certificate", "-----BEGIN CERTIFICATE-----…(1107 characters)", "CERTIFICATE"),
    ("certificate", "-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----"),
    ("credential id", f"JTI={UID}", "JTI=ID"),
    ("credential id", "JTI=none", "JTI=none"),
    ("certificate id", "[X509SHA256=" + "0a" * 32 + "]", "[X509SHA256=ID]"),
    ("certificate id", "X509SHA256=0a0a", "X509SHA256=0a0a"),
    ("key id", "5rSZkJJEvM6JA2BtgxLItmu2jFfBiXxgovLYzpzej_k", "KEYID"),
    ("key id", "/var/run/secrets/kubernetes.io/serviceaccount", "/var/run/secrets/kubernetes.io/serviceaccount"),
    ("key id", "a-name-of-exactly-forty-three-characters-ok", "a-name-of-exactly-forty-three-characters-ok"),
    ("uid", f"uid: {UID}", "uid: UID"),
    ("uid", "uid: robot", "uid: robot"),
    ("timestamp", 'creationTimestamp: "2026-11-22T22:17:53Z"', 'creationTimestamp: "TIME"'),
    ("timestamp", "2026-11-22T22:17:53.123456+01:00", "TIME"),
    ("timestamp", "1.21.0, 2026", "1.21.0, 2026"),
    ("long date", "Created: Sun, 22 Nov 2026 21:51:13 +0000", "Created: TIME"),
    ("long date", "Sun, every week", "Sun, every week"),
    ("epoch", "exp: 1795388787", "exp: EPOCH"),
    ("epoch", "expirationSeconds: 3607", "expirationSeconds: 3607"),
    ("epoch", "seconds: 31536000", "seconds: 31536000"),
    ("resource version", 'resourceVersion: "1705"', 'resourceVersion: "VERSION"'),
    ("resource version", '"resourceVersion":"1705"', '"resourceVersion":"1705"'),
    ("resource version", '"resourceVersion": "1705"', '"resourceVersion": "VERSION"'),
    ("resource version", "version: 1705", "version: 1705"),
    ("namespace", "lesson-02-rgkw5", "lesson-02-SUFFIX"),
    ("namespace", "closing-lesson-02-rgkw5", "closing-lesson-02-SUFFIX"),
    ("namespace", "lesson-02-robot", "lesson-02-robot"),
    ("namespace", "lesson-2-rgkw5", "lesson-2-rgkw5"),
    ("token volume", "kube-api-access-q6lmv", "kube-api-access-SUFFIX"),
    ("token volume", "kube-api-access-manual", "kube-api-access-manual"),
    ("token Secret", "default-token-x9xrk", "default-token-SUFFIX"),
    ("token Secret", "create-token-again", "create-token-again"),
    ("node", "nodeName: dev-control-plane", "nodeName: NODE"),
    ("node", "the control-plane", "the control-plane"),
    ("cluster", 'cluster "lab", Kubernetes 1.37', 'cluster "NAME", Kubernetes 1.37'),
    ("cluster", 'clusterrole "reader"', 'clusterrole "reader"'),
    ("kubeconfig context", "current-context: labkit-lab", "current-context: CONTEXT"),
    ("kubeconfig context", "name: kind-dev", "name: CONTEXT"),
    ("kubeconfig context", "kind: Pod", "kind: Pod"),
    ("kubeconfig context", "labkit.local/session", "labkit.local/session"),
    ("ip", "10.244.0.7", "IP"),
    ("ip", "https://127.0.0.1:16443", "https://IP"),
    ("ip", "v1.37.2", "v1.37.2"),
    ("ip", "10.244.0.7.example", "10.244.0.7.example"),
    ("age", "default   1s", "default   AGE"),
    ("age", "web    1/1     Running   0          2m51s   10.244.0.7", "web    1/1     Running   0          AGE   10.244.0.7"),
    ("age", "lesson   Active   3d", "lesson   Active   AGE"),
    ("age", "expires in 3607s", "expires in 3607s"),
    ("age", "lifetime  1h", "lifetime  1h"),
    ("age", "DATA   3", "DATA   3"),
    ("ago", "1 (5s ago)", "1 (AGE ago)"),
    ("ago", "long ago", "long ago"),
    ("certificate size", "ca.crt:     1107 bytes", "ca.crt:     N bytes"),
    ("certificate size", "namespace:  7 bytes", "namespace:  7 bytes"),
    ("patch version", "Server Version: v1.37.2", "Server Version: v1.37.PATCH"),
    ("patch version", "Kubernetes 1.37", "Kubernetes 1.37"),
    ("patch version", "Kustomize Version: v5.8.1", "Kustomize Version: v5.8.1"),
    ("columns", "NAME      AGE", "NAME  AGE"),
    ("columns", "    name: web", "    name: web"),
    ("columns", "one two", "one two"),
    ("line ends", "NAME  \ndefault \n", "NAME\ndefault\n"),
    ("line ends", "  - name: web", "  - name: web"),
]
BY_NAME = {row.name: row for row in NORMALISATIONS}


@pytest.mark.parametrize(("name", "text", "becomes"), [pytest.param(*row, id=f"{row[0]}: {row[1][:40]!r}") for row in ROWS])
def test_row(name: str, text: str, becomes: str) -> None:
    row = BY_NAME[name]
    assert row.compiled.sub(row.replacement, text) == becomes


@pytest.mark.parametrize("row", NORMALISATIONS, ids=lambda row: row.name)
def test_every_normalisation_has_rows_of_both_kinds(row: Normalisation) -> None:
    own = [(text, becomes) for name, text, becomes in ROWS if name == row.name]
    assert any(text != becomes for text, becomes in own), "a row that it must change"
    assert any(text == becomes for text, becomes in own), "a row that it must leave alone"
    assert row.why


def test_nbval_reads_the_whole_table() -> None:
    # nbval's own expression (get_sanitize_patterns); it keeps the pairs in a dict, where a double would be lost.
    pairs = re.findall(r"^regex: (.*)$\n^replace: (.*)$", sanitize_file(), flags=re.MULTILINE)
    assert dict(pairs) == {row.pattern: row.replacement for row in NORMALISATIONS}
    assert len(pairs) == len(NORMALISATIONS)
    assert sanitize_file().isascii(), "nbval reads it in the machine's encoding"


def test_a_listing_is_the_same_on_two_clusters() -> None:
    on_kind = "NAME   READY   STATUS    RESTARTS   AGE   NODE\nweb    1/1     Running   0          12s   dev-control-plane\n"
    embedded = "NAME   READY   STATUS    RESTARTS   AGE     NODE\nweb    1/1     Running   0          1m40s   lab-control-plane\n"
    assert normalise(on_kind) == normalise(embedded)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("default   1s", "robot     1s", id="another name"),
        pytest.param("expirationSeconds: 3600", "expirationSeconds: 3607", id="another lifetime"),
        pytest.param("403 Forbidden", "404 Not Found", id="another code"),
        pytest.param("Kubernetes 1.36", "Kubernetes 1.37", id="another version"),
        pytest.param("  name: web", "name: web", id="another indentation"),
        pytest.param("○ Nothing to check yet", "○ Not yet", id="another verdict"),
    ],
)
def test_a_wrong_answer_stays_wrong(one: str, other: str) -> None:
    assert normalise(one) != normalise(other)
