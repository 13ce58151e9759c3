"""Upstream's tables for the projected volume: which files, with which modes and owners, or which error."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.kube.objects import Obj
from labkit.kube.scope import Scope
from labkit.kube.versions import Era
from labkit.machinery.drivers import run
from labkit.node.projected import NO_DEFAULT_MODE, Pantry, collect, common_user
from labkit.node.token_manager import TokenManager
from labkit.node.volumes import File, Payload, VolumeError
from tests.unit.node.world import World, pod, scope

PLAIN = 0o644


def collected(
    sources: list[Obj], *, mode: int | None = PLAIN, world: World | None = None, era: Scope | None = None, **spec: Any
) -> Payload:
    mine = pod(**spec)
    mine["metadata"] |= {"annotations": {"a1": "value1", "a2": "value2"}, "labels": {"k": 'v"1'}, "name": "podName"}
    volume = {"name": "v", "projected": {"sources": sources, **({} if mode is None else {"defaultMode": mode})}}
    pantry = Pantry(TokenManager(), era or scope(), {"cpu": "2", "memory": "64Mi"})
    return run(collect(mine, volume, pantry), world or filled())


def filled() -> World:
    world = World()
    world.add("secrets", {"metadata": {"name": "s", "namespace": "team-a"}, "data": {"foo": "Zm9v", "bar": "YmFy"}})
    world.add("configmaps", {"metadata": {"name": "c", "namespace": "team-a"}, "data": {"foo": "foo"}, "binaryData": {"bar": "YmFy"}})
    return world


def token(**source: Any) -> list[Obj]:
    return [{"serviceAccountToken": {"path": "token", **source}}]


def secret(**source: Any) -> list[Obj]:
    return [{"secret": {"name": "s", **source}}]


def config_map(**source: Any) -> list[Obj]:
    return [{"configMap": {"name": "c", **source}}]


def field(path: str, name: str = "f") -> list[Obj]:
    return [{"downwardAPI": {"items": [{"path": name, "fieldRef": {"apiVersion": "v1", "fieldPath": path}}]}}]


FOO_BAR = {"foo": File(b"foo", PLAIN), "bar": File(b"bar", PLAIN)}


@pytest.mark.parametrize(
    ("sources", "files"),
    [
        pytest.param(secret(), FOO_BAR, id="T-PRJ-15"),
        pytest.param(secret(items=[{"key": "foo", "path": "path/to/foo.txt"}]), {"path/to/foo.txt": File(b"foo", PLAIN)}, id="T-PRJ-16"),
        pytest.param(
            secret(items=[{"key": "foo", "path": "path/to/1/2/3/foo.txt"}]), {"path/to/1/2/3/foo.txt": File(b"foo", PLAIN)}, id="T-PRJ-17"
        ),
        pytest.param(secret(items=[{"key": "zab", "path": "x"}], optional=True), {}, id="T-PRJ-23"),
        pytest.param(secret(name="missing", optional=True), {}, id="T-PRJ-42"),
        pytest.param(config_map(), FOO_BAR, id="T-PRJ-24"),
        pytest.param(
            config_map(items=[{"key": "foo", "path": "path/to/foo.txt"}]), {"path/to/foo.txt": File(b"foo", PLAIN)}, id="T-PRJ-25"
        ),
        pytest.param(config_map(items=[{"key": "foo", "path": "f", "mode": 0o400}]), {"f": File(b"foo", 0o400)}, id="T-PRJ-30"),
        pytest.param(
            [*secret(), *config_map(items=[{"key": "foo", "path": "bar"}])], {**FOO_BAR, "bar": File(b"foo", PLAIN)}, id="PRJ-2 later wins"
        ),
        pytest.param(field("metadata.annotations['a1']", "annotation"), {"annotation": File(b"value1", PLAIN)}, id="T-PRJ-9"),
        pytest.param(field("metadata.annotations"), {"f": File(b'a1="value1"\na2="value2"', PLAIN)}, id="T-PRJ-12"),
        pytest.param(field("metadata.labels"), {"f": File(b'k="v\\"1"', PLAIN)}, id="labels are quoted"),
        pytest.param(field("metadata.name"), {"f": File(b"podName", PLAIN)}, id="T-PRJ-13"),
    ],
)
def test_files(sources: list[Obj], files: dict[str, File]) -> None:
    assert collected(sources) == files


@pytest.mark.parametrize(
    ("sources", "message"),
    [
        pytest.param(secret(items=[{"key": "zab", "path": "x"}]), "references non-existent secret key: zab", id="T-PRJ-20"),
        pytest.param(
            config_map(items=[{"key": "zab", "path": "x"}]), "configmap references non-existent config key: zab", id="a missing key"
        ),
        pytest.param(config_map(name="missing"), 'configmap "missing" not found', id="PRJ-3"),
        pytest.param([*config_map(name="a"), *secret(name="b")], '[configmap "a" not found, secret "b" not found]', id="PRJ-3 aggregated"),
        pytest.param([*config_map(name="a"), *config_map(name="a")], 'configmap "a" not found', id="PRJ-3 once"),
        pytest.param(field("metadata.annotations['']"), "invalid key subscript in metadata.annotations['']", id="T-PRJ-10"),
        pytest.param([{"clusterTrustBundle": {"path": "x"}}], "does not serve the projected source clusterTrustBundle", id="not served"),
    ],
)
def test_errors(sources: list[Obj], message: str) -> None:
    with pytest.raises(VolumeError) as caught:
        collected(sources)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("source", "name", "text"),
    [
        pytest.param(
            {"audience": "https://example.com", "expirationSeconds": 60}, "token", b"default:60:https://example.com:1", id="T-PRJ-1"
        ),
        pytest.param({"path": "other-token", "expirationSeconds": 60}, "other-token", b"default:60:https://api:1", id="T-PRJ-2"),
        pytest.param({}, "token", b"default:3600:https://api:1", id="T-PRJ-4"),
    ],
)
def test_token(source: Obj, name: str, text: bytes) -> None:
    assert collected(token(**source)) == {name: File(text, PLAIN)}


def test_without_a_default_mode() -> None:
    """T-PRJ-5"""
    with pytest.raises(VolumeError, match=NO_DEFAULT_MODE):
        collected(token(), mode=None)


USER, GROUP = {"runAsUser": 1000}, {"fsGroup": 1000}


@pytest.mark.parametrize(
    ("context", "era", "mode", "owner"),
    [
        pytest.param({}, "1.37", PLAIN, None, id="PRJ-8 neither"),
        pytest.param(GROUP, "1.37", 0o600, None, id="T-PRJ-7"),
        pytest.param({**USER, **GROUP}, "1.37", 0o600, 1000, id="T-PRJ-8"),
        pytest.param(USER, "1.37", 0o600, 1000, id="PRJ-8 user"),
        pytest.param(USER, "1.15", 0o600, None, id="PRJ-5 old"),
        pytest.param({}, "1.15", 0o600, None, id="PRJ-5 old, always narrow"),
    ],
)
def test_token_mode_and_owner(context: Obj, era: str, mode: int, owner: int | None) -> None:
    (file,) = collected(token(), securityContext=context, era=scope(era=era)).values()
    assert (file.mode, file.owner) == (mode, owner)


def test_other_files_keep_the_default_mode() -> None:
    """PRJ-5"""
    files = collected([*token(), *field("metadata.namespace", "namespace")], securityContext=USER)
    assert (files["token"].mode, files["namespace"].mode, files["namespace"].owner) == (0o600, PLAIN, None)


def test_the_gate_of_old() -> None:
    """PRJ-14"""
    with pytest.raises(VolumeError, match="TokenRequestProjection feature was not enabled"):
        collected(token(), era=scope(era="1.15", TokenRequestProjection=False))


def container(user: int | None = None) -> Obj:
    return {"name": "c", **({"securityContext": {"runAsUser": user}} if user is not None else {})}


@pytest.mark.parametrize(
    ("spec", "era", "user"),
    [
        pytest.param({"containers": [container()]}, "1.37", None, id="nobody names one"),
        pytest.param({"containers": [container(5), container(5)]}, "1.37", 5, id="all agree"),
        pytest.param({"containers": [container(5), container(6)]}, "1.37", None, id="they differ"),
        pytest.param({"containers": [container(5), container()]}, "1.37", None, id="one names none"),
        pytest.param({"containers": [container()], "securityContext": {"runAsUser": 7}}, "1.37", 7, id="the Pod's"),
        pytest.param({"containers": [container(5)], "securityContext": {"runAsUser": 7}}, "1.37", 5, id="the container's own"),
        pytest.param({"containers": [container(5)], "initContainers": [container(6)]}, "1.37", None, id="init containers count"),
        pytest.param({"containers": [container(0)]}, "1.37", 0, id="root is a user"),
        pytest.param({"containers": [container(5)], "ephemeralContainers": [container(6)]}, "1.37", None, id="ephemeral ones count"),
        pytest.param({"containers": [container(5)], "ephemeralContainers": [container(6)]}, "1.30", 5, id="before 1.31 they did not"),
    ],
)
def test_common_user(spec: Obj, era: str, user: int | None) -> None:
    """PRJ-6"""
    assert common_user({"spec": spec}, Era(era)) == user


@pytest.mark.parametrize(
    ("resource", "divisor", "text"),
    [
        pytest.param("limits.memory", "1Mi", b"64", id="the node's, where there is no limit"),
        pytest.param("requests.cpu", "1m", b"250", id="millis"),
        pytest.param("requests.cpu", "", b"1", id="rounded up"),
    ],
)
def test_resources(resource: str, divisor: str, text: bytes) -> None:
    reference = {"containerName": "main", "resource": resource, "divisor": divisor}
    main = {"name": "main", "resources": {"requests": {"cpu": "250m"}}}
    files = collected([{"downwardAPI": {"items": [{"path": "r", "resourceFieldRef": reference}]}}], containers=[main])
    assert files["r"].data == text
