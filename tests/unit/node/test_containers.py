"""A container's environment, mounts and small files."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from labkit.kube.objects import Obj
from labkit.machinery.drivers import run
from labkit.machinery.volume_host import DirectoryVolumes
from labkit.node.agent import NodeAgent
from labkit.node.containers import Api, open_container
from labkit.node.environment import EnvironmentProblemError, environment
from labkit.node.facts import NodeFacts
from labkit.node.images import pull_failure
from tests.unit.node.world import START, World, ca_map, pod, scope, token_volume

KUBERNETES = {
    "metadata": {"name": "kubernetes", "namespace": "default"},
    "spec": {"clusterIP": "10.96.0.1", "ports": [{"name": "https", "port": 443, "protocol": "TCP"}]},
}
SERVICE = [
    ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
    ("KUBERNETES_SERVICE_PORT", "443"),
    ("KUBERNETES_SERVICE_PORT_HTTPS", "443"),
    ("KUBERNETES_PORT", "tcp://10.96.0.1:443"),
    ("KUBERNETES_PORT_443_TCP", "tcp://10.96.0.1:443"),
    ("KUBERNETES_PORT_443_TCP_PROTO", "tcp"),
    ("KUBERNETES_PORT_443_TCP_PORT", "443"),
    ("KUBERNETES_PORT_443_TCP_ADDR", "10.96.0.1"),
]


def filled() -> World:
    world = World()
    world.add("services", KUBERNETES)
    other = {"metadata": {"name": "my-db", "namespace": "team-a"}, "spec": {"clusterIP": "10.96.0.9", "ports": [{"port": 1}]}}
    world.add("services", other)
    world.add("services", {"metadata": {"name": "headless", "namespace": "team-a"}, "spec": {"clusterIP": "None"}})
    world.add("configmaps", {"metadata": {"name": "c", "namespace": "team-a"}, "data": {"k": "v"}})
    world.add("secrets", {"metadata": {"name": "s", "namespace": "team-a"}, "data": {"k": "c2VjcmV0"}})
    return world


def variables(container: Obj, user: int = 0, **spec: Any) -> list[tuple[str, str]]:
    return run(environment(pod(**spec), {"name": "main", **container}, {"cpu": "2"}, user), filled())


def test_as_on_kind() -> None:
    found = variables({}, enableServiceLinks=False)
    assert found[:2] == [("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"), ("HOSTNAME", "web")]
    assert found[2:] == [*SERVICE, ("HOME", "/root")]


def test_services_of_the_namespace() -> None:
    assert dict(variables({}))["MY_DB_SERVICE_HOST"] == "10.96.0.9"
    assert "MY_DB_SERVICE_HOST" not in dict(variables({}, enableServiceLinks=False))


@pytest.mark.parametrize(("user", "home"), [(0, "/root"), (1000, "/"), (65534, "/nonexistent")])
def test_home(user: int, home: str) -> None:
    assert dict(variables({}, user))["HOME"] == home


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        pytest.param({"value": "x"}, "x", id="plain"),
        pytest.param({"value": "$(KUBERNETES_SERVICE_HOST)-$(B)-$(NOPE)-$$(B)"}, "10.96.0.1-b-$(NOPE)-$(B)", id="references"),
        pytest.param({"valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}, "v", id="ConfigMap"),
        pytest.param({"valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}, "secret", id="Secret"),
        pytest.param({"valueFrom": {"fieldRef": {"fieldPath": "spec.serviceAccountName"}}}, "default", id="field"),
        pytest.param({"valueFrom": {"resourceFieldRef": {"resource": "limits.cpu"}}}, "2", id="resource"),
        pytest.param({"valueFrom": {"configMapKeyRef": {"name": "x", "key": "k", "optional": True}}}, None, id="optional"),
    ],
)
def test_values(variable: Obj, value: str | None) -> None:
    found = variables({"env": [{"name": "B", "value": "b"}, {"name": "A", **variable}]})
    assert dict(found).get("A") == value


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        pytest.param({"configMapKeyRef": {"name": "x", "key": "k"}}, 'configmap "x" not found', id="ConfigMap"),
        pytest.param({"secretKeyRef": {"name": "x", "key": "k"}}, 'secret "x" not found', id="Secret"),
        pytest.param({"secretKeyRef": {"name": "s", "key": "x"}}, "couldn't find key x in Secret team-a/s", id="key"),
    ],
)
def test_problems(reference: Obj, message: str) -> None:
    with pytest.raises(EnvironmentProblemError) as caught:
        variables({"env": [{"name": "A", "valueFrom": reference}]})
    assert str(caught.value) == message


def test_env_from() -> None:
    found = variables({"envFrom": [{"configMapRef": {"name": "c"}, "prefix": "P_"}, {"secretRef": {"name": "x", "optional": True}}]})
    assert dict(found)["P_k"] == "v"


def started(folder: Path, mine: Obj) -> tuple[DirectoryVolumes, World, NodeAgent]:
    world, volumes = filled(), DirectoryVolumes(folder)
    world.add("pods", mine)
    world.add("configmaps", ca_map())
    agent = NodeAgent(NodeFacts("one"), volumes)
    run(agent.sync("team-a/web/uid-web", scope()), world)
    return volumes, world, agent


def test_files(tmp_path: Path) -> None:
    volumes, world, _ = started(tmp_path, pod())
    container = open_container(world.get("pods", "web", "team-a"), "main", volumes, Api("ca"), START)
    assert container is not None
    assert container.files.read("/mnt/kube-api-access-x7k2p/namespace") == b"team-a"
    assert container.files.read("/etc/hosts").endswith(b"\n10.244.0.5\tweb\n")
    assert container.files.read("/etc/resolv.conf").startswith(b"search team-a.svc.cluster.local svc.cluster.local cluster.local\n")
    assert dict(container.environment)["KUBERNETES_SERVICE_HOST"] == "10.96.0.1"
    assert "kubernetes:443" not in container.api_hosts
    assert "kubernetes:443" in Api("ca").hosts("default")


def test_a_container_that_does_not_run_cannot_be_entered(tmp_path: Path) -> None:
    assert open_container(pod(), "main", DirectoryVolumes(tmp_path), Api("ca"), START) is None


def test_a_sub_path_never_changes(tmp_path: Path) -> None:
    """PRJ-12"""
    volume = token_volume()
    mounts = [
        {"name": volume["name"], "mountPath": "/whole", "readOnly": True},
        {"name": volume["name"], "mountPath": "/single", "subPath": "token", "readOnly": True},
    ]
    mine = pod(volumes=[volume], containers=[{"name": "main", "image": "labkit.local/tools:1", "volumeMounts": mounts}])
    volumes, world, agent = started(tmp_path, mine)
    agent.tokens.forget_pod("uid-web")
    run(agent.sync("team-a/web/uid-web", scope()), world)
    container = open_container(world.get("pods", "web", "team-a"), "main", volumes, Api("ca"), START)
    assert container is not None
    assert container.files.read("/whole/token").endswith(b":2")
    assert container.files.read("/single").endswith(b":1")


@pytest.mark.parametrize(
    ("image", "fails"),
    [
        ("labkit.local/tools:1", False),
        ("labkit.local/private:1", True),
        ("registry.example.com:5000/app", True),
        ("nginx", False),
        ("library/nginx:1.27", False),
        ("quay.io/a/b", False),
    ],
)
def test_pulling(image: str, fails: bool) -> None:
    assert bool(pull_failure(image)) is fails


def test_an_image_that_cannot_be_had(tmp_path: Path) -> None:
    mine = pod(containers=[{"name": "main", "image": "labkit.local/nope:1"}])
    volumes, world, agent = started(tmp_path, mine)
    assert [one["reason"] for one in world.list("events")] == ["Pulling", "Failed", "Failed"]

    def waiting() -> Obj:
        found: Obj = world.get("pods", "web", "team-a")["status"]["containerStatuses"][0]["state"]["waiting"]
        return found

    failure = (
        'failed to pull and unpack image "labkit.local/nope:1": failed to resolve image: failed to do request: '
        'Head "https://labkit.local/v2/nope/manifests/1": dial tcp: lookup labkit.local on 127.0.0.11:53: no such host'
    )
    assert waiting() == {"message": failure, "reason": "ErrImagePull"}
    run(agent.sync("team-a/web/uid-web", scope(START + timedelta(seconds=15))), world)
    assert waiting() == {"message": f'Back-off pulling image "labkit.local/nope:1": ErrImagePull: {failure}', "reason": "ImagePullBackOff"}
    assert volumes.pods() == ["uid-web"]
