"""The API client over real HTTP, against a server that records what it is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from labkit.kube.status import ApiError, Forbidden, NotFound
from labkit.lab.api import Api
from labkit.lab.errors import LabError, NoAnswer
from labkit.lab.lab import Lab
from tests.unit.lab.cluster_of_dicts import make_lab

STATUS = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
ANSWERS: dict[str, tuple[int, object]] = {
    "/version": (200, {"gitVersion": "v1.37.2"}),
    "/readyz": (200, "ok"),
    "/missing": (404, STATUS | {"reason": "NotFound", "code": 404, "message": 'pods "x" not found'}),
    "/forbidden": (403, STATUS | {"reason": "Forbidden", "code": 403, "message": "no"}),
    "/plain": (404, "404 page not found\n"),
    "/broken": (500, STATUS | {"message": "raw"}),
    "/api": (
        200,
        {
            "kind": "APIGroupDiscoveryList",
            "items": [
                {
                    "metadata": {},
                    "versions": [
                        {
                            "version": "v1",
                            "resources": [
                                {"resource": "pods", "responseKind": {"kind": "Pod"}, "scope": "Namespaced", "shortNames": ["po"]},
                                {"resource": "nodes", "responseKind": {"kind": "Node"}, "scope": "Cluster", "singularResource": "node"},
                            ],
                        }
                    ],
                }
            ],
        },
    ),
    "/apis": (
        200,
        {
            "items": [
                {
                    "metadata": {"name": "rbac.authorization.k8s.io"},
                    "versions": [
                        {
                            "version": "v1",
                            "resources": [
                                {"resource": "roles", "responseKind": {"kind": "Role"}, "scope": "Namespaced", "singularResource": "role"}
                            ],
                        },
                        {"version": "v1beta1", "resources": []},
                    ],
                }
            ]
        },
    ),
}


class Handler(BaseHTTPRequestHandler):
    seen: list[tuple[str, list[tuple[str, str]], Any]]

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.seen.append((f"{self.command} {self.path}", self.headers.items(), body))
        code, content = ANSWERS.get(self.path.partition("?")[0], (200, {"kind": "Thing"}))
        data = (content if isinstance(content, str) else json.dumps(content)).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = do_PATCH = do_DELETE = answer  # noqa: N815  # the names that http.server calls

    def log_message(self, *_: object) -> None:
        """Silence."""


@pytest.fixture
def seen() -> list[tuple[str, list[tuple[str, str]], Any]]:
    return []


@pytest.fixture
def server(seen: list[Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody is there: a request that takes this way fails
    monkeypatch.setenv("NO_PROXY", "")
    monkeypatch.setenv("no_proxy", "")
    running = ThreadingHTTPServer(("127.0.0.1", 0), type("Recording", (Handler,), {"seen": seen}))
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{running.server_port}"
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def api(server: str, tmp_path: Path) -> Iterator[Api]:
    found = Api.from_kubeconfig(kubeconfig(tmp_path, server))
    yield found
    found.client.rest_client.pool_manager.clear()


def kubeconfig(folder: Path, server: str) -> Path:
    config = {
        "current-context": "x",
        "clusters": [{"name": "x", "cluster": {"server": server}}],
        "users": [{"name": "x", "user": {"token": "the-admins-own"}}],
        "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def test_the_kubeconfigs_user_asks_and_no_proxy_is_between(api: Api, seen: list[Any]) -> None:
    assert api.get("/version", {"a": "b c"}) == {"gitVersion": "v1.37.2"}
    line, headers, _ = seen[0]
    assert line == "GET /version?a=b+c"
    assert ("Authorization", "Bearer the-admins-own") in headers
    assert api.get("/readyz") == {"text": "ok"}


def test_another_user_brings_nothing_of_the_administrators(api: Api, seen: list[Any]) -> None:
    api.with_token("tok").get("/version")
    api.with_token("").get("/version")
    sent = [dict(headers).get("Authorization") for _, headers, _ in seen]
    assert sent == ["Bearer tok", None]


def test_impersonation_has_several_groups(api: Api, seen: list[Any]) -> None:
    api.impersonating("jane", ("a", "b")).get("/version")
    headers = [(name, value) for name, value in seen[0][1] if name.startswith("Impersonate")]
    assert headers == [("Impersonate-User", "jane"), ("Impersonate-Group", "a"), ("Impersonate-Group", "b")]


@pytest.mark.parametrize(
    ("path", "kind", "code", "message"),
    [
        pytest.param("/missing", NotFound, 404, 'pods "x" not found', id="a Status"),
        pytest.param("/forbidden", Forbidden, 403, "no", id="another"),
        pytest.param("/plain", ApiError, 404, "404 page not found", id="no Status"),
        pytest.param("/broken", ApiError, 500, "raw", id="a Status without a reason"),
    ],
)
def test_a_no_is_an_error(api: Api, path: str, kind: type[ApiError], code: int, message: str) -> None:
    with pytest.raises(kind) as caught:
        api.get(path)
    assert (caught.value.status_code, caught.value.message) == (code, message)
    [shown] = caught.value._render_traceback_()
    assert message in shown


def test_no_answer_names_the_next_step(tmp_path: Path) -> None:
    api = Api.from_kubeconfig(kubeconfig(tmp_path, "https://127.0.0.1:9"))
    with pytest.raises(NoAnswer, match="`labkit up`"):
        api.get("/version")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        pytest.param("pods", "/api/v1/namespaces/here/pods/x", id="plural"),
        pytest.param("po", "/api/v1/namespaces/here/pods/x", id="short"),
        pytest.param("Pod", "/api/v1/namespaces/here/pods/x", id="kind"),
        pytest.param("node", "/api/v1/nodes/x", id="in no namespace"),
        pytest.param("roles", "/apis/rbac.authorization.k8s.io/v1/namespaces/here/roles/x", id="a group"),
        pytest.param("roles.rbac.authorization.k8s.io", "/apis/rbac.authorization.k8s.io/v1/namespaces/here/roles/x", id="in full"),
    ],
)
def test_resources_are_found_as_kubectl_finds_them(api: Api, seen: list[Any], name: str, path: str) -> None:
    assert api.resource(name).path("here", "x") == path
    api.with_token("t").resource(name)
    assert len(seen) == 2, "discovery is asked once, whoever asks"


def test_unknown_resources_and_names_that_need_quoting(api: Api) -> None:
    with pytest.raises(LabError, match="api-resources"):
        api.resource("users")
    assert api.resource("roles").path("here", "a b/c").endswith("/roles/a%20b%2Fc")


def lab_on(api: Api) -> Lab:
    made, _ = make_lab()
    return Lab(made.info, made.lesson, made.namespace, made.session, api)


def test_a_dry_run_and_an_access_review(api: Api, seen: list[Any]) -> None:
    ANSWERS["/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"] = (201, {"status": {"allowed": True}})
    lab = lab_on(api)
    lab.create({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}, dry_run=True)
    assert seen[-1][0] == "POST /api/v1/namespaces/lesson-02-x7k2p/pods?dryRun=All"
    assert lab.can_i("get", "pods/log", "web")
    asked = {"verb": "get", "resource": "pods", "subresource": "log", "name": "web", "namespace": "lesson-02-x7k2p"}
    assert seen[-1][2]["spec"] == {"resourceAttributes": asked}
    lab.can_i("list", "roles.rbac.authorization.k8s.io", namespace="")
    assert seen[-1][2]["spec"]["resourceAttributes"] == {
        "verb": "list",
        "resource": "roles",
        "group": "rbac.authorization.k8s.io",
        "namespace": "",
    }


def test_the_servers_clock(api: Api) -> None:
    now = lab_on(api).now()
    assert now.tzinfo is not None
    assert now.microsecond == 0
