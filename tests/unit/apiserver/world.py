"""A server over a store in memory, asked one request at a time without an event loop."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from labkit.admission.chain import DEFAULT_PLUGINS
from labkit.apiserver.host import Host
from labkit.apiserver.pipeline import ApiServer
from labkit.apiserver.request import Answer, Request, Response, WatchStream
from labkit.apiserver.store import Store
from labkit.authentication.authenticator import Authenticator
from labkit.kube.objects import Obj
from labkit.kube.users import AUTHENTICATED_GROUP, MASTERS_GROUP, UserInfo
from labkit.kube.versions import Era
from labkit.machinery.clock import MovableClock
from labkit.machinery.drivers import run
from labkit.machinery.randomness import SeededRandomness
from labkit.resources.indexes import indexes_of
from labkit.resources.token_request import TokenConfig
from labkit.tokens.issuer import sign
from labkit.tokens.keys import SigningKey

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ISSUER = "https://kubernetes.default.svc.cluster.local"
ADMIN = UserInfo("admin", (MASTERS_GROUP, AUTHENTICATED_GROUP))


@cache
def signing_key() -> SigningKey:
    """One key for all tests: making it takes longer than using it."""
    return SigningKey.generate_rsa()


class World:
    """A cluster without controllers. `now` can be moved; requests come from an administrator unless they say otherwise."""

    def __init__(self, *, namespaces: tuple[str, ...] = ("a",)) -> None:
        key, era = signing_key(), Era()
        self.now = NOW
        self.store = Store(None, indexes_of)
        server = ApiServer(
            era=era,
            authenticator=Authenticator(issuers=(ISSUER,), keys=(key.public,), era=era),
            tokens=TokenConfig(ISSUER),
            plugins=DEFAULT_PLUGINS,
            other_paths=lambda request, info: None,
            random=SeededRandomness(1),
        )
        self.host = Host(server, self.store, MovableClock(), lambda call: sign(key, call.payload))
        for name in namespaces:
            self.ok("POST", "/api/v1/namespaces", {"metadata": {"name": name}})
            self.ok("POST", f"/api/v1/namespaces/{name}/serviceaccounts", {"metadata": {"name": "default"}})

    def ask(self, method: str, target: str, body: Any = None, *, user: UserInfo | None = ADMIN, **headers: str) -> Answer:
        """Send a request; `target` may carry a query. Header names are given with underscores."""
        path, _, query = target.partition("?")
        values: dict[str, tuple[str, ...]] = {}
        for pair in filter(None, query.split("&")):
            key, _, value = pair.partition("=")
            values[key] = (*values.get(key, ()), value)
        sent = {"content-type": "application/json"} | {key.replace("_", "-"): value for key, value in headers.items()}
        content = b"" if body is None else json.dumps(body).encode()
        answer = run(self.host.server.handle(Request(method, path, values, sent, content, user=user), self.now), self.host._answer)
        self.store.commit()
        return answer

    def response(self, method: str, target: str, body: Any = None, *, user: UserInfo | None = ADMIN, **headers: str) -> Response:
        """Send a request that is answered at once."""
        answer = self.ask(method, target, body, user=user, **headers)
        assert isinstance(answer, Response), answer
        return answer

    def ok(self, method: str, target: str, body: Any = None, **headers: str) -> Obj:
        """Send a request that succeeds; the object that it is answered with."""
        answer = self.response(method, target, body, user=ADMIN, **headers)
        assert isinstance(answer.body, dict), answer
        assert answer.status < 300, answer.body.get("message")
        return answer.body

    def refused(self, method: str, target: str, body: Any = None, *, user: UserInfo | None = ADMIN, **headers: str) -> tuple[int, str, str]:
        """Send a request that is refused; code, reason and message."""
        answer = self.response(method, target, body, user=user, **headers)
        assert isinstance(answer.body, dict), answer
        assert answer.status >= 400, answer.body
        assert answer.body["kind"] == "Status"
        assert answer.body["code"] == answer.status
        return answer.status, answer.body.get("reason", ""), answer.body["message"]

    def watch(self, target: str) -> WatchStream:
        """Open a watch."""
        answer = self.ask("GET", target)
        assert isinstance(answer, WatchStream), answer
        return answer

    def later(self, seconds: float) -> None:
        """Move the clock."""
        self.now += timedelta(seconds=seconds)
