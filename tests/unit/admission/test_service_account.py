"""The ServiceAccount plugin: upstream's table (T-ADM), run twice each as upstream's wrapper does (ADM-18), and the texts of refusals."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.admission.request import AdmissionRequest, Operation
from labkit.admission.service_account import ServiceAccount
from labkit.kube.calls import Sleep
from labkit.kube.objects import Obj, copy
from labkit.kube.status import ApiError, Forbidden
from labkit.resources import pods
from tests.unit.rules_world import World, obj, scope

NAMESPACE = "myns"
PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME = "kube-api-access-bbbbb"  # the suffix of a randomness that always gives the lowest number
ENFORCED: dict[str, Any] = {"metadata": {"annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}}}
UNLISTED = 'secret.secretName="foo" is not allowed because service account default does not reference that secret'
MIRROR: dict[str, Any] = {"metadata": {"annotations": {"kubernetes.io/config.mirror": "true"}}}
OWN_MOUNT = {"name": "my-custom-mount", "readOnly": False, "mountPath": PATH}


def account(name: str = "default", **fields: Any) -> Obj:
    return obj(name, NAMESPACE, **fields)


def pod(**spec: Any) -> Obj:
    return obj("mypod", NAMESPACE, spec=spec)


def request(body: Obj | None, operation: Operation = "CREATE", subresource: str = "", resource: str = "pods") -> AdmissionRequest:
    name = body["metadata"]["name"] if body else "mypod"
    return AdmissionRequest(operation, resource, subresource, NAMESPACE, name, body, body if operation == "UPDATE" else None)


def admitted(body: Obj, *accounts: Obj, operation: Operation = "CREATE", subresource: str = "", version: str = "1.37") -> Obj:
    """The Pod after the mutating pass, which a second pass does not change."""
    world, plugin, before = World({"serviceaccounts": accounts}), ServiceAccount(), copy(body)
    once: Obj = world.run(plugin.admit(request(body, operation, subresource), body, scope(version=version)))
    twice = world.run(plugin.admit(request(once, operation, subresource), once, scope(version=version)))
    assert once == twice
    assert body == before
    return once


def validated(body: Obj, *accounts: Obj, operation: Operation = "CREATE", subresource: str = "", version: str = "1.37") -> None:
    World({"serviceaccounts": accounts}).run(ServiceAccount().validate(request(body, operation, subresource), scope(version=version)))


@pytest.mark.parametrize(
    ("body", "resource", "subresource", "operation"),
    [
        pytest.param(pod(), "pods", "", "DELETE", id="T-ADM-1"),
        pytest.param(pod(), "customresources.example.com", "", "CREATE", id="T-ADM-3"),
        pytest.param(obj("x", kind="Namespace"), "pods", "", "CREATE", id="T-ADM-5"),
        pytest.param(pod(), "pods", "status", "UPDATE", id="another subresource"),
        pytest.param(pod(), "pods", "", "UPDATE", id="ADM-2 an update"),
    ],
)
def test_left_alone(body: Obj, resource: str, subresource: str, operation: Operation) -> None:
    plugin, judged = ServiceAccount(), request(body, operation, subresource, resource)
    assert World().run(plugin.admit(judged, body, scope())) is body
    World().run(plugin.validate(judged, scope()))


def test_nothing_is_asked_about_no_object() -> None:
    world = World()
    world.run(ServiceAccount().validate(request(None), scope()))
    assert not world.calls, "T-ADM-4"


def test_a_mirror_pod_is_left_alone() -> None:
    mirror = obj("mypod", NAMESPACE, **MIRROR, spec={"volumes": [{}]})
    assert admitted(mirror) == mirror, "T-ADM-6"


TOKEN_SOURCE = {"projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        pytest.param({"serviceAccountName": "default"}, "a mirror pod may not reference service accounts", id="T-ADM-7"),
        pytest.param({"volumes": [{"secret": {"secretName": "s"}}]}, "a mirror pod may not reference secrets", id="ADM-6 volume"),
        pytest.param({"imagePullSecrets": [{"name": "s"}]}, "a mirror pod may not reference secrets", id="ADM-6 pull secret"),
        pytest.param(
            {"ephemeralContainers": [{"envFrom": [{"secretRef": {"name": "s"}}]}]},
            "a mirror pod may not reference secrets",
            id="ADM-6 ephemeral",
        ),
        pytest.param({"volumes": [{"cephfs": {"secretRef": {"name": "s"}}}]}, "a mirror pod may not reference secrets", id="ADM-6 cephfs"),
        pytest.param(
            {"volumes": [{"csi": {"nodePublishSecretRef": {"name": "s"}}}]}, "a mirror pod may not reference secrets", id="ADM-6 CSI"
        ),
        pytest.param({"volumes": [TOKEN_SOURCE]}, "a mirror pod may not use ServiceAccountToken volume projections", id="ADM-7"),
    ],
)
def test_mirror_pods_refused(spec: Obj, why: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        admitted(obj("mypod", NAMESPACE, **MIRROR, spec=spec))
    assert refusal.value.message == f'pods "mypod" is forbidden: {why}'


def test_the_default_account_and_its_token() -> None:
    body = pod(containers=[{"name": "c"}])
    pods.STRATEGY.default(body)
    found = admitted(body, account())
    assert found["spec"]["serviceAccountName"] == found["spec"]["serviceAccount"] == "default"
    assert found["spec"]["volumes"] == [
        {
            "name": VOLUME,
            "projected": {
                "defaultMode": 0o644,
                "sources": [
                    {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
                    {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
                    {
                        "downwardAPI": {
                            "items": [{"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}]
                        }
                    },
                ],
            },
        }
    ]
    assert found["spec"]["containers"][0]["volumeMounts"] == [{"name": VOLUME, "readOnly": True, "mountPath": PATH}]
    again = copy(found)
    pods.STRATEGY.default(again)
    assert again == found, "T-ADM-10: defaulting changes nothing"


@pytest.mark.parametrize("kind", [pytest.param("containers", id="T-ADM-13"), pytest.param("initContainers", id="T-ADM-14")])
def test_mounted(kind: str) -> None:
    spec = admitted(pod(**{kind: [{"name": "c"}]}), account())["spec"]
    assert spec[kind][0]["volumeMounts"] == [{"name": VOLUME, "readOnly": True, "mountPath": PATH}]
    assert [volume["name"] for volume in spec["volumes"]] == [VOLUME]


@pytest.mark.parametrize("kind", [pytest.param("containers", id="T-ADM-15"), pytest.param("initContainers", id="T-ADM-16")])
def test_a_mount_of_its_own(kind: str) -> None:
    spec = admitted(pod(**{kind: [{"name": "c", "volumeMounts": [OWN_MOUNT]}]}), account())["spec"]
    assert spec[kind][0]["volumeMounts"] == [OWN_MOUNT]
    assert "volumes" not in spec
    assert spec["serviceAccountName"] == "default"


def test_ephemeral_containers_get_no_mount() -> None:
    spec = admitted(pod(containers=[{"name": "c"}], ephemeralContainers=[{"name": "e"}]), account())["spec"]
    assert spec["ephemeralContainers"] == [{"name": "e"}], "ADM-13"


def test_a_trailing_slash_is_another_path() -> None:
    body = pod(containers=[{"name": "c", "volumeMounts": [{"name": "x", "mountPath": f"{PATH}/"}]}])
    assert len(admitted(body, account())["spec"]["containers"][0]["volumeMounts"]) == 2, "ADM-13"


def test_any_volume_of_that_name_is_taken() -> None:
    mine = {"name": "kube-api-access-mine", "emptyDir": {}}
    spec = admitted(pod(containers=[{"name": "c"}], volumes=[mine, {"name": "kube-api-access-z"}]), account())["spec"]
    assert spec["volumes"] == [mine, {"name": "kube-api-access-z"}], "ADM-12"
    assert spec["containers"][0]["volumeMounts"][0]["name"] == "kube-api-access-mine"


@pytest.mark.parametrize(
    ("of_pod", "of_account", "mounted"),
    [
        (None, None, True),
        (None, True, True),
        (None, False, False),
        (True, False, True),
        (False, True, False),
        (False, None, False),
        (True, None, True),
    ],
)
def test_automount(of_pod: bool | None, of_account: bool | None, mounted: bool) -> None:
    said = {} if of_pod is None else {"automountServiceAccountToken": of_pod}
    whose = account() if of_account is None else account(automountServiceAccountToken=of_account)
    spec = admitted(pod(containers=[{"name": "c"}], **said), whose)["spec"]
    assert ("volumes" in spec) is mounted, "ADM-11"


def test_a_missing_account() -> None:
    with pytest.raises(Forbidden) as refusal:
        admitted(pod(serviceAccountName="nobody"), account())
    why = 'error looking up service account myns/nobody: serviceaccount "nobody" not found'
    assert refusal.value.message == f'pods "mypod" is forbidden: {why}', "T-ADM-12"


@pytest.mark.parametrize(("name", "tries"), [("default", 10), ("other", 1)])
def test_how_often_an_account_is_looked_for(name: str, tries: int) -> None:
    world, body = World(), pod(serviceAccountName=name)
    with pytest.raises(Forbidden):
        world.run(ServiceAccount().admit(request(body), body, scope()))
    assert world.actions == [("get", "serviceaccounts", name)] * tries, "ADM-9: past the cache"
    pauses = [call.seconds for call in world.calls if isinstance(call, Sleep)]
    assert pauses == [0.1] * (tries - 1)


def test_an_account_that_the_cache_does_not_know_yet() -> None:
    world, body = World(), pod(containers=[{"name": "c"}])
    world.live["serviceaccounts"] = {(NAMESPACE, "default"): account()}
    assert world.run(ServiceAccount().admit(request(body), body, scope()))["spec"]["serviceAccountName"] == "default"


def test_another_error_ends_it_at_once() -> None:
    world, body = World(), pod()
    world.refuse["get", "serviceaccounts"] = ApiError("broken")
    with pytest.raises(ApiError, match="broken"):
        world.run(ServiceAccount().admit(request(body), body, scope()))


def env(name: str = "foo") -> Obj:
    return {"name": "c", "env": [{"name": "V", "valueFrom": {"secretKeyRef": {"name": name, "key": "k"}}}]}


def env_from(name: str = "foo") -> Obj:
    return {"name": "c", "envFrom": [{"secretRef": {"name": name}}]}


LISTS_FOO = account(**ENFORCED, secrets=[{"name": "foo"}])
LISTS_NOTHING = account(**ENFORCED)
BASE: dict[str, Any] = {"serviceAccountName": "default", "automountServiceAccountToken": False}


@pytest.mark.parametrize(
    "spec",
    [
        pytest.param({"volumes": [{"name": "v", "secret": {"secretName": "foo"}}]}, id="T-ADM-17"),
        pytest.param({"containers": [env()]}, id="T-ADM-18"),
        pytest.param({"containers": [env_from()]}, id="T-ADM-19"),
        pytest.param({"initContainers": [env()]}, id="T-ADM-20"),
        pytest.param({"initContainers": [env_from()]}, id="T-ADM-21"),
        pytest.param({"volumes": [{"name": "v", "projected": {"sources": [{"secret": {"name": "bar"}}]}}]}, id="ADM-22 a hole"),
    ],
)
def test_secrets_that_the_account_lists(spec: Obj) -> None:
    admitted(pod(**BASE, **spec), LISTS_FOO)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        pytest.param({"volumes": [{"name": "v", "secret": {"secretName": "foo"}}]}, "volume with", id="T-ADM-24"),
        pytest.param({"containers": [env()]}, "container c with envVar V referencing", id="T-ADM-25"),
        pytest.param({"containers": [env_from()]}, "container c with envFrom referencing", id="T-ADM-26"),
        pytest.param({"initContainers": [env()]}, "init container c with envVar V referencing", id="T-ADM-28"),
        pytest.param({"initContainers": [env_from()]}, "init container c with envFrom referencing", id="T-ADM-30"),
    ],
)
def test_secrets_that_the_account_does_not_list(spec: Obj, why: str) -> None:
    text = f'pods "mypod" is forbidden: {why} {UNLISTED}'
    body = pod(**BASE, **spec)
    with pytest.raises(Forbidden) as refusal:
        validated(body, LISTS_NOTHING)
    assert refusal.value.message == text
    with pytest.raises(Forbidden) as refusal:
        admitted(body, LISTS_NOTHING)
    assert refusal.value.message == text, "ADM-3: the mutating pass judges too"
    validated(body, account())
    assert admitted(body, LISTS_NOTHING, operation="UPDATE") == body, "T-ADM-27, T-ADM-29"


def test_whole_secrets_in_the_environment_count_since_1_29() -> None:
    validated(pod(**BASE, containers=[env_from()]), LISTS_NOTHING, version="1.28")


@pytest.mark.parametrize(("value", "enforced"), [("true", True), ("1", True), ("T", True), ("yes", False), ("false", False), ("", False)])
def test_when_it_is_enforced(value: str, enforced: bool) -> None:
    whose = account(metadata={"annotations": {"kubernetes.io/enforce-mountable-secrets": value}})
    body = pod(**BASE, containers=[env()])
    if enforced:
        with pytest.raises(Forbidden):
            validated(body, whose)
    else:
        validated(body, whose)


@pytest.mark.parametrize(
    ("container", "what"), [pytest.param(env(), "with envVar V", id="T-ADM-32"), pytest.param(env_from(), "with envFrom", id="T-ADM-33")]
)
def test_ephemeral_containers_refused(container: Obj, what: str) -> None:
    body = pod(**BASE, ephemeralContainers=[container])
    with pytest.raises(ApiError) as refusal:
        validated(body, LISTS_NOTHING, operation="UPDATE", subresource="ephemeralcontainers")
    why = f"ephemeral container c {what} referencing {UNLISTED}"
    assert (refusal.value.status_code, refusal.value.status_reason, refusal.value.message) == (500, "", why), "ADM-24"


def test_ephemeral_containers_admitted() -> None:
    body = pod(**BASE, ephemeralContainers=[env()])
    validated(body, LISTS_FOO, operation="UPDATE", subresource="ephemeralcontainers")  # T-ADM-22
    validated(body, LISTS_NOTHING, operation="UPDATE")  # T-ADM-31, ADM-25
    validated(body, LISTS_NOTHING, operation="UPDATE", subresource="ephemeralcontainers", version="1.27")


def test_pull_secrets_of_the_account() -> None:
    whose = account(imagePullSecrets=[{"name": "foo"}, {"name": "bar"}])
    found = admitted(pod(), whose)
    assert found["spec"]["imagePullSecrets"] == [{"name": "foo"}, {"name": "bar"}]
    found["spec"]["imagePullSecrets"][1]["name"] = "baz"
    assert whose["imagePullSecrets"][1]["name"] == "bar", "T-ADM-38"
    assert admitted(pod(imagePullSecrets=[{"name": "own"}]), whose)["spec"]["imagePullSecrets"] == [{"name": "own"}], "T-ADM-37"


def test_pull_secrets_enforced() -> None:
    body = pod(**BASE, imagePullSecrets=[{"name": "foo"}])
    validated(body, account(**ENFORCED, imagePullSecrets=[{"name": "foo"}]))  # T-ADM-35
    with pytest.raises(Forbidden) as refusal:
        validated(body, LISTS_FOO)
    why = 'imagePullSecrets[0].name="foo" is not allowed because service account default does not reference that imagePullSecret'
    assert refusal.value.message == f'pods "mypod" is forbidden: {why}', "ADM-23"


def test_no_account_at_all() -> None:
    with pytest.raises(Forbidden) as refusal:
        validated(pod())
    assert refusal.value.message == 'pods "mypod" is forbidden: no service account specified for pod myns/mypod', "ADM-19"


def test_a_pod_that_is_yet_to_be_named() -> None:
    body = {"metadata": {"generateName": "web-"}, "spec": {"serviceAccountName": "nobody"}}
    with pytest.raises(Forbidden) as refusal:
        World().run(ServiceAccount().admit(AdmissionRequest("CREATE", "pods", "", NAMESPACE, "", body), body, scope()))
    assert refusal.value.message.startswith('pods "web-" is forbidden')
