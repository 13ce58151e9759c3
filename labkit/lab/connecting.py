"""`lab = connect(lesson="02")`: the first thing that every lesson does."""

from __future__ import annotations

import atexit
import contextlib
import os
from collections.abc import Callable

from labkit.kube.status import ApiError
from labkit.lab.api import Api
from labkit.lab.errors import LabError, NoAnswer, NotConnected
from labkit.lab.lab import Lab
from labkit.lab.session import Session, current_session

__all__ = ["connect", "current_lab", "use"]

# The finalizer with which a lesson keeps a namespace from going away.
HOLD = "labkit.local/hold"
# What a lesson may have made outside its namespace.
CLUSTER_WIDE = ("clusterrolebindings", "clusterroles")


class _Current:
    """The lab that `documented`, `check` and `%kubectl` mean when none is named."""

    lab: Lab | None = None


def connect(lesson: str) -> Lab:
    """Find or start the cluster, make the lesson a fresh namespace on it, and say so in one line.

    What an earlier run of the same lesson left is cleared: exactly that, found by its labels. Nobody waits for it, since the new
    namespace has another name.

    Args:
        lesson: the number in the notebook's name, such as "02".

    Raises:
        LabError: that is no lesson's number.
        ClusterError: there is no cluster and none can be started; the message says what to do.
    """
    from labkit.clusters import connect_or_start

    if not (lesson.isdecimal() and len(lesson) == 2):
        raise LabError(f'A lesson has a number of two digits, such as connect(lesson="02"); {lesson!r} is none.')
    info = connect_or_start()
    api, session = Api.from_kubeconfig(info.kubeconfig), current_session()
    name = _clear(api, session, lesson)
    lab = Lab(info, lesson, name, session, api)
    lab.make_namespace()
    use(lab)
    atexit.register(_leave, lab, os.getpid())
    _load_magics()
    print(f'cluster "{info.name}", Kubernetes {lab.version} · namespace {lab.namespace}')
    return lab


def current_lab(what: str) -> Lab:
    """The lab of this notebook. `what` completes "… needs a cluster".

    Raises:
        NotConnected: `connect()` has not run.
    """
    if _Current.lab is None:
        raise NotConnected(what)
    return _Current.lab


def use(lab: Lab | None) -> Lab | None:
    """Make `lab` the one that is meant when none is named; returns the one before."""
    before, _Current.lab = _Current.lab, lab
    return before


def _clear(api: Api, session: Session, lesson: str) -> str:
    """Delete what this lesson left in this session, and return a free name for its namespace."""
    taken = {name for name, _ in _left(api, session, lesson)}
    _delete(api, session, lesson, lambda _: True)
    attempt = 0
    while (name := session.namespace(lesson, attempt)) in taken:
        attempt += 1
    return name


def _left(api: Api, session: Session, lesson: str) -> list[tuple[str, bool]]:
    """The lesson's namespaces, each with whether it is on its way out."""
    found = api.get("/api/v1/namespaces", {"labelSelector": session.selector(lesson)})["items"]
    return [(item["metadata"]["name"], item.get("status", {}).get("phase") == "Terminating") for item in found]


def _delete(api: Api, session: Session, lesson: str, chosen: Callable[[str], bool]) -> None:
    """Delete the lesson's namespaces and cluster-wide objects whose names are `chosen`; nobody waits for it."""
    for name, terminating in _left(api, session, lesson):
        if chosen(name):
            with contextlib.suppress(ApiError):  # it is on its way already
                api.request("DELETE", f"/api/v1/namespaces/{name}")
            if terminating:
                _let_go(api, name)
    for plural in CLUSTER_WIDE:
        path = f"/apis/rbac.authorization.k8s.io/v1/{plural}"
        for item in api.get(path, {"labelSelector": session.selector(lesson)})["items"]:
            if chosen(item["metadata"]["name"]):
                with contextlib.suppress(ApiError):
                    api.request("DELETE", f"{path}/{item['metadata']['name']}")


def _let_go(api: Api, namespace: str) -> None:
    """A lesson that was left in the middle may have kept its namespace from going away; labkit's own finalizers are taken off."""
    for held in api.get(f"/api/v1/namespaces/{namespace}/configmaps")["items"]:
        if HOLD in held["metadata"].get("finalizers", ()):
            others = [finalizer for finalizer in held["metadata"]["finalizers"] if finalizer != HOLD]
            path = f"/api/v1/namespaces/{namespace}/configmaps/{held['metadata']['name']}"
            with contextlib.suppress(ApiError):
                api.request("PATCH", path, {"metadata": {"finalizers": others}}, content_type="application/merge-patch+json")


def _leave(lab: Lab, pid: int) -> None:
    """The kernel ends: what the lesson made goes with it, as far as the cluster still answers."""
    if pid == os.getpid():  # not in a fork of the kernel
        with contextlib.suppress(ApiError, NoAnswer):
            # The same lesson may run elsewhere by now, in a namespace of another name.
            _delete(lab.api, lab.session, lab.lesson, lambda name: lab.namespace in name)
            lab.kubectl.forget()


def _load_magics() -> None:
    """In a notebook, `%kubectl`; elsewhere nothing."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return
    shell = get_ipython()
    if shell is not None:
        from labkit.lab.magics import load

        load(shell)
