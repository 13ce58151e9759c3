"""The one place where server, controllers and node of an embedded cluster meet.

Everyone goes through the front door: controllers, scheduler and node agent are in-process clients with upstream's identities.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from labkit.admission.chain import DEFAULT_PLUGINS
from labkit.apiserver.host import Host
from labkit.apiserver.http import serve, tls_context
from labkit.apiserver.in_process import InProcessClient
from labkit.apiserver.other_paths import OtherPaths
from labkit.apiserver.pipeline import ApiServer
from labkit.apiserver.store import Change, Store
from labkit.apiserver.streaming import Streaming, through
from labkit.authentication.authenticator import Authenticator
from labkit.clusters.embedded.bootstrap import bootstrap
from labkit.clusters.embedded.front import Front
from labkit.clusters.embedded.settings import Settings, Started
from labkit.clusters.pki import make_pki, write_file
from labkit.controllers import (
    cluster_role_aggregation,
    garbage_collector,
    legacy_token_cleaner,
    legacy_token_tracking,
    namespaces,
    root_ca_publisher,
    service_accounts,
    tokens,
)
from labkit.controllers.token_creation import creates_tokens
from labkit.kube.controllers import Controller
from labkit.kube.objects import dig
from labkit.kube.users import AUTHENTICATED_GROUP, MASTERS_GROUP, UserInfo
from labkit.kube.versions import Era
from labkit.machinery.clock import MovableClock
from labkit.machinery.drivers import drive
from labkit.machinery.machine import node_facts
from labkit.machinery.randomness import SystemRandomness
from labkit.machinery.runner import Runner
from labkit.machinery.volume_host import DirectoryVolumes
from labkit.node import agent, lifecycle, scheduler
from labkit.node.containers import Api
from labkit.resources.indexes import indexes_of
from labkit.resources.token_request import TokenConfig
from labkit.tokens.issuer import sign
from labkit.tokens.keys import SigningKey

LOG = logging.getLogger("labkit.cluster")
NEWEST_PATCH = {"1.37": "1.37.2"}  # what `kubectl version` says; a minor version that is not here gets .0
LOOPBACK = UserInfo("system:apiserver", (MASTERS_GROUP, AUTHENTICATED_GROUP))
ADMINISTRATOR, ADMINISTRATORS = "kubernetes-admin", "kubeadm:cluster-admins"


def full_version(version: str) -> str:
    """`1.37.2` for `1.37`; a version with a patch stays as it is."""
    return NEWEST_PATCH.get(version, version if version.count(".") == 2 else f"{version}.0")


async def run(settings: Settings, ready: Callable[[Started], None]) -> None:
    """Run the cluster until cancelled; `ready` is called once node, default account and root CA are there."""
    version, clock, random = full_version(settings.version), MovableClock(), SystemRandomness()
    pki = make_pki(settings.state_dir / "pki")
    ca = pki.authority.certificate.decode()
    server_pair = pki.server((), (settings.address,))
    volumes = DirectoryVolumes(settings.state_dir / "kubelet")
    store = Store(settings.state_dir / "state.db", indexes_of)
    key = _signing_key(settings.state_dir / "pki" / "sa.key")
    address = _Address(settings.address)
    server = _server(settings, version, key, random, address)
    host = Host(server, store, clock, lambda call: sign(key, call.payload))
    front = Front(host)
    running = await serve(
        front,
        ssl_context=tls_context(server_pair.certificate_path, server_pair.key_path, pki.authority.certificate_path),
        address=settings.address,
        port=settings.port,
        streaming=Streaming(volumes, Api(ca), clock, through(host.handle, clock), clock.sleep),
    )
    address.port = running.port
    try:
        async with asyncio.TaskGroup() as tasks:
            await drive(bootstrap(server.kinds.values(), ca), InProcessClient(host, LOOPBACK).call)
            for controller in _controllers(settings, version, ca, volumes):
                tasks.create_task(_runner(controller, host).run())
            await _until_ready(store, _node_name(settings), settings.era)
            administrator = pki.client(ADMINISTRATOR, (ADMINISTRATORS,))
            started = Started(
                server=f"https://{settings.address}:{running.port}",
                version=version,
                certificate_authority=ca,
                client_certificate=administrator.certificate.decode(),
                client_key=administrator.key.decode(),
                idle_for=front.idle_for,
            )
            ready(started)
    finally:
        await running.close()
        store.close()


class _Address:
    """Host and port of the server; the port is known once it listens."""

    def __init__(self, host: str) -> None:
        self.host, self.port = host, 0

    def __call__(self) -> str:
        return f"{self.host}:{self.port}"


def _server(settings: Settings, version: str, key: SigningKey, random: SystemRandomness, address: Callable[[], str]) -> ApiServer:
    issuers = settings.service_account_issuers
    return ApiServer(
        era=settings.era,
        authenticator=Authenticator(issuers=issuers, api_audiences=settings.api_audiences, keys=(key.public,), era=settings.era),
        tokens=TokenConfig(
            issuer=issuers[0],
            api_audiences=settings.api_audiences or issuers,
            max_expiration=settings.service_account_max_token_expiration,
            extend_expiration=settings.service_account_extend_token_expiration,
        ),
        plugins=DEFAULT_PLUGINS - set(settings.disable_admission_plugins),
        other_paths=OtherPaths(settings.era, version, issuers[0], (key.public,), address),
        random=random,
    )


def _controllers(settings: Settings, version: str, ca: str, volumes: DirectoryVolumes) -> tuple[Controller, ...]:
    node, era = _node_name(settings), settings.era
    clean_up_period = timedelta(seconds=settings.legacy_service_account_token_clean_up_period)
    return (
        service_accounts.controller(),
        root_ca_publisher.controller(ca),
        tokens.controller(ca),
        *([legacy_token_tracking.controller()] if legacy_token_tracking.runs(era) else ()),
        *([legacy_token_cleaner.controller(clean_up_period)] if legacy_token_cleaner.runs(era) else ()),
        namespaces.controller(),
        garbage_collector.controller(),
        cluster_role_aggregation.controller(),
        scheduler.controller(),
        lifecycle.controller(),
        lifecycle.role_controller(),
        agent.controller(
            node, volumes, node_facts(node, kubelet_version=f"v{version}", provider_id=f"kind://docker/{settings.name}/{node}")
        ),
    )


def _runner(controller: Controller, host: Host) -> Runner:
    watches_as = (
        UserInfo(controller.watches_as, (AUTHENTICATED_GROUP,)) if controller.watches_as else UserInfo(controller.user, controller.groups)
    )
    return Runner(
        controller,
        InProcessClient(host, UserInfo(controller.user, controller.groups)),
        watcher=InProcessClient(host, watches_as),
        sign=host.sign,
        clock=host.clock,
        random=host.server.random,
        era=host.server.era,
        indexes_of=indexes_of,
        report=_report,
    )


def _report(controller: str, key: str, error: BaseException) -> None:
    LOG.warning("%s: %s: %s: %s", controller, key, type(error).__name__, error)


def _node_name(settings: Settings) -> str:
    return f"{settings.name}-control-plane"


def _signing_key(path: Path) -> SigningKey:
    """The key that signs tokens: made once, and kept, so that tokens outlive a restart."""
    if path.exists():
        return SigningKey.from_pem(path.read_bytes())
    key = SigningKey.generate_rsa()
    write_file(path, key.pem())
    return key


async def _until_ready(store: Store, node: str, era: Era) -> None:
    """Wait for what a client finds in a fresh kubeadm cluster: a Ready node, the default namespace's account and root CA, and what the
    version adds: the account's token Secret, or the date since which tokens are tracked.
    """
    changed = asyncio.Event()

    def heard(_: Change) -> None:
        changed.set()

    stop = store.listen(heard)
    try:
        while not _is_ready(store, node, era):
            changed.clear()
            await changed.wait()
    finally:
        stop()


def _is_ready(store: Store, node: str, era: Era) -> bool:
    accounts = {obj["metadata"]["name"]: obj for obj in store.list("serviceaccounts", "default")}
    maps = {obj["metadata"]["name"] for namespace in ("default", "kube-system") for obj in store.list("configmaps", namespace)}
    conditions = [c for obj in store.list("nodes") if obj["metadata"]["name"] == node for c in dig(obj, "status", "conditions", default=[])]
    ready = any(condition.get("type") == "Ready" and condition.get("status") == "True" for condition in conditions)
    wanted = {root_ca_publisher.CONFIG_MAP}
    if era.enabled(legacy_token_tracking.GATE):
        wanted.add(legacy_token_tracking.CONFIG_MAP)
    has_token = not creates_tokens(era) or bool(accounts.get("default", {}).get("secrets"))
    return ready and "default" in accounts and has_token and wanted <= maps
