"""A stand-in for the Hub on the loopback: the addresses that huggingface_hub asks for, over a folder of files."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "a" * 40


class Hub:
    """Serves the folders in `folder` as models of `owner`. `owner/gated` refuses its files.

    Where `slow` is set, large files are sent in part and then held back until `release`. `sent` counts bytes of files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.slow = False
        self.release = threading.Event()
        self.served: list[str] = []
        self.sent = 0
        self.endpoint = ""


@contextmanager
def serve(folder: Path) -> Iterator[Hub]:
    hub = Hub(folder)

    class Handler(_Handler):
        pass

    Handler.hub = hub
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.release.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: Hub

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        path = unquote(urlsplit(self.path).path)
        name = re.sub("^/(api/models|api/datasets|datasets)/", "/", path).split("/")[2:3]
        folder = self.hub.folder / "".join(name)
        if not name or not folder.is_dir():
            self._send(404, {"X-Error-Code": "RepoNotFound"}, b'{"error": "Repository not found"}', body)
            return
        files = sorted(file for file in folder.iterdir() if file.is_file())
        if "/tree/" in path or "/paths-info/" in path:
            self._json([self._entry(file) for file in files], body)
        elif path.startswith("/api/"):
            siblings = [{"rfilename": file.name, "size": file.stat().st_size} for file in files]
            self._json({"id": f"owner/{folder.name}", "sha": COMMIT, "siblings": siblings}, body)
        else:
            self._file(folder / path.rpartition("/")[2], body)

    def _entry(self, file: Path) -> dict[str, Any]:
        return {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": _etag(file)}

    def _file(self, file: Path, body: bool) -> None:
        if file.parent.name == "gated":
            headers = {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access to model owner/gated is restricted."}
            self._send(403, headers, b"{}", body)
        elif not file.is_file():
            self._send(404, {"X-Error-Code": "EntryNotFound"}, b"{}", body)
        else:
            if body:
                self.hub.served.append(file.name)
            headers, content = {"ETag": f'"{_etag(file)}"', "X-Repo-Commit": COMMIT}, file.read_bytes()
            if (asked := re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))) is None:
                self.hub.sent += len(content) * body
                self._send(200, headers, content, body)
                return
            part = content[int(asked[1]) : int(asked[2]) + 1]
            self.hub.sent += len(part) * body
            self._send(206, {**headers, "Content-Range": f"bytes {asked[1]}-{asked[2]}/{len(content)}"}, part, body)

    def _json(self, value: Any, body: bool) -> None:
        self._send(200, {"Content-Type": "application/json"}, json.dumps(value).encode(), body)

    def _send(self, code: int, headers: dict[str, str], content: bytes, body: bool) -> None:
        self.send_response(code)
        for name, value in {**headers, "Content-Length": str(len(content))}.items():
            self.send_header(name, value)
        self.end_headers()
        if not body:
            return
        if self.hub.slow and len(content) > 100_000:
            self.wfile.write(content[:50_000])
            self.wfile.flush()
            self.hub.release.wait(60)
            content = content[50_000:]
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


def _etag(file: Path) -> str:
    return hashlib.sha1(file.read_bytes(), usedforsecurity=False).hexdigest()
