"""NodeRestriction: upstream's rows about tokens (T-NOD, T-NDI), and what else a node writes."""

from __future__ import annotations

from typing import Any

import pytest

from labkit.admission.node_restriction import NodeRestriction
from labkit.admission.request import AdmissionRequest, Operation
from labkit.kube.access import Attributes, Authorize, Decision
from labkit.kube.calls import Rule
from labkit.kube.objects import Obj
from labkit.kube.scope import Scope
from labkit.kube.status import ApiError, Forbidden, NotFound
from labkit.kube.users import UserInfo
from tests.unit.rules_world import World, obj, scope

NODE = UserInfo("system:node:mynode", ("system:nodes", "system:authenticated"))
GATE = "ServiceAccountNodeAudienceRestriction"
DRIVER = "com.example.csi.mydriver"
NS = "ns"
NO_UID = (
    "the UID in the bound object reference (random-uid) does not match the UID in record. "
    "The object might have been deleted and then recreated"
)
UNBOUND = "node requested token not bound to a pod"
CSI = {"name": "v", "csi": {"driver": DRIVER}}
CLAIM = {"name": "v", "persistentVolumeClaim": {"claimName": "pvclaim"}}
EPHEMERAL = {"name": "v", "ephemeral": {"volumeClaimTemplate": {"spec": {}}}}


def token(audience: str) -> Obj:
    return {"name": "t", "projected": {"sources": [{"serviceAccountToken": {"path": "token", "audience": audience}}]}}


def world(volumes: list[Obj], *, driver: bool = True, volume: bool = True, in_tree: bool = False, on: str = "mynode") -> World:
    pv = {"azureFile": {"secretName": "s", "shareName": "x"}} if in_tree else {"csi": {"driver": DRIVER, "volumeHandle": "h"}}
    claim: dict[str, Any] = {"spec": {"volumeName": "pvname"}}
    requests: dict[str, Any] = {"spec": {"tokenRequests": [{"audience": "foo"}]}}
    return World(
        {
            "pods": [obj("mysapod", NS, uid="mysapod-uid", spec={"nodeName": on, "serviceAccountName": "mysa", "volumes": volumes})],
            "persistentvolumeclaims": [obj("pvclaim", NS, **claim), obj("mysapod-v", NS, **claim)],
            "persistentvolumes": [obj("pvname", spec=pv)] if volume else [],
            "csidrivers.storage.k8s.io": [obj(DRIVER, **requests), obj("file.csi.azure.com", **requests)] if driver else [],
        }
    )


def bound(name: str = "mysapod", uid: str = "mysapod-uid", **reference: str) -> Obj:
    return {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid} | reference


def ask(
    there: World,
    *audiences: str,
    reference: Obj | None = None,
    version: str = "1.36",
    gate: bool = True,
    authorize: Authorize | None = None,
) -> None:
    body = {"spec": {"audiences": list(audiences), "boundObjectRef": bound() if reference is None else reference}}
    request = AdmissionRequest("CREATE", "serviceaccounts", "token", NS, "mysa", body, authorize=authorize)
    there.run(NodeRestriction().admit(request, body, scope(NODE, version, {GATE: gate})))


def refused(there: World, *audiences: str, **more: Any) -> str:
    with pytest.raises(ApiError) as refusal:
        ask(there, *audiences, **more)
    return refusal.value.message


@pytest.mark.parametrize(
    ("reference", "why"),
    [
        pytest.param({}, UNBOUND, id="T-NOD-3"),
        pytest.param(bound(apiVersion="v2"), UNBOUND, id="NOD-2 version"),
        pytest.param(bound(kind="Secret"), UNBOUND, id="NOD-2 kind"),
        pytest.param(bound(name=""), UNBOUND, id="NOD-2 name"),
        pytest.param(bound(uid=""), "node requested token with a pod binding without a uid", id="T-NOD-5"),
        pytest.param(bound(uid="random-uid"), NO_UID, id="T-NDI-3"),
    ],
)
def test_bindings(reference: Obj, why: str) -> None:
    assert refused(world([token("foo")]), "foo", reference=reference) == f'serviceaccounts "mysa" is forbidden: {why}'


def test_a_missing_pod() -> None:
    with pytest.raises(NotFound) as refusal:
        ask(world([]), "foo", reference=bound("nopod"))
    assert refusal.value.message == 'pod "nopod" not found', "T-NOD-4"


def test_a_pod_of_another_node() -> None:
    assert refused(world([token("foo")], on="other"), "foo").endswith(
        "node requested token bound to a pod scheduled on a different node"
    ), "T-NOD-6"


@pytest.mark.parametrize(
    ("there", "audiences", "gate"),
    [
        pytest.param(world([token("foo")]), ["foo"], True, id="T-NDI-7"),
        pytest.param(world([token("")]), [], True, id="T-NDI-6"),
        pytest.param(world([token("")]), [""], True, id="T-NDI-5"),
        pytest.param(world([CSI]), ["foo"], True, id="T-NOD-12"),
        pytest.param(world([CLAIM]), ["foo"], True, id="T-NOD-15"),
        pytest.param(world([EPHEMERAL]), ["foo"], True, id="T-NOD-19"),
        pytest.param(world([CLAIM, CSI], volume=False), ["foo"], True, id="T-NOD-22"),
        pytest.param(world([CLAIM], volume=False), ["foo"], False, id="T-NOD-23"),
        pytest.param(world([CLAIM], in_tree=True), ["foo"], True, id="T-NOD-25"),
        pytest.param(world([]), ["a", "b"], False, id="gate off"),
    ],
)
def test_audiences(there: World, audiences: list[str], gate: bool) -> None:
    ask(there, *audiences, gate=gate)


NOWHERE = "not found in pod spec volume, system:node:mynode is not authorized to request tokens for this audience"
CSI_MISSING = 'error validating audience "foo": csidriver.storage.k8s.io "com.example.csi.mydriver" not found'


@pytest.mark.parametrize(
    ("there", "audiences", "why"),
    [
        pytest.param(world([]), ["foo"], f'audience "foo" {NOWHERE}', id="T-NOD-11"),
        pytest.param(world([token("")]), ["foo"], f'audience "foo" {NOWHERE}', id="an empty audience is no wildcard"),
        pytest.param(world([CSI]), ["bar"], f'audience "bar" {NOWHERE}', id="T-NOD-13"),
        pytest.param(world([CSI], driver=False), ["foo"], CSI_MISSING, id="T-NOD-14"),
        pytest.param(world([CLAIM]), ["bar"], f'audience "bar" {NOWHERE}', id="T-NOD-16"),
        pytest.param(
            world([CLAIM], volume=False), ["foo"], 'error validating audience "foo": persistentvolume "pvname" not found', id="T-NOD-18"
        ),
        pytest.param(world([EPHEMERAL]), ["bar"], f'audience "bar" {NOWHERE}', id="T-NOD-20"),
        pytest.param(world([EPHEMERAL], driver=False), ["foo"], CSI_MISSING, id="T-NDI-13"),
        pytest.param(world([token("a"), token("b")]), ["a", "b"], "node may only request 0 or 1 audiences", id="T-NDI-20"),
    ],
)
def test_refused_audiences(there: World, audiences: list[str], why: str) -> None:
    assert refused(there, *audiences) == f'serviceaccounts "mysa" is forbidden: {why}'


def test_the_text_changed_in_1_37() -> None:
    why = 'system:node:mynode is not authorized to request tokens for audience "foo"'
    assert refused(world([]), "foo", version="1.37") == f'serviceaccounts "mysa" is forbidden: {why}'


def test_rbac_may_allow_an_audience() -> None:
    asked = []

    def authorize(attributes: Attributes, _scope: Scope) -> Rule[Decision]:
        asked.append(attributes)
        yield from ()
        return Decision(attributes.resource == "foo")

    ask(world([]), "foo", authorize=authorize)
    assert asked == [Attributes(NODE, "request-serviceaccounts-token-audience", resource="foo", name="mysa", namespace=NS)], "NOD-4"
    assert "bar" in refused(world([]), "bar", authorize=authorize)


def judge(
    resource: str,
    body: Obj | None,
    operation: Operation = "CREATE",
    subresource: str = "",
    old: Obj | None = None,
    name: str = "",
    namespace: str = NS,
) -> None:
    request = AdmissionRequest(
        operation, resource, subresource, namespace, name or (body or {}).get("metadata", {}).get("name", ""), body, old
    )
    there = world([])
    there.objects["nodes"] = {("", "mynode"): obj("mynode")}
    plugin = NodeRestriction()
    if body is not None:
        assert there.run(plugin.admit(request, body, scope(NODE))) is body
    there.run(plugin.validate(request, scope(NODE)))


def mirror(spec: Obj | None = None, **owner: Any) -> Obj:
    owners = [{"apiVersion": "v1", "kind": "Node", "name": "mynode", "uid": "mynode-uid", "controller": True} | owner]
    return obj(
        "m",
        NS,
        metadata={"annotations": {"kubernetes.io/config.mirror": "x"}, "ownerReferences": owners},
        spec={"nodeName": "mynode"} | (spec or {}),
    )


LEASES = "leases.coordination.k8s.io"


@pytest.mark.parametrize(
    ("resource", "body", "more", "why"),
    [
        ("pods", mirror(), {}, None),
        (
            "pods",
            obj("p", NS, spec={"nodeName": "mynode"}),
            {},
            'pod does not have "kubernetes.io/config.mirror" annotation, node "mynode" can only create mirror pods',
        ),
        ("pods", mirror({"nodeName": "x"}), {}, 'node "mynode" can only create pods with spec.nodeName set to itself'),
        ("pods", mirror(name="x"), {}, 'node "mynode" can only create pods with an owner reference set to itself'),
        ("pods", mirror(controller=False), {}, 'node "mynode" can only create pods with a controller owner reference set to itself'),
        ("pods", mirror(blockOwnerDeletion=True), {}, 'node "mynode" must not set blockOwnerDeletion on an owner reference'),
        ("pods", mirror(uid="x"), {}, "node mynode UID mismatch: expected x got mynode-uid"),
        ("pods", mirror({"serviceAccountName": "x"}), {}, 'node "mynode" can not create pods that reference serviceaccounts'),
        (
            "pods",
            mirror({"volumes": [token("")]}),
            {},
            'node "mynode" can not create pods that reference serviceaccounts (via projected volumes)',
        ),
        ("pods", mirror(), {"operation": "UPDATE"}, 'unexpected operation "UPDATE", node "mynode" can only create and delete mirror pods'),
        ("pods", None, {"operation": "DELETE", "name": "mysapod"}, None),
        (
            "pods",
            obj("p", NS),
            {"operation": "UPDATE", "subresource": "binding"},
            "unexpected pod subresource \"binding\", only 'status' and 'eviction' are allowed",
        ),
        ("nodes", obj("mynode"), {}, None),
        ("nodes", obj("other"), {}, 'node "mynode" is not allowed to modify node "other"'),
        ("nodes", obj("mynode", metadata={"labels": {"kubernetes.io/hostname": "x", "mine": "y", "node.kubernetes.io/x": "z"}}), {}, None),
        (
            "nodes",
            obj("mynode", metadata={"labels": {"node-role.kubernetes.io/control-plane": ""}}),
            {},
            'node "mynode" is not allowed to set the following labels: node-role.kubernetes.io/control-plane',
        ),
        (
            "nodes",
            obj("mynode", metadata={"labels": {"a.node-restriction.kubernetes.io/x": ""}}),
            {"operation": "UPDATE", "old": obj("mynode")},
            "is not allowed to modify labels: a.node-restriction.kubernetes.io/x",
        ),
        (
            "nodes",
            obj("mynode", spec={"taints": [{"key": "x"}]}),
            {"operation": "UPDATE", "old": obj("mynode")},
            'node "mynode" is not allowed to modify taints',
        ),
        (LEASES, obj("mynode"), {"namespace": "kube-node-lease"}, None),
        (LEASES, obj("other"), {"namespace": "kube-node-lease"}, "can only access node lease with the same name as the requesting node"),
        (LEASES, obj("mynode"), {}, 'can only access leases in the "kube-node-lease" system namespace'),
        ("configmaps", obj("x", NS), {}, None),
    ],
)
def test_what_else_a_node_writes(resource: str, body: Obj | None, more: dict[str, Any], why: str | None) -> None:
    if why is None:
        judge(resource, body, **more)
        return
    with pytest.raises(Forbidden) as refusal:
        judge(resource, body, **more)
    assert refusal.value.message.endswith(f"is forbidden: {why}")


@pytest.mark.parametrize(
    ("changed", "on", "why"),
    [
        ({}, "mynode", None),
        ({}, "other", 'node "mynode" can only update pod status for pods with spec.nodeName set to itself'),
        ({"labels": {"a": "b"}}, "mynode", 'node "mynode" cannot update labels through pod status'),
    ],
)
def test_status_of_pods(changed: Obj, on: str, why: str | None) -> None:
    old = obj("p", NS, spec={"nodeName": on})
    new = obj("p", NS, metadata=changed, spec={"nodeName": on}, status={"phase": "Running"})
    if why is None:
        judge("pods", new, operation="UPDATE", subresource="status", old=old)
        return
    with pytest.raises(Forbidden, match=why):
        judge("pods", new, operation="UPDATE", subresource="status", old=old)


def test_others_are_free() -> None:
    request = AdmissionRequest("CREATE", "nodes", name="x", obj=obj("x"))
    World().run(NodeRestriction().admit(request, obj("x"), scope()))
