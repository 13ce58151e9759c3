"""Pods that break rules. Texts as kube-apiserver 1.37.2 gave them; long ones are cut before their example."""

from __future__ import annotations

import pytest

from labkit.kube.objects import Obj, copy
from labkit.kube.status import FieldError
from labkit.resources.pod_validation import has_outside_token_path
from labkit.resources.pods import STRATEGY

CONTAINER: Obj = {"name": "a", "image": "x"}
SUBDOMAIN = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an"
    " alphanumeric character"
)
MIRROR = "kubernetes.io/config.mirror"
MODE = "must be a number between 0 and 0777 (octal), both inclusive"


def pod(container: Obj | None = None, annotations: dict[str, str] | None = None, **spec: object) -> Obj:
    made: Obj = {
        "metadata": {"name": "p", "namespace": "ns", "annotations": annotations or {}},
        "spec": {"serviceAccountName": "sa", "containers": [{**CONTAINER, **(container or {})}], **spec},
    }
    STRATEGY.default(made)
    return made


def volume(**source: object) -> Obj:
    return pod(volumes=[{"name": "v", **source}])


def token(**fields: object) -> Obj:
    return volume(projected={"sources": [{"serviceAccountToken": {"path": "t", **fields}}]})


def texts(errors: list[FieldError]) -> list[str]:
    return [str(error).split(" (e.g.")[0] for error in errors]


PROJECTED = "spec.volumes[0].projected"


@pytest.mark.parametrize(
    ("obj", "found"),
    [
        pytest.param(pod(), [], id="good"),
        pytest.param(token(audience="foo-audience", expirationSeconds=6000), [], id="T-VAL-22"),
        pytest.param(
            {**token(), "spec": {**token()["spec"], "serviceAccountName": ""}},
            [f"{PROJECTED}.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is not set"],
            id="T-VAL-23",
        ),
        pytest.param(
            pod(serviceAccountName="invalidName"),
            [f'spec.serviceAccountName: Invalid value: "invalidName": {SUBDOMAIN}'],
            id="T-VAL-24",
        ),
        pytest.param(
            pod(annotations={MIRROR: "foo"}),
            [f'metadata.annotations[{MIRROR}]: Invalid value: "foo": must set spec.nodeName if mirror pod annotation is set'],
            id="T-VAL-26",
        ),
        pytest.param(
            token(expirationSeconds=599),
            [
                (
                    f"{PROJECTED}.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 599: "
                    "may not specify a duration less than 10 minutes"
                )
            ],
            id="VAL-9-short",
        ),
        pytest.param(
            token(expirationSeconds=2**32 + 1),
            [
                (
                    f"{PROJECTED}.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 4294967297: "
                    "may not specify a duration larger than 2^32 seconds"
                )
            ],
            id="VAL-9-long",
        ),
        pytest.param(token(path=""), [f"{PROJECTED}.path: Required value"], id="VAL-10-empty"),
        pytest.param(token(path="/x"), [f'{PROJECTED}.path: Invalid value: "/x": must be a relative path'], id="VAL-10-absolute"),
        pytest.param(token(path="a/../../b"), [f"{PROJECTED}.path: Invalid value: \"a/../../b\": must not contain '..'"], id="VAL-10-back"),
        pytest.param(token(path="..x"), [f"{PROJECTED}.path: Invalid value: \"..x\": must not start with '..'"], id="VAL-10-dots"),
        pytest.param(
            volume(projected={"sources": [{"secret": {"name": "a"}, "configMap": {"name": "b"}}]}),
            [f"{PROJECTED}.sources[0]: Forbidden: may not specify more than 1 volume type per source"],
            id="VAL-12-two",
        ),
        pytest.param(volume(projected={"sources": [{}]}), [], id="VAL-12-none"),
        pytest.param(
            volume(projected={"defaultMode": 1000, "sources": []}),
            [f"{PROJECTED}.defaultMode: Invalid value: 1000: {MODE}"],
            id="VAL-12-mode",
        ),
        pytest.param(
            volume(
                projected={
                    "sources": [
                        {"secret": {"name": "a", "items": [{"key": "k", "path": "p"}]}},
                        {"configMap": {"name": "c", "items": [{"key": "k", "path": "p"}]}},
                    ]
                }
            ),
            [f'{PROJECTED}: Invalid value: "c": conflicting duplicate paths'],
            id="VAL-11-two-sources-one-path",
        ),
        pytest.param(volume(secret={}), ["spec.volumes[0].secret.secretName: Required value"], id="secret-volume"),
        pytest.param(
            volume(secret={"secretName": "a"}, configMap={"name": "b"}),
            ["spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type"],
            id="two-sources",
        ),
        pytest.param(pod(volumes=[{"name": "v"}, {"name": "v"}]), ['spec.volumes[1].name: Duplicate value: "v"'], id="volume-twice"),
        pytest.param(
            pod({"volumeMounts": [{"name": "nope", "mountPath": "/x"}]}),
            ['spec.containers[0].volumeMounts[0].name: Not found: "nope"'],
            id="mount-of-nothing",
        ),
        pytest.param(pod(containers=[]), ["spec.containers: Required value"], id="no-containers"),
        pytest.param(pod({"image": ""}), ["spec.containers[0].image: Required value"], id="no-image"),
        pytest.param(
            pod({"image": " x"}),
            ['spec.containers[0].image: Invalid value: " x": must not have leading or trailing whitespace'],
            id="blank-before-the-image",
        ),
        pytest.param(
            pod({"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}),
            ['spec.containers[0].resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1'],
            id="more-than-the-limit",
        ),
        pytest.param(
            pod({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "nope"}}}]}),
            [
                (
                    'spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Invalid value: "nope": '
                    "error converting fieldPath: field label not supported: nope"
                )
            ],
            id="unknown-field",
        ),
        pytest.param(pod({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "spec.serviceAccountName"}}}]}), [], id="VAL-16"),
        pytest.param(
            pod({"securityContext": {"runAsUser": -1}}),
            ["spec.containers[0].securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive"],
            id="user-id",
        ),
        pytest.param(
            pod({"livenessProbe": {}}),
            ["spec.containers[0].livenessProbe: Required value: must specify a handler type"],
            id="probe-of-nothing",
        ),
        pytest.param(
            pod(restartPolicy="x"),
            ['spec.restartPolicy: Unsupported value: "x": supported values: "Always", "OnFailure", "Never"'],
            id="restart-policy",
        ),
        pytest.param(
            pod(dnsPolicy="None"),
            ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"],
            id="dns-policy-none",
        ),
        pytest.param(
            pod(tolerations=[{"key": "a", "tolerationSeconds": 3}]),
            ["spec.tolerations[0].effect: Invalid value: \"\": effect must be 'NoExecute' when `tolerationSeconds` is set"],
            id="toleration",
        ),
        pytest.param(
            pod(ephemeralContainers=[{"name": "e", "image": "x"}]),
            ["spec.ephemeralContainers: Forbidden: cannot be set on create"],
            id="ephemeral",
        ),
        pytest.param(
            pod(initContainers=[{"name": "a", "image": "x"}]),
            ['spec.initContainers[0].name: Duplicate value: "a"'],
            id="init-container-of-the-same-name",
        ),
    ],
)
def test_new(obj: Obj, found: list[str]) -> None:
    assert texts(STRATEGY.validate(obj)) == found


OLD = pod(annotations={"a": "b"}, tolerations=[{"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 3}])
FORBIDDEN = (
    "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)\n"
)


def changed(**spec: object) -> Obj:
    made: Obj = copy(OLD)
    made["spec"].update(spec)
    STRATEGY.default(made)
    return made


@pytest.mark.parametrize(
    ("new", "found"),
    [
        pytest.param(changed(), [], id="nothing"),
        pytest.param(changed(containers=[{**CONTAINER, "image": "y"}]), [], id="image"),
        pytest.param(changed(activeDeadlineSeconds=5), [], id="deadline"),
        pytest.param(changed(tolerations=[*OLD["spec"]["tolerations"], {"key": "b", "operator": "Exists"}]), [], id="one-more-toleration"),
        pytest.param(
            changed(tolerations=[]),
            ["spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds"],
            id="toleration-removed",
        ),
        pytest.param(
            changed(containers=[CONTAINER, {**CONTAINER, "name": "b"}]),
            ["spec.containers: Forbidden: pod updates may not add or remove containers"],
            id="container-added",
        ),
        pytest.param(
            changed(schedulingGates=[{"name": "g"}]),
            ["spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'g'"],
            id="gate-added",
        ),
        pytest.param(
            changed(automountServiceAccountToken=False),
            [
                FORBIDDEN + "@@ -42,7 +42,7 @@\n"
                '  "NodeSelector": null,\n'
                '  "ServiceAccountName": "sa",\n'
                '  "DeprecatedServiceAccount": "sa",\n'
                '- "AutomountServiceAccountToken": null,\n'
                '+ "AutomountServiceAccountToken": false,\n'
                '  "NodeName": "",\n'
                '  "HostNetwork": false,\n'
                '  "HostPID": false,\n'
            ],
            id="VAL-8",
        ),
        pytest.param(
            {**changed(), "metadata": {**OLD["metadata"], "annotations": {MIRROR: "x"}}},
            [
                f'metadata.annotations[{MIRROR}]: Invalid value: "x": must set spec.nodeName if mirror pod annotation is set',
                f"metadata.annotations[{MIRROR}]: Forbidden: may not add mirror pod annotation",
            ],
            id="T-VAL-27",
        ),
    ],
)
def test_changed(new: Obj, found: list[str]) -> None:
    assert [str(error) for error in STRATEGY.validate_update(new, OLD)] == found


def test_a_mirror_stays_a_mirror() -> None:
    """T-VAL-28."""
    old = pod(annotations={MIRROR: "x"}, nodeName="n")
    new = copy(old)
    new["metadata"]["annotations"] = {}
    assert texts(STRATEGY.validate_update(new, old)) == [
        f"metadata.annotations[{MIRROR}]: Forbidden: may not remove or update mirror pod annotation"
    ]


@pytest.mark.parametrize(
    ("old", "tolerated"),
    [
        pytest.param(pod(), False, id="T-VAL-33"),
        pytest.param(token(path="../foo"), True, id="T-VAL-31"),
        pytest.param(token(path="foo"), False, id="T-VAL-32"),
    ],
)
def test_stored_token_paths_may_stay(old: Obj, tolerated: bool) -> None:
    assert has_outside_token_path(old) is tolerated
    assert STRATEGY.validate_update(copy(old), old) == []
    assert (STRATEGY.validate(old) != []) is tolerated


@pytest.mark.parametrize(
    ("now", "before", "found"),
    [
        pytest.param(["e"], [], [], id="added"),
        pytest.param(
            [], ["e"], ['spec.ephemeralContainers: Forbidden: existing ephemeral containers "e" may not be removed\n'], id="removed"
        ),
        pytest.param(
            ["a"],
            [],
            ['spec.ephemeralContainers[0].name: Duplicate value: "a"'],
            id="name-taken",
        ),
    ],
)
def test_ephemeral_containers(now: list[str], before: list[str], found: list[str]) -> None:
    def with_ephemeral(names: list[str]) -> Obj:
        return pod(ephemeralContainers=[{"name": name, "image": "x"} for name in names])

    assert texts(STRATEGY.validate_update(with_ephemeral(now), with_ephemeral(before), "ephemeralcontainers")) == found


def test_the_class_of_service_is_for_life() -> None:
    old = {**pod(), "status": {"qosClass": "BestEffort"}}
    new = {**old, "status": {"qosClass": "Guaranteed"}}
    assert texts(STRATEGY.validate_update(new, old, "status")) == ['status.qosClass: Invalid value: "Guaranteed": field is immutable']
