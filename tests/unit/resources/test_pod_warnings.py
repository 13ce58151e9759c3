"""Warnings: upstream's TestWarnings for volumes, and the rest as 1.37.2 gave them."""

from __future__ import annotations

import pytest

from labkit.kube.objects import Obj
from labkit.resources.pod_warnings import pod_warnings


def projected(*sources: Obj) -> Obj:
    return {"spec": {"volumes": [{"name": "foo", "projected": {"sources": list(sources)}}]}}


def token(path: str) -> Obj:
    return {"serviceAccountToken": {"path": path}}


def items(kind: str, *paths: str) -> Obj:
    return {kind: {"name": "Test", "items": [{"path": path} for path in paths]}}


OVERLAP = 'volume "foo" (Projected): overlapping paths: '
BUNDLE: Obj = {"clusterTrustBundle": {"name": "Test", "path": "test"}}


@pytest.mark.parametrize(
    ("pod", "found"),
    [
        pytest.param(
            projected(items("configMap", "test"), token("test")),
            [OVERLAP + '"test" (ServiceAccountToken) with "test" (ConfigMap "Test")'],
            id="T-VAL-34",
        ),
        pytest.param(
            projected(items("secret", "test"), token("test")),
            [OVERLAP + '"test" (ServiceAccountToken) with "test" (Secret "Test")'],
            id="T-VAL-37",
        ),
        pytest.param(
            projected(items("downwardAPI", "test"), token("test")),
            [OVERLAP + '"test" (ServiceAccountToken) with "test" (DownwardAPI)'],
            id="T-VAL-38",
        ),
        pytest.param(
            projected(BUNDLE, token("test")),
            [OVERLAP + '"test" (ServiceAccountToken) with "test" (ClusterTrustBundle "Test")'],
            id="T-VAL-39",
        ),
        pytest.param(
            projected({"clusterTrustBundle": {"signerName": "example.com/ca", "path": "test"}}, token("test")),
            [OVERLAP + '"test" (ServiceAccountToken) with "test" (ClusterTrustBundle "example.com/ca")'],
            id="T-VAL-40",
        ),
        pytest.param(
            projected(
                {"clusterTrustBundle": {"name": "Test", "path": "test/test"}},
                items("downwardAPI", "test"),
                items("secret", "test"),
                token("test"),
            ),
            [
                OVERLAP + '"test" (DownwardAPI) with "test/test" (ClusterTrustBundle "Test")',
                OVERLAP + '"test" (Secret "Test") with "test/test" (ClusterTrustBundle "Test")',
                OVERLAP + '"test" (Secret "Test") with "test" (DownwardAPI)',
                OVERLAP + '"test" (ServiceAccountToken) with "test/test" (ClusterTrustBundle "Test")',
                OVERLAP + '"test" (ServiceAccountToken) with "test" (DownwardAPI)',
                OVERLAP + '"test" (ServiceAccountToken) with "test" (Secret "Test")',
            ],
            id="T-VAL-41",
        ),
        pytest.param(
            projected(items("downwardAPI", "test", "test"), token("test/test2")),
            [
                OVERLAP + '"test" (DownwardAPI) with "test" (DownwardAPI)',
                OVERLAP + '"test/test2" (ServiceAccountToken) with "test" (DownwardAPI)',
                OVERLAP + '"test/test2" (ServiceAccountToken) with "test" (DownwardAPI)',
            ],
            id="T-VAL-42",
        ),
        pytest.param(projected({}), ['volume "foo" (Projected) has no sources provided'], id="T-VAL-43"),
        pytest.param(projected(), [], id="corrections-3"),
        pytest.param(projected(token("testing"), items("secret", "test")), [], id="a-shared-beginning-is-no-overlap"),
        pytest.param(
            {"spec": {"volumes": [{"name": "v", "secret": {"secretName": "s", "items": [{"path": "a"}, {"path": "a/b"}]}}]}},
            ['volume "v" (Secret "s"): overlapping paths: "a/b" with "a"'],
            id="secret-volume",
        ),
        pytest.param(
            {"spec": {"imagePullSecrets": [{"name": "a"}, {"name": "a"}, {}]}},
            ['spec.imagePullSecrets[1].name: duplicate name "a"', 'spec.imagePullSecrets[2].name: invalid empty name ""'],
            id="pull-secrets",
        ),
        pytest.param(
            {
                "spec": {
                    "containers": [{"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "$(A)2"}, {"name": "A", "value": "3"}]}]
                }
            },
            ['spec.containers[0].env[2]: hides previous definition of "A", which may be dropped when using apply'],
            id="hidden-variable",
        ),
        pytest.param(
            {"spec": {"containers": [{"resources": {"requests": {"memory": "100m"}}}]}},
            ['spec.containers[0].resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer'],
            id="fraction-of-a-byte",
        ),
        pytest.param(
            {"spec": {"containers": [{"ports": [{"containerPort": 80}, {"containerPort": 80}, {"containerPort": 80, "hostPort": 5}]}]}},
            [
                "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
                "spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[0]",
                "spec.containers[0].ports[2]: overlapping port definition with spec.containers[0].ports[1]",
            ],
            id="ports",
        ),
    ],
)
def test_warnings(pod: Obj, found: list[str]) -> None:
    assert pod_warnings(pod) == found
