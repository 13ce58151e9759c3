"""The subresources that are more than a part of their object: a token, a binding, a namespace's finalizers."""

from __future__ import annotations

from labkit.admission.chain import admit, validate
from labkit.apiserver.reads import with_kind
from labkit.apiserver.request import ExecStream, LogStream, Request, Response
from labkit.apiserver.writes import Target
from labkit.kube.calls import Delete, Rule, Update, get
from labkit.kube.clock import rfc3339
from labkit.kube.objects import Obj, annotations_of, copy, dig, is_deleted, meta, name_of, namespace_of
from labkit.kube.scope import Scope
from labkit.kube.status import BadRequest, conflict, modified
from labkit.resources.token_request import TokenConfig, issue_token


def create_token(target: Target, body: Obj, config: TokenConfig, scope: Scope) -> Rule[Response]:
    """`serviceaccounts/token`: issue a token (TRQ)."""
    admitted = yield from admit(target.admission("CREATE", body, None), scope, target.plugins)

    def validating(completed: Obj) -> Rule[None]:
        return validate(target.admission("CREATE", completed, None), scope, target.plugins)

    issued = yield from issue_token(target.name, target.namespace, admitted, config, scope, validating=validating)
    return Response(201, issued)


def create_binding(target: Target, body: Obj, scope: Scope) -> Rule[Response]:
    """`pods/binding`, and `bindings`: put a Pod on a node (pkg/registry/core/pod/storage)."""
    name = target.name or name_of(body)
    admitted = yield from admit(target.admission("CREATE", body, None), scope, target.plugins)
    yield from validate(target.admission("CREATE", admitted, None), scope, target.plugins)
    old = yield from get("pods", name, target.namespace)
    if is_deleted(old):
        raise conflict("pods/binding", name, f"pod {name} is being deleted, cannot be assigned to a host")
    if assigned := dig(old, "spec", "nodeName"):
        raise conflict("pods/binding", name, f'pod {name} is already assigned to node "{assigned}"')
    pod = copy(old)
    pod["spec"]["nodeName"] = dig(admitted, "target", "name", default="")
    for key, value in annotations_of(admitted).items():
        meta(pod).setdefault("annotations", {})[key] = value
    condition = {"type": "PodScheduled", "status": "True", "lastProbeTime": None, "lastTransitionTime": rfc3339(scope.now)}
    if "generation" in meta(pod):
        condition = {"observedGeneration": meta(pod)["generation"], **condition}
    status = pod.setdefault("status", {})
    status["conditions"] = [c for c in status.get("conditions") or [] if c.get("type") != "PodScheduled"] + [condition]
    if not target.dry_run:
        yield Update("pods", pod, namespace_of(pod))
    return Response(201, {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201})


def finalize_namespace(target: Target, body: Obj) -> Rule[Response]:
    """`namespaces/finalize`: only `spec.finalizers` counts; with none left, a terminating namespace goes."""
    old = yield from get("namespaces", target.name)
    version = meta(body).get("resourceVersion")
    if version and version != meta(old)["resourceVersion"]:
        raise modified("namespaces", target.name)
    namespace = copy(old)
    namespace["spec"] = {"finalizers": list(dig(body, "spec", "finalizers", default=[]))}
    if not namespace["spec"]["finalizers"]:
        namespace["spec"] = {}
        if is_deleted(old) and not meta(old).get("finalizers"):
            gone: Obj = yield Delete("namespaces", target.name)
            return Response(200, with_kind(target.kind, gone))
    stored: Obj = yield Update("namespaces", namespace)
    return Response(200, with_kind(target.kind, stored))


def connect_exec(target: Target, request: Request, scope: Scope) -> Rule[ExecStream]:
    """`pods/exec`: which container, and what to run in it."""
    pod = yield from get("pods", target.name, target.namespace)
    container = _container(pod, request.param("container"))
    yield from validate(target.admission("CONNECT", None, None), scope, target.plugins)
    command = request.query.get("command", ())
    if not command:
        raise BadRequest("you must specify at least 1 command for the container")
    if not dig(pod, "spec", "nodeName"):
        raise BadRequest(f"pod {target.name} does not have a host assigned")
    flags = {flag: request.flag(flag) for flag in ("stdin", "stdout", "stderr", "tty")}
    return ExecStream(pod, container, tuple(command), **flags)


def connect_log(target: Target, request: Request) -> Rule[LogStream]:
    """`pods/log`: which container, and how much of its log."""
    pod = yield from get("pods", target.name, target.namespace)
    container = _container(pod, request.param("container"))

    def number(name: str) -> int | None:
        text = request.param(name)
        return int(text) if text.isdigit() else None

    return LogStream(
        pod,
        container,
        follow=request.flag("follow"),
        previous=request.flag("previous"),
        timestamps=request.flag("timestamps"),
        tail_lines=number("tailLines"),
        limit_bytes=number("limitBytes"),
        since_seconds=number("sinceSeconds"),
    )


def _container(pod: Obj, asked: str) -> str:
    """The container that a connection is for.

    Raises:
        BadRequest: no such container, or several to choose from.
    """
    names = [c["name"] for field in ("containers", "initContainers", "ephemeralContainers") for c in dig(pod, "spec", field, default=[])]
    running = [c["name"] for c in dig(pod, "spec", "containers", default=[])]
    if asked:
        if asked not in names:
            raise BadRequest(f"container {asked} is not valid for pod {name_of(pod)}")
        return asked
    if len(running) == 1:
        return str(running[0])
    raise BadRequest(f"a container name must be specified for pod {name_of(pod)}, choose one of: [{' '.join(running)}]")
