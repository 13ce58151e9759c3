"""curl, to the cluster's API and nowhere else, in the words of curl 7.88.1."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from labkit.node.container_files import FileError
from labkit.node.image import CURL_VERSION
from labkit.node.process import Call, Fetch, Fetched, Process

_SYSTEM_BUNDLE = "/etc/ssl/certs/ca-certificates.crt"
_NOT_VERIFIED = """curl: (60) SSL certificate problem: unable to get local issuer certificate
More details here: https://curl.se/docs/sslcerts.html

curl failed to verify the legitimacy of the server and therefore could not
establish a secure connection to it. To learn more about this situation and
how to fix it, please visit the web page mentioned above.
"""
_TRY = "curl: try 'curl --help' or 'curl --manual' for more information\n"
_FLAGS = {
    "-s": "silent",
    "--silent": "silent",
    "-S": "show_error",
    "--show-error": "show_error",
    "-k": "insecure",
    "--insecure": "insecure",
    "-f": "fail",
    "--fail": "fail",
    "--fail-with-body": "fail_with_body",
    "-i": "include",
    "--include": "include",
    "-I": "head",
    "--head": "head",
    "-L": "location",
    "--location": "location",
    "-G": "get",
    "--get": "get",
}
_VALUED = {
    "-H": "header",
    "--header": "header",
    "-X": "method",
    "--request": "method",
    "-d": "data",
    "--data": "data",
    "--data-binary": "data",
    "--data-raw": "raw",
    "--json": "json",
    "-o": "output",
    "--output": "output",
    "-w": "write_out",
    "--write-out": "write_out",
    "--cacert": "cacert",
    "--oauth2-bearer": "bearer",
    "-m": "max_time",
    "--max-time": "max_time",
    "--connect-timeout": "connect_timeout",
    "--url": "url",
    "-A": "agent",
    "--user-agent": "agent",
}


@dataclass(slots=True)
class _Line:
    """A command line, taken apart."""

    flags: set[str] = field(default_factory=set)
    values: dict[str, list[str]] = field(default_factory=dict)

    def last(self, name: str, default: str = "") -> str:
        return self.values[name][-1] if name in self.values else default


class _FailedError(Exception):
    """curl ends with this exit code and this message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class _PlainError(Exception):
    """The request went out without TLS, and the server said so."""


def curl(call: Call) -> Process[int]:
    """`curl [OPTIONS] URL`: exit codes and messages are curl's; the certificate is checked against `--cacert` as curl would."""
    line = _Line()
    try:
        refused = _read(call, line)
        if refused:
            return refused
        request, shown_url = _request(call, line)
    except _PlainError:
        call.print("Client sent an HTTP request to an HTTPS server.\n")
        return 0
    except _FailedError as error:
        _write_out(call, line, Fetched(0, (), b""), line.last("url"), b"")
        return _fail(call, line, error)
    answer: Fetched = yield request
    if "fail" in line.flags and answer.status >= 400:
        _write_out(call, line, answer, shown_url, b"")
        return _fail(call, line, _refused(answer))
    body = b"" if request.method == "HEAD" else answer.body
    if line.flags & {"include", "head"}:
        head = [f"HTTP/2 {answer.status} ", *(f"{name.lower()}: {value}" for name, value in answer.headers), "", ""]
        body = "\r\n".join(head).encode() + body
    if line.last("output") not in ("", "-", "/dev/null"):
        return call.refuse("curl writes no files here")
    if line.last("output") != "/dev/null":
        call.print(body)
    _write_out(call, line, answer, shown_url, answer.body)
    if "fail_with_body" in line.flags and answer.status >= 400:
        return _fail(call, line, _refused(answer))
    return 0


def _refused(answer: Fetched) -> _FailedError:
    return _FailedError(22, f"curl: (22) The requested URL returned error: {answer.status}\n")


def _fail(call: Call, line: _Line, error: _FailedError) -> int:
    if "silent" not in line.flags or "show_error" in line.flags:
        call.streams.err += str(error).encode()
    return error.code


def _read(call: Call, line: _Line) -> int:
    """Take the arguments apart; an exit code if one of them is refused."""
    words = list(call.arguments)
    while words:
        word = words.pop(0)
        if not word.startswith("-") or word == "-":
            line.values.setdefault("url", []).append(word)
            continue
        if word.startswith("--"):
            singles = [word]
        else:
            singles, rest = [], word[1:]
            while rest:
                flag, rest = f"-{rest[0]}", rest[1:]
                singles.append(flag)
                if flag in _VALUED and rest:
                    words.insert(0, rest)
                    rest = ""
        for single in singles:
            if single in _FLAGS:
                line.flags.add(_FLAGS[single])
            elif single in _VALUED:
                if not words:
                    raise _FailedError(2, f"curl: option {single}: requires parameter\n{_TRY}")
                line.values.setdefault(_VALUED[single], []).append(words.pop(0))
            else:
                return call.refuse(f"curl knows no {single} here")
    if not line.values.get("url"):
        raise _FailedError(2, _TRY)
    if len(line.values["url"]) > 1:
        return call.refuse("curl takes one URL here")
    return 0


def _request(call: Call, line: _Line) -> tuple[Fetch, str]:
    url = line.last("url")
    full = url if "://" in url else f"http://{url}"
    parts = urlsplit(full)
    host = (parts.hostname or "").rstrip(".")
    if parts.scheme not in ("http", "https"):
        raise _FailedError(1, f'curl: (1) Protocol "{parts.scheme}" not supported or disabled in libcurl\n')
    if not host:
        raise _FailedError(3, "curl: (3) URL using bad/illegal format or missing URL\n")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    _reach(call, host, port)
    if parts.scheme == "http":
        raise _PlainError
    _verify(call, line)
    headers = {"user-agent": line.last("agent", f"curl/{CURL_VERSION}"), "accept": "*/*"}
    body, method = _body(call, line), "GET"
    path = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
    if body is not None and "get" in line.flags:
        path, body = f"{path}{'&' if parts.query else '?'}{body.decode()}", None
    if body is not None:
        method = "POST"
        headers["content-type"] = "application/json" if "json" in line.values else "application/x-www-form-urlencoded"
        if "json" in line.values:
            headers["accept"] = "application/json"
    if "head" in line.flags:
        method = "HEAD"
    if "bearer" in line.values:
        headers["authorization"] = f"Bearer {line.last('bearer')}"
    for header in line.values.get("header", []):
        name, colon, value = header.partition(":")
        if colon and value.strip():
            headers[name.strip().lower()] = value.strip()
        elif colon:
            headers.pop(name.strip().lower(), None)
    return Fetch(line.last("method", method), path, tuple(headers.items()), body or b""), full


def _reach(call: Call, host: str, port: int) -> None:
    """Whether the host can be found and listens there."""
    hosts = {place.rpartition(":")[0] for place in call.shell.container.api_hosts}
    if host not in hosts:
        if host.replace(".", "").isdigit():
            raise _FailedError(7, f"curl: (7) Failed to connect to {host} port {port} after 0 ms: Couldn't connect to server\n")
        raise _FailedError(6, f"curl: (6) Could not resolve host: {host}\n")
    if f"{host}:{port}" not in call.shell.container.api_hosts:
        raise _FailedError(7, f"curl: (7) Failed to connect to {host} port {port} after 0 ms: Couldn't connect to server\n")


def _verify(call: Call, line: _Line) -> None:
    """Whether the server's certificate is trusted: by the bundle that was named, or by none, for the image has none."""
    if "insecure" in line.flags:
        return
    name = line.last("cacert") or dict(call.shell.variables).get("CURL_CA_BUNDLE", "") or _SYSTEM_BUNDLE
    try:
        bundle = call.read(name).decode(errors="replace")
    except FileError as error:
        raise _FailedError(77, f"curl: (77) error setting certificate file: {name}\n") from error
    if "-----BEGIN CERTIFICATE-----" not in bundle:
        raise _FailedError(77, f"curl: (77) error setting certificate file: {name}\n")
    if _body_of(call.shell.container.api_ca) not in _body_of(bundle):
        raise _FailedError(60, _NOT_VERIFIED)


def _body_of(pem: str) -> str:
    return "".join(pem.split())


def _body(call: Call, line: _Line) -> bytes | None:
    pieces = [_data(call, text) for text in line.values.get("data", [])]
    pieces += [text.encode() for text in line.values.get("raw", [])]
    pieces += [_data(call, text) for text in line.values.get("json", [])]
    return (b"" if "json" in line.values else b"&").join(pieces) if pieces else None


def _data(call: Call, text: str) -> bytes:
    if not text.startswith("@"):
        return text.encode()
    try:
        return call.read(text[1:])
    except FileError:
        raise _FailedError(26, f"curl: (26) Failed to open {text[1:]}\n") from None


def _write_out(call: Call, line: _Line, answer: Fetched, url: str, body: bytes) -> None:
    form = line.last("write_out")
    if not form:
        return
    values = {
        "http_code": f"{answer.status:03}",
        "response_code": f"{answer.status:03}",
        "content_type": dict(answer.headers).get("content-type", ""),
        "size_download": str(len(body)),
        "url": url,
        "url_effective": url,
        "http_version": "2",
        "json": json.dumps({"http_code": answer.status}),
    }
    for name, value in values.items():
        form = form.replace(f"%{{{name}}}", value)
    call.print(form.replace("\\n", "\n").replace("\\t", "\t").replace("\\r", "\r"))
