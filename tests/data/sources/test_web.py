"""Data at web addresses: fetched once, over https, from the open internet alone."""

from __future__ import annotations

import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tuitune.data.sources import guard, web
from tuitune.data.sources.names import content_hash, open_source, resolve, stamp
from tuitune.data.sources.rows import SourceError


class Server:
    """An https server on the loopback that counts what it is asked; `replies` are status, headers and body by path."""

    def __init__(self, port: int, certificate: Path) -> None:
        self.url, self.certificate = f"https://localhost:{port}", certificate
        self.replies: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, str | None]] = []
        self.headers: list[Message] = []
        self.connections = 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificate")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    try:
        subprocess.run([*command.split(), *names], cwd=folder, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    return folder


@pytest.fixture
def server(certificate: Path) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            condition = self.headers.get("If-None-Match")
            state.asked.append((self.path, condition))
            state.headers.append(self.headers)
            status, headers, body = state.replies.get(self.path, (404, {}, b""))
            if condition and condition == headers.get("ETag"):
                status, body = 304, b""
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(body))} | headers).items():
                if value:
                    self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Counting(ThreadingHTTPServer):
        def get_request(self):
            state.connections += 1
            return super().get_request()

        def handle_error(self, *_: object) -> None:
            pass

    httpd = Counting(("127.0.0.1", 0), Handler)
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    httpd.socket = serving.wrap_socket(httpd.socket, server_side=True, do_handshake_on_connect=False)
    state = Server(httpd.server_port, certificate / "cert.pem")
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    yield state
    httpd.shutdown()
    httpd.server_close()


def fetch(server: Server, path: str, permitted: Callable[[str], bool] = lambda address: True) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(guard, "is_public", permitted)
        patch.setenv("SSL_CERT_FILE", str(server.certificate))
        return web.fetch(server.url + path)


def refused(url: str) -> str:
    with pytest.raises(SourceError) as error:
        web.fetch(url)
    return str(error.value)


ROWS = b'{"n": 1}\n{"n": 2}\n'


def test_a_file_is_fetched_once_and_asked_after_later(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.replies["/d/rows.jsonl"] = (200, {"ETag": '"1"'}, ROWS)
    path = fetch(server, "/d/rows.jsonl")
    assert path.name == "rows.jsonl" and path.read_bytes() == ROWS
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert fetch(server, "/d/rows.jsonl") == path and len(server.asked) == 1
    monkeypatch.setattr(web, "FRESH_SECONDS", 0.0)
    assert fetch(server, "/d/rows.jsonl") == path and server.asked[-1] == ("/d/rows.jsonl", '"1"')
    server.replies["/d/rows.jsonl"] = (200, {"ETag": '"2"'}, b'{"n": 3}\n')
    assert fetch(server, "/d/rows.jsonl").read_bytes() == b'{"n": 3}\n'
    assert {file.name for file in path.parent.iterdir()} == {"rows.jsonl", "fetched.json"}


def test_rows_of_an_address_are_rows(server: Server, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "is_public", lambda address: address in ("127.0.0.1", "::1"))
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "cert.pem"))
    server.replies["/rows"] = (302, {"Location": "/real/rows.csv?x=1"}, b"")
    server.replies["/real/rows.csv?x=1"] = (200, {}, b"n\n1\n")
    source = resolve(server.url + "/rows#part")
    assert source.kind == "web" and not source.light and source.name == server.url + "/rows"
    before = stamp(source)
    assert [row.values for row in open_source(source)] == [{"n": "1"}]
    assert stamp(source) != before and len(content_hash(source)) == 64


def test_a_server_that_cannot_be_reached_leaves_the_copy(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.replies["/a.csv"] = (200, {}, b"n\n1\n")
    path = fetch(server, "/a.csv")
    monkeypatch.setattr(web, "FRESH_SECONDS", 0.0)

    def unreachable(*_: object, **options: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(guard.socket, "create_connection", unreachable)
    assert fetch(server, "/a.csv") == path
    with pytest.raises(SourceError, match="could not be fetched: Connection refused"):
        fetch(server, "/b.csv")


def test_nothing_private_is_asked(server: Server) -> None:
    port = server.url.rpartition(":")[2]
    for host in ("localhost", "127.0.0.1", "[::1]", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0"):
        assert "not on the public internet" in refused(f"https://{host}:{port}/a.jsonl")
    assert "only https://" in refused(f"http://localhost:{port}/a.jsonl")
    assert server.connections == 0


def test_a_redirect_is_judged_as_an_address_is(server: Server) -> None:
    port = server.url.rpartition(":")[2]
    server.replies["/a"] = (302, {"Location": "https://169.254.169.254/latest/meta-data"}, b"")
    server.replies["/b"] = (301, {"Location": f"http://localhost:{port}/c"}, b"")
    server.replies["/loop"] = (307, {"Location": "/loop"}, b"")
    with pytest.raises(SourceError, match=r"169\.254\.169\.254 \(redirected to"):
        fetch(server, "/a", lambda address: address in ("127.0.0.1", "::1"))
    with pytest.raises(SourceError, match="only https://"):
        fetch(server, "/b")
    with pytest.raises(SourceError, match="redirects more than 5 times"):
        fetch(server, "/loop")
    assert [path for path, _ in server.asked] == ["/a", "/b"] + ["/loop"] * 6


def test_the_name_is_resolved_once(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.replies["/a.jsonl"] = (200, {}, ROWS)
    asked = []
    resolved = guard.socket.getaddrinfo

    def once(host: str, *arguments: object, **options: object) -> object:
        asked.append(host)
        return resolved("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(guard.socket, "getaddrinfo", once)
    assert fetch(server, "/a.jsonl").read_bytes() == ROWS
    assert asked[:1] == ["localhost"] and set(asked[1:]) <= {"127.0.0.1"}


def test_a_redirect_to_another_name_at_the_same_address_needs_a_certificate_of_its_own(server: Server) -> None:
    server.replies["/a.jsonl"] = (302, {"Location": f"https://127.0.0.1:{server.url.rpartition(':')[2]}/b.jsonl"}, b"")
    server.replies["/b.jsonl"] = (200, {}, ROWS)
    with pytest.raises(SourceError, match="certificate is invalid"):
        fetch(server, "/a.jsonl")
    assert [path for path, _ in server.asked] == ["/a.jsonl"] and server.connections == 2


def test_an_address_that_does_not_answer_is_passed_over(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    resolved = guard.socket.getaddrinfo

    def two(host: str, *arguments: object, **options: object) -> list:
        names = ["127.9.9.9", "127.0.0.1"] if host == "localhost" else [host]
        return [one for name in names for one in resolved(name, *arguments, **options)]

    monkeypatch.setattr(guard.socket, "getaddrinfo", two)
    server.replies["/a.jsonl"] = (200, {}, ROWS)
    assert fetch(server, "/a.jsonl").read_bytes() == ROWS


def test_no_proxy_and_no_kept_login_of_the_environment_is_used(
    server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".netrc").write_text("machine localhost login anna password hf_secretsecret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    server.replies["/a.jsonl"] = (200, {}, ROWS)
    assert fetch(server, "/a.jsonl").read_bytes() == ROWS
    assert [sorted(headers.keys()) for headers in server.headers] == [
        ["Accept", "Accept-Encoding", "Connection", "Host", "User-Agent"]
    ]
    assert server.headers[0]["Host"] == server.url.removeprefix("https://")


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        ((404, {}, b""), "the server answered 404"),
        ((200, {"Content-Length": "999999999999999"}, b""), "is larger than"),
        ((200, {"Content-Length": "500"}, b"short"), "could not be fetched"),
        ((302, {"Location": "https://[::zz]/a"}, b""), "could not be fetched: Invalid IPv6 address"),
        ((302, {"Location": "https://anna:hf_secretsecret@localhost/a"}, b""), "holds a user name"),
    ],
)
def test_a_bad_reply_is_said_so(server: Server, reply: tuple, message: str) -> None:
    server.replies["/a.jsonl"] = reply
    with pytest.raises(SourceError, match=message):
        fetch(server, "/a.jsonl")
    assert web.cached(server.url + "/a.jsonl") is None


def test_a_certificate_that_is_not_trusted_is_refused(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "is_public", lambda address: True)
    with pytest.raises(SourceError, match="certificate is invalid"):
        web.fetch(server.url + "/a")
    assert server.asked == []


def test_a_file_that_grows_too_large_is_left(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "LARGEST", 1000)
    monkeypatch.setattr(web, "_CHUNK", 100)
    server.replies["/a.jsonl"] = (200, {"Content-Length": ""}, ROWS * 100)
    with pytest.raises(SourceError, match=r"is larger than 1\.0 kB"):
        fetch(server, "/a.jsonl")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.org/a", "only https://"),
        ("https://user:hf_secretsecret@example.org/a", "holds a user name"),
        ("https:///a.jsonl", "is not a web address"),
        ("https://example.org:99999/a", "is not a web address"),
        ("https://[::1/a", "is not a web address"),
        ("https://example.org/a b", "is not a web address"),
        ("https://example.org/é", "percent-encode"),
        ("https://exa\x1bmple.org/", "is not a web address"),
    ],
)
def test_what_is_no_good_address_is_refused(url: str, message: str) -> None:
    with pytest.raises(SourceError, match=message) as error:
        resolve(url)
    assert "hf_secret" not in str(error.value) and "\x1b" not in str(error.value)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "2002:7f00:1::",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "fec0::1",
        "feff:ffff::1",
        "64:ff9b:1::a00:1",
        "::ffff:0:a00:1",
        "::10.0.0.1",
        "::ffff:100.64.0.1",
        "2002:6440:1::",
        "2001:0:a00:1::1",
        "2600::5efe:a00:1",
        "2600::200:5efe:7f00:1",
        "2001:db8::1",
        "3fff::1",
        "4000::1",
        "100::1",
        "0.1.2.3",
        "100.64.0.1",
        "169.254.169.254",
        "192.88.99.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
    ],
)
def test_private_addresses_are_known(address: str) -> None:
    assert not guard.is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "1.1.1.1",
        "93.184.216.34",
        "2606:4700::1111",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
        "2002:101:101::1",
        "2600::5efe:101:101",
    ],
)
def test_public_addresses_are_known(address: str) -> None:
    assert guard.is_public(address)
