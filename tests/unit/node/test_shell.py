"""The shell in a container: the same output as busybox and curl in the lessons' image, and an honest no to the rest."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from labkit.machinery.volume_host import DirectoryVolumes
from labkit.node import image
from labkit.node.container_files import ContainerFiles, Identity, Mount
from labkit.node.process import CommandNotFoundError, Container, Fetch, Fetched, Pause, Streams
from labkit.node.shell import execute
from labkit.node.volumes import PROJECTED, File, VolumeId
from tests.unit.node.shell_cases import AS_ROOT, AS_USER, Row
from tests.unit.node.world import START, Dice

CA = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"
TOKEN = b"eyJhbGciOiJSUzI1NiJ9.eyJhIjoxLCJiIjoiYyJ9.c2ln"
DIRECTORY = "/var/run/sa"
ENVIRONMENT = (
    ("PATH", image.PATH),
    ("HOSTNAME", "web"),
    ("FOO", "bar baz"),
    ("KUBERNETES_SERVICE_HOST", "10.96.0.1"),
    ("HOME", "/root"),
)
Answer = Callable[[Fetch | Pause], Fetched | None]


def container(folder: Path, who: Identity, *, owner: int | None = None, group: int | None = None) -> Container:
    """The container in which the rows were taken."""
    mode = 0o644 if owner is None and group is None else 0o600
    files = {
        "token": File(TOKEN, mode, owner),
        "ca.crt": File(CA.encode(), 0o644),
        "namespace": File(b"team-a", 0o644),
        "sub/dir/x.txt": File(b"b\na\nc\na\n", 0o400),
        "empty": File(b"", 0o644),
    }
    host, volume = DirectoryVolumes(folder), VolumeId("u", PROJECTED, "v")
    host.write(volume, files, group=group, now=START, random=Dice())
    tree = host.tree(volume)
    assert tree is not None
    view = ContainerFiles((Mount(DIRECTORY, tree),), image.FILES, who, START)
    hosts = frozenset({"kubernetes.default.svc:443", "10.96.0.1:443"})
    return Container(view, ENVIRONMENT, "web", START, hosts, CA)


def ran(command: Sequence[str], where: Container, answer: Answer = lambda asked: None, stdin: bytes = b"") -> tuple[int, str, str]:
    """Exit code, output and complaints of a command."""
    streams = Streams()
    process = execute(command, where, stdin, streams)
    try:
        asked = next(process)
        while True:
            asked = process.send(answer(asked))
    except StopIteration as end:
        return end.value, streams.out.decode(), streams.err.decode()


@pytest.fixture(scope="module")
def as_root(tmp_path_factory: pytest.TempPathFactory) -> Container:
    return container(tmp_path_factory.mktemp("root"), Identity())


@pytest.fixture(scope="module")
def as_user(tmp_path_factory: pytest.TempPathFactory) -> Container:
    return container(tmp_path_factory.mktemp("user"), Identity(1000, 0, (0, 2000)), owner=1000, group=2000)


def name(row: Row) -> str:
    return row.command if isinstance(row.command, str) else " ".join(row.command)


def argv(row: Row) -> list[str]:
    return ["sh", "-c", row.command] if isinstance(row.command, str) else row.command


@pytest.mark.parametrize("row", AS_ROOT, ids=name)
def test_as_root(row: Row, as_root: Container) -> None:
    assert ran(argv(row), as_root) == (row.code, row.out, row.err)


@pytest.mark.parametrize("row", AS_USER, ids=name)
def test_as_user(row: Row, as_user: Container) -> None:
    assert ran(argv(row), as_user) == (row.code, row.out, row.err)


def test_a_file_of_another_user_is_refused(tmp_path: Path) -> None:
    """PRJ-8: 0640 for user 1000 and group 2000 is nothing for user 1001."""
    where = container(tmp_path, Identity(1001, 0, (0,)), owner=1000, group=2000)
    assert ran(["cat", f"{DIRECTORY}/token"], where) == (1, "", f"cat: can't open '{DIRECTORY}/token': Permission denied\n")
    assert ran(["test", "-r", f"{DIRECTORY}/token"], where)[0] == 1
    assert ran(["cat", f"{DIRECTORY}/namespace"], where)[:2] == (0, "team-a")


@pytest.mark.parametrize(
    ("command", "code", "text"),
    [
        pytest.param(["vi"], 126, "no vi here", id="in the image, not here"),
        pytest.param(["cat", "/proc/1/cmdline"], 126, "/proc/1 is not shown here", id="opaque"),
        pytest.param(["sh", "-c", "echo x > /tmp/f"], 1, "writing files", id="writing"),
        pytest.param(["sh", "-c", "while true; do :; done"], 2, "while is not supported", id="while"),
        pytest.param(["ls", "-Z"], 126, "ls knows no -Z here", id="an option"),
        pytest.param(["curl", "--proxy", "x"], 126, "curl knows no --proxy here", id="an option of curl"),
    ],
)
def test_what_is_not_served_is_said(command: list[str], code: int, text: str, as_root: Container) -> None:
    found, _, err = ran(command, as_root)
    assert (found, text in err) == (code, True)


@pytest.mark.parametrize("command", ["python", "/bin/python", "kubectl"])
def test_what_the_image_has_not_is_not_found(command: str, as_root: Container) -> None:
    with pytest.raises(CommandNotFoundError):
        ran([command], as_root)


def test_a_read_only_volume(as_root: Container) -> None:
    path = f"{DIRECTORY}/token"
    assert ran(["sh", "-c", f"echo x > {path}"], as_root) == (1, "", f"sh: can't create {path}: Read-only file system\n")
    assert ran(["touch", path], as_root) == (1, "", f"touch: {path}: Read-only file system\n")
    assert ran(["rm", path], as_root) == (1, "", f"rm: can't remove '{path}': Read-only file system\n")


def test_long_listing(as_user: Container) -> None:
    code, out, _ = ran(["ls", "-l", f"{DIRECTORY}/"], as_user)
    assert code == 0
    assert out.splitlines()[0] == "total 0"
    (line,) = [line for line in out.splitlines() if line.endswith("token -> ..data/token")]
    assert line.split()[:5] == ["lrwxrwxrwx", "1", "1000", "2000", "12"]


def test_standard_input(as_root: Container) -> None:
    assert ran(["cat"], as_root, stdin=b"hello\n") == (0, "hello\n", "")
    assert ran(["sh"], as_root, stdin=b"echo a\necho b\n") == (0, "a\nb\n", "")


def test_sleep_waits_outside(as_root: Container) -> None:
    asked: list[Fetch | Pause] = []

    def answer(one: Fetch | Pause) -> None:
        asked.append(one)

    assert ran(["sh", "-c", "sleep 1; sleep 2m && echo up"], as_root, answer) == (0, "up\n", "")
    assert asked == [Pause(1), Pause(120)]


def test_a_script_without_end_is_stopped(as_root: Container) -> None:
    loops = "for a in 1 2 3 4 5 6 7 8 9 0; do " * 6 + ":" + "; done" * 6
    code, _, err = ran(["sh", "-c", loops], as_root)
    assert (code, "stopped after" in err) == (2, True)


class Api:
    """Answers every request, and remembers it."""

    def __init__(self, status: int = 200, body: bytes = b"{}") -> None:
        self.asked: list[Fetch] = []
        self.answer = Fetched(status, (("content-type", "application/json"),), body)

    def __call__(self, asked: Fetch | Pause) -> Fetched:
        assert isinstance(asked, Fetch)
        self.asked.append(asked)
        return self.answer


URL = "https://kubernetes.default.svc/api/v1/pods?limit=1"
TRUSTED = ["--cacert", f"{DIRECTORY}/ca.crt"]


def test_curl_as_the_documents_write_it(as_root: Container) -> None:
    api = Api()
    script = f'curl -s --cacert {DIRECTORY}/ca.crt -H "Authorization: Bearer $(cat {DIRECTORY}/token)" {URL}'
    assert ran(["sh", "-c", script], as_root, api) == (0, "{}", "")
    headers = {"user-agent": "curl/7.88.1", "accept": "*/*", "authorization": f"Bearer {TOKEN.decode()}"}
    assert api.asked == [Fetch("GET", "/api/v1/pods?limit=1", tuple(headers.items()))]


@pytest.mark.parametrize(
    ("arguments", "code", "out", "err"),
    [
        pytest.param([], 2, "", "curl: try 'curl --help' or 'curl --manual' for more information\n", id="nothing"),
        pytest.param(
            ["-sS", URL], 77, "", "curl: (77) error setting certificate file: /etc/ssl/certs/ca-certificates.crt\n", id="no bundle"
        ),
        pytest.param(["-s", URL], 77, "", "", id="silent"),
        pytest.param(
            ["-sS", "--cacert", f"{DIRECTORY}/namespace", URL],
            77,
            "",
            f"curl: (77) error setting certificate file: {DIRECTORY}/namespace\n",
            id="no certificate in it",
        ),
        pytest.param(["-sSk", "https://kubernetes/version"], 6, "", "curl: (6) Could not resolve host: kubernetes\n", id="no such name"),
        pytest.param(["-sk", "-w", "%{http_code}\\n", "https://kubernetes/"], 6, "000\n", "", id="no code"),
        pytest.param(["-sk", "-o", "/dev/null", "-w", "%{http_code}\\n", URL], 0, "200\n", "", id="the code alone"),
        pytest.param(["-sk", "http://10.96.0.1:443/"], 0, "Client sent an HTTP request to an HTTPS server.\n", "", id="without TLS"),
        pytest.param(["-sSkI", URL], 0, "HTTP/2 200 \r\ncontent-type: application/json\r\n\r\n", "", id="head"),
        pytest.param([*TRUSTED, "-d", "@/nope", URL], 26, "", "curl: (26) Failed to open /nope\n", id="no data"),
    ],
)
def test_curl(arguments: list[str], code: int, out: str, err: str, as_root: Container) -> None:
    assert ran(["curl", *arguments], as_root, Api()) == (code, out, err)


@pytest.mark.parametrize(
    ("flag", "out"), [pytest.param("-f", "", id="fail"), pytest.param("--fail-with-body", "no", id="fail with the body")]
)
def test_curl_fails_when_asked_to(flag: str, out: str, as_root: Container) -> None:
    found = ran(["curl", "-sS", flag, *TRUSTED, URL], as_root, Api(403, b"no"))
    assert found == (22, out, "curl: (22) The requested URL returned error: 403\n")


def test_curl_does_not_trust_another_authority(as_root: Container, tmp_path: Path) -> None:
    where = container(tmp_path, Identity())
    stranger = Container(where.files, ENVIRONMENT, "web", START, where.api_hosts, CA.replace("abc", "xyz"))
    api = Api()
    code, _, err = ran(["curl", "-sS", *TRUSTED, URL], stranger, api)
    assert (code, err.splitlines()[0]) == (60, "curl: (60) SSL certificate problem: unable to get local issuer certificate")
    assert api.asked == []


def test_curl_posts(as_root: Container) -> None:
    api = Api(201)
    ran(["curl", "-s", *TRUSTED, "--oauth2-bearer", "T", "--json", '{"a":1}', URL], as_root, api)
    (asked,) = api.asked
    assert (asked.method, asked.body) == ("POST", b'{"a":1}')
    assert dict(asked.headers) == {
        "user-agent": "curl/7.88.1",
        "accept": "application/json",
        "content-type": "application/json",
        "authorization": "Bearer T",
    }
