"""The ServiceAccount plugin in earlier versions: upstream's rows (T-ADMH) and the rules ERAADM-2 to ERAADM-18."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from labkit.admission.request import AdmissionRequest, Operation
from labkit.admission.service_account import ServiceAccount
from labkit.admission.token_eras import MOUNTINGS, mounting
from labkit.admission.token_secret_volume import token_secrets
from labkit.kube.objects import Obj, copy, name_of
from labkit.kube.status import ApiError, Forbidden, InternalError, ServerTimeout, error_from_status, server_timeout
from labkit.kube.versions import Era
from labkit.resources import pods
from tests.unit.rules_world import World, obj, scope

NAMESPACE, PATH, TYPE = "myns", "/var/run/secrets/kubernetes.io/serviceaccount", "kubernetes.io/service-account-token"
BOUND: Mapping[str, bool] = {"BoundServiceAccountTokenVolume": True}
UNBOUND: Mapping[str, bool] = {"BoundServiceAccountTokenVolume": False}
KUBE_API_ACCESS = "kube-api-access-bbbbb"
SECRET_ERAS = ["1.6", "1.8", "1.9", "1.13", "1.15", "1.20"]
NO_TOKEN = (
    'No API token found for service account "default", retry after the token is automatically created and added to the service account'
)


def account(*secrets: str, name: str = "default", **fields: Any) -> Obj:
    return obj(name, NAMESPACE, uid="12345", secrets=[{"name": secret} for secret in secrets], **fields)


def token(name: str = "token-name", *, uid: str = "12345", of: str = "default", type_: str = TYPE) -> Obj:
    annotations = {"kubernetes.io/service-account.name": of, "kubernetes.io/service-account.uid": uid}
    return obj(name, NAMESPACE, type=type_, metadata={"annotations": annotations})


def pod(**spec: Any) -> Obj:
    return obj("mypod", NAMESPACE, spec=spec)


def request(body: Obj, operation: Operation = "CREATE", old: Obj | None = None) -> AdmissionRequest:
    return AdmissionRequest(operation, "pods", "", NAMESPACE, "mypod", None if operation in {"DELETE", "CONNECT"} else body, old)


def admitted(
    body: Obj, accounts: Iterable[Obj], secrets: Iterable[Obj] = (), *, version: str = "1.20", gates: Mapping[str, bool] | None = None
) -> Obj:
    """The Pod's spec after the mutating pass, which a second pass does not change (ADM-18)."""
    world, plugin, before = World({"serviceaccounts": accounts, "secrets": secrets}), ServiceAccount(), copy(body)
    once: Obj = world.run(plugin.admit(request(body), body, scope(version=version, gates=gates)))
    assert world.run(plugin.admit(request(once), once, scope(version=version, gates=gates))) == once
    assert body == before
    spec: Obj = once["spec"]
    return spec


def mount(name: str) -> Obj:
    return {"name": name, "readOnly": True, "mountPath": PATH}


def secret_volume(name: str, secret: str = "") -> Obj:
    return {"name": name, "secret": {"secretName": secret or name}}


@pytest.mark.parametrize("version", SECRET_ERAS)
@pytest.mark.parametrize("kind", [pytest.param("containers", id="T-ADMH-4"), pytest.param("initContainers", id="T-ADMH-4 init, ERAADM-11")])
def test_the_secret_is_mounted(version: str, kind: str) -> None:
    spec = admitted(pod(**{kind: [{"name": "c"}]}), [account("token-name")], [token()], version=version)
    assert spec["volumes"] == [secret_volume("token-name")]
    assert spec[kind][0]["volumeMounts"] == [mount("token-name")]
    assert spec["serviceAccountName"] == "default"


def test_defaulting_gives_the_mode() -> None:
    body = pod(containers=[{"name": "c"}])
    pods.STRATEGY.default(body)
    found = body | {"spec": admitted(body, [account("token-name")], [token()])}
    pods.STRATEGY.default(found)
    assert found["spec"]["volumes"] == [{"name": "token-name", "secret": {"secretName": "token-name", "defaultMode": 0o644}}], "ERAADM-10"


@pytest.mark.parametrize(
    ("version", "gates", "volume"),
    [
        pytest.param("1.13", {}, "token-name", id="1.13"),
        pytest.param("1.13", BOUND, KUBE_API_ACCESS, id="1.13 gate on: T-ADMH-5"),
        pytest.param("1.20", BOUND, KUBE_API_ACCESS, id="1.20 gate on: T-ADMH-5"),
        pytest.param("1.21", {}, KUBE_API_ACCESS, id="1.21"),
        pytest.param("1.21", UNBOUND, "token-name", id="1.21 gate off: ERAADM-3"),
        pytest.param("1.22", {}, KUBE_API_ACCESS, id="1.22"),
        pytest.param("1.37", {}, KUBE_API_ACCESS, id="1.37"),
    ],
)
def test_which_volume(version: str, gates: Mapping[str, bool], volume: str) -> None:
    spec = admitted(pod(containers=[{"name": "c"}]), [account("token-name")], [token()], version=version, gates=gates)
    assert [found["name"] for found in spec["volumes"]] == [volume]
    assert spec["containers"][0]["volumeMounts"] == [mount(volume)]


@pytest.mark.parametrize(
    ("version", "gates", "seconds", "mode"),
    [
        pytest.param("1.15", BOUND, 3600, None, id="ERAADM-16 1.15"),
        pytest.param("1.20", BOUND, 3607, None, id="ERAADM-16 1.20"),
        pytest.param("1.23", {}, 3607, 0o644, id="ERAADM-16 1.23"),
        pytest.param("1.37", {}, 3607, 0o644, id="ADM-15"),
    ],
)
def test_the_projected_volume(version: str, gates: Mapping[str, bool], seconds: int, mode: int | None) -> None:
    spec = admitted(pod(containers=[{"name": "c"}]), [account("token-name")], [token()], version=version, gates=gates)
    projected = spec["volumes"][0]["projected"]
    assert projected["sources"][0] == {"serviceAccountToken": {"path": "token", "expirationSeconds": seconds}}
    assert projected.get("defaultMode") == mode


@pytest.mark.parametrize(
    ("version", "gates", "volumes"),
    [
        pytest.param("1.15", BOUND, 0, id="ERAADM-16 a Secret is needed, yet its lack refuses nobody"),
        pytest.param("1.20", BOUND, 1, id="ERAADM-16 none is needed"),
        pytest.param("1.21", {}, 1, id="1.21"),
        pytest.param("1.37", {}, 1, id="ADM-26"),
    ],
)
def test_no_secret_with_bound_tokens(version: str, gates: Mapping[str, bool], volumes: int) -> None:
    spec = admitted(pod(containers=[{"name": "c"}]), [account()], version=version, gates=gates)
    assert len(spec.get("volumes", [])) == volumes


def test_today_no_secret_is_looked_at() -> None:
    world, body = World({"serviceaccounts": [account("token-name")], "secrets": [token()]}), pod(containers=[{"name": "c"}])
    world.run(ServiceAccount().admit(request(body), body, scope()))
    assert {getattr(call, "resource", "") for call in world.calls} == {"serviceaccounts"}, "ADM-26"


@pytest.mark.parametrize("version", SECRET_ERAS)
@pytest.mark.parametrize("spec", [{"containers": [{"name": "c"}]}, {}], ids=["T-ADMH-3", "ERAADM-6 without containers"])
@pytest.mark.parametrize(
    ("accounts", "secrets"),
    [
        pytest.param([account()], [token()], id="not listed"),
        pytest.param([account("token-name")], [], id="no such Secret"),
        pytest.param([account("token-name")], [token(uid="other")], id="of another account"),
        pytest.param([account("token-name")], [token(type_="Opaque")], id="of another type"),
    ],
)
def test_no_token(version: str, spec: Obj, accounts: list[Obj], secrets: list[Obj]) -> None:
    with pytest.raises(ServerTimeout) as refusal:
        admitted(pod(**spec), accounts, secrets, version=version)
    assert refusal.value.status() == {
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": NO_TOKEN,
        "reason": "ServerTimeout",
        "details": {"name": "create pod", "kind": "serviceaccounts", "retryAfterSeconds": 1},
        "code": 500,
    }
    assert refusal.value.headers == {"Retry-After": "1"}


def test_server_timeouts() -> None:
    error = server_timeout("pods", "get", 2)
    assert error.message == "The get operation against pods could not be completed at this time, please try again."
    assert isinstance(error_from_status(error.status()), ServerTimeout)


@pytest.mark.parametrize("version", [pytest.param("1.20", id="T-ADMH-1")])
def test_no_token_and_none_required(version: str) -> None:
    world, body = World({"serviceaccounts": [account()]}), pod()
    found = world.run(ServiceAccount(require_api_token=False).admit(request(body), body, scope(version=version)))
    assert found["spec"]["serviceAccountName"] == "default", "T-ADMH-1"
    assert "volumes" not in found["spec"]


@pytest.mark.parametrize("off", [pod(automountServiceAccountToken=False), pod()])
def test_no_token_and_none_wanted(off: Obj) -> None:
    whose = account() if off["spec"] else account(automountServiceAccountToken=False)
    assert "volumes" not in admitted(off, [whose], version="1.6"), "ERAADM-6, ERAADM-12"


def test_secrets_that_cannot_be_read() -> None:
    world, body = Unreadable({"serviceaccounts": [account("token-name")]}), pod(containers=[{"name": "c"}])
    with pytest.raises(Forbidden) as refusal:
        world.run(ServiceAccount().admit(request(body), body, scope(version="1.20")))
    assert refusal.value.message == 'pods "mypod" is forbidden: Error looking up service account token for myns/default: broken', "ERAADM-7"


class Unreadable(World):
    def _list(self, call: Any) -> list[Obj]:
        raise InternalError("broken")


@pytest.mark.parametrize("version", [pytest.param(version, id=f"T-ADMH-8 {version}") for version in SECRET_ERAS])
def test_the_order_of_the_accounts_list_decides(version: str) -> None:
    spec = admitted(pod(containers=[{"name": "c"}]), [account("token2", "token1")], [token("token1"), token("token2")], version=version)
    assert spec["volumes"] == [secret_volume("token2")], "T-ADMH-8, ERAADM-4"


@pytest.mark.parametrize("gates", [pytest.param(BOUND, id="T-ADMH-9 gate on"), pytest.param(UNBOUND, id="T-ADMH-9 gate off")])
def test_the_secrets_of_an_account(gates: Mapping[str, bool]) -> None:
    world = World(
        {
            "secrets": [
                token("dockercfg", type_="kubernetes.io/dockercfg"),
                token("of-another", of="x", uid="y"),
                token("a"),
                token("b", uid=""),
            ]
        }
    )
    found = world.run(token_secrets(account(), scope(version="1.15", gates=gates)))
    assert [name_of(secret) for secret in found] == ["a", "b"], "T-ADMH-9"


@pytest.mark.parametrize(
    ("version", "volume"),
    [
        pytest.param("1.6.0", "dockercfg", id="ERAADM-5 the mistake of 1.6.0"),
        ("v1.6.0", "dockercfg"),
        ("1.6", "token-name"),
        ("1.6.1", "token-name"),
    ],
)
def test_any_secret_of_the_account(version: str, volume: str) -> None:
    secrets = [token("dockercfg", type_="kubernetes.io/dockercfg"), token()]
    spec = admitted(pod(containers=[{"name": "c"}]), [account("dockercfg", "token-name")], secrets, version=version)
    assert spec["volumes"] == [secret_volume(volume)]


MINE = secret_volume("mine", "token-name")
TAKEN: Obj = {"name": "token-name", "emptyDir": {}}


@pytest.mark.parametrize(
    ("secret", "volumes", "version", "volume", "added"),
    [
        pytest.param("token-name", [MINE], "1.20", "mine", False, id="ERAADM-8 its own volume of it"),
        pytest.param("token-name", [TAKEN, MINE], "1.20", "mine", False, id="ERAADM-8 behind another of the name"),
        pytest.param("token-name", [TAKEN], "1.20", "token-name-bbbbb", True, id="ERAADM-9 the name is taken"),
        pytest.param("token.name", [], "1.15", "token.name", True, id="ERAADM-9 dots stay"),
        pytest.param("token.name", [], "1.20", "token-name", True, id="ERAADM-9 dashes for dots"),
        pytest.param("token.name", [TAKEN], "1.20", "token-name-bbbbb", True, id="ERAADM-9 dashes, and taken"),
    ],
)
def test_the_volumes_name(secret: str, volumes: list[Obj], version: str, volume: str, added: bool) -> None:
    spec = admitted(pod(containers=[{"name": "c"}], volumes=volumes), [account(secret)], [token(secret)], version=version)
    assert spec["containers"][0]["volumeMounts"] == [mount(volume)]
    assert spec["volumes"] == volumes + ([secret_volume(volume, secret)] if added else [])


@pytest.mark.parametrize(
    ("version", "gates"), [pytest.param("1.15", BOUND, id="T-ADMH-10"), pytest.param("1.20", {}, id="gate off"), ("1.37", {})]
)
def test_a_pod_with_an_old_mount(version: str, gates: Mapping[str, bool]) -> None:
    volume, its_mount = secret_volume("default-token-abc123"), mount("default-token-abc123")
    body = pod(containers=[{"name": "c", "volumeMounts": [its_mount]}], volumes=[volume])
    spec = admitted(body, [account("token-name")], [token()], version=version, gates=gates)
    assert (spec["volumes"], spec["containers"]) == ([volume], [{"name": "c", "volumeMounts": [its_mount]}]), "ERAADM-17"


@pytest.mark.parametrize("version", [pytest.param("1.18", id="T-ITG-16")])
def test_a_second_container_with_a_mount_of_its_own(version: str) -> None:
    own = {"name": "empty", "mountPath": PATH}
    body = pod(containers=[{"name": "a"}, {"name": "b", "volumeMounts": [own]}], volumes=[{"name": "empty", "emptyDir": {}}])
    spec = admitted(body, [account("token-name")], [token()], version=version)
    assert [container["volumeMounts"] for container in spec["containers"]] == [[mount("token-name")], [own]], "T-ITG-16"
    assert [volume["name"] for volume in spec["volumes"]] == ["empty", "token-name"]


@pytest.mark.parametrize(
    ("version", "why"),
    [
        *(
            (version, "service account myns/nobody was not found, retry after the service account is created")
            for version in ("1.6", "1.8", "1.14")
        ),
        *((version, 'error looking up service account myns/nobody: serviceaccount "nobody" not found') for version in ("1.15", "1.37")),
    ],
)
def test_a_missing_account(version: str, why: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        admitted(pod(serviceAccountName="nobody"), [], version=version)
    assert refusal.value.message == f'pods "mypod" is forbidden: {why}', "ERAADM-2"


ENFORCED: dict[str, Any] = {"metadata": {"annotations": {"kubernetes.io/enforce-mountable-secrets": "true"}}}
ENV = {"name": "c", "env": [{"name": "V", "valueFrom": {"secretKeyRef": {"name": "foo", "key": "k"}}}]}
UNLISTED = 'referencing secret.secretName="foo" is not allowed because service account default does not reference that secret'


@pytest.mark.parametrize(
    ("version", "error"),
    [
        pytest.param("1.8", Forbidden, id="ERAADM-14 1.8 judges first"),
        pytest.param("1.9", ServerTimeout, id="ERAADM-14 1.9 mounts first"),
        pytest.param("1.20", ServerTimeout, id="ERAADM-14 1.20 mounts first"),
    ],
)
def test_the_order_of_checks(version: str, error: type[ApiError]) -> None:
    with pytest.raises(error):
        admitted(pod(containers=[ENV]), [account(**ENFORCED)], version=version)


@pytest.mark.parametrize("version", ["1.6", "1.8", "1.20"])
@pytest.mark.parametrize(
    ("spec", "why"),
    [
        pytest.param(
            {"volumes": [secret_volume("v", "foo")]}, f"volume with {UNLISTED.removeprefix('referencing ')}", id="T-ADMH-7 volume"
        ),
        pytest.param({"containers": [ENV]}, f"container c with envVar V {UNLISTED}", id="T-ADMH-7 env"),
        pytest.param({"initContainers": [ENV]}, f"init container c with envVar V {UNLISTED}", id="T-ADMH-7 init env"),
    ],
)
def test_mountable_secrets(version: str, spec: Obj, why: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        admitted(pod(**spec), [account("token-name", **ENFORCED)], [token()], version=version)
    assert refusal.value.message == f'pods "mypod" is forbidden: {why}'
    admitted(pod(**spec), [account("token-name", "foo", **ENFORCED)], [token()], version=version)
    admitted(pod(containers=[{"name": "c", "envFrom": [{"secretRef": {"name": "foo"}}]}]), [account("token-name", **ENFORCED)], [token()])


@pytest.mark.parametrize(("version", "judged"), [("1.8", False), ("1.9", True)])
def test_the_validating_pass(version: str, judged: bool) -> None:
    body, world = pod(serviceAccountName="nobody"), World()
    if judged:
        with pytest.raises(Forbidden):
            world.run(ServiceAccount().validate(request(body), scope(version=version)))
    else:
        world.run(ServiceAccount().validate(request(body), scope(version=version)))
        assert not world.calls, "ERAADM-14"


@pytest.mark.parametrize("version", ["1.6", "1.8"])
@pytest.mark.parametrize("operation", [pytest.param("DELETE", id="T-ADMH-12 delete"), pytest.param("CONNECT", id="T-ADMH-12 connect")])
def test_other_operations(version: str, operation: Operation) -> None:
    plugin, world, body = ServiceAccount(), World(), pod()
    assert world.run(plugin.admit(request(body, operation), body, scope(version=version))) is body, "T-ADMH-12"
    world.run(plugin.validate(request(body, operation), scope(version=version)))
    assert not world.calls


INITIALIZING = {"initializers": {"pending": [{"name": "x.example.com"}]}}


@pytest.mark.parametrize(
    ("version", "metadata", "changed"),
    [
        pytest.param("1.8", {}, False, id="T-ADMH-11"),
        pytest.param("1.8", {"initializers": {"pending": []}}, False, id="T-ADMH-11 all done"),
        pytest.param("1.8", INITIALIZING, True, id="ERAADM-15"),
        pytest.param("1.7", INITIALIZING, False, id="ERAADM-15 not yet in 1.7"),
        pytest.param("1.9", INITIALIZING, False, id="ADM-1 no longer in 1.9"),
    ],
)
def test_updates_in_1_8(version: str, metadata: Obj, changed: bool) -> None:
    world = World({"serviceaccounts": [account("token-name")], "secrets": [token()]})
    body, old = pod(containers=[{"name": "c"}]), obj("mypod", NAMESPACE, metadata=metadata)
    found = world.run(ServiceAccount().admit(request(body, "UPDATE", old), body, scope(version=version)))
    assert ("volumes" in found["spec"]) is changed
    assert (found is body) is not changed


MIRROR: dict[str, Any] = {"metadata": {"annotations": {"kubernetes.io/config.mirror": "true"}}}


@pytest.mark.parametrize("version", ["1.6", "1.8", "1.20"])
@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"serviceAccountName": "default"}, "a mirror pod may not reference service accounts"),
        ({"imagePullSecrets": [{"name": "s"}]}, "a mirror pod may not reference secrets"),
    ],
)
def test_mirror_pods(version: str, spec: Obj, why: str) -> None:
    with pytest.raises(Forbidden) as refusal:
        admitted(obj("mypod", NAMESPACE, **MIRROR, spec=spec), [], version=version)
    assert refusal.value.message == f'pods "mypod" is forbidden: {why}', "ERAADM-1"


@pytest.mark.parametrize(("version", "refused"), [("1.10", False), ("1.11", True), ("1.15", True)])
def test_mirror_pods_with_projected_tokens(version: str, refused: bool) -> None:
    mirror = obj("mypod", NAMESPACE, **MIRROR, spec={"volumes": [{"projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]})
    if refused:
        with pytest.raises(Forbidden, match="a mirror pod may not use ServiceAccountToken volume projections"):
            admitted(mirror, [], version=version)
    else:
        admitted(mirror, [], version=version)


def test_the_table_knows_every_version() -> None:
    used = [mounting(Era(f"1.{minor}")) for minor in range(6, 38)]
    assert [row.since for row in dict.fromkeys(used)] == ["1.6", "1.20", "1.20", "1.23"], "with default gates"
    assert set(used) < set(MOUNTINGS)
