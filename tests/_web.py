"""A real HTTP server on a real socket that misbehaves on demand and counts every byte it sends."""

from __future__ import annotations

import html
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit


@dataclass
class Fault:
    """What goes wrong, with which paths, how often.

    Kinds: status (value: code), reset or truncate (value: bytes sent before), slow (value: seconds before the body),
    drip (value: seconds between bytes), long or short (value: by how much Content-Length is wrong), redirect (value:
    where), change (the content is another from now on).
    """

    path: str
    kind: str
    value: object = 0
    times: int = 1
    headers: dict[str, str] = field(default_factory=dict)
    method: str = "GET"


@dataclass
class Request:
    """What came in, and what went out."""

    method: str
    path: str
    range: str
    authorization: str
    status: int = 0
    sent: int = 0  # bytes of the body


class Web:
    """The server. `files` maps paths to contents; what is not there is looked for in `folder`."""

    def __init__(self, folder: Path | None = None, *, ranges: bool = True, lists: bool = True, tags: bool = True):
        self.files: dict[str, bytes] = {}
        self.folder, self.ranges, self.lists, self.tags = folder, ranges, lists, tags
        self.faults: list[Fault] = []
        self.requests: list[Request] = []
        self.lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.web = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Web:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def sent(self) -> int:
        """Bytes of bodies so far."""
        return sum(request.sent for request in self.requests)

    def gets(self, part: str = "") -> list[Request]:
        """The GET requests whose path holds `part`."""
        return [request for request in self.requests if request.method == "GET" and part in request.path]

    def content(self, path: str) -> bytes | None:
        """The file at a path."""
        if path in self.files:
            return self.files[path]
        file = self.folder / path if self.folder else None
        return file.read_bytes() if file is not None and file.is_file() else None

    def listing(self, path: str) -> bytes | None:
        """An index page such as Python's own server or nginx show."""
        names = set()
        for name in self.files:
            if name.startswith(path):
                first, slash, _ = name[len(path) :].partition("/")
                names.add(first + slash)
        if self.folder is not None and (self.folder / path).is_dir():
            names |= {entry.name + "/" * entry.is_dir() for entry in (self.folder / path).iterdir()}
        if not names:
            return None
        lines = [f'<a href="{quote(name)}">{html.escape(name)}</a>' for name in sorted(names)]
        return ("<html><a href='../'>..</a> <a href='?C=N'>Name</a>\n" + "\n".join(lines)).encode()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    web: Web

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the game."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Silence."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        web = self.server.web
        path = unquote(urlsplit(self.path).path).lstrip("/")
        asked = self.headers.get("Range", "")
        self.request_ = Request(self.command, path, asked, self.headers.get("Authorization", ""))
        with web.lock:
            web.requests.append(self.request_)
            fault = next(
                (f for f in web.faults if f.times > 0 and f.method == self.command and re.search(f.path, path)), None
            )
            if fault is not None:
                fault.times -= 1
        data = web.content(path)
        if data is None and web.lists and (path.endswith("/") or not path):
            data = web.listing(path)
        if fault is not None and fault.kind in ("status", "redirect"):
            code = int(fault.value) if fault.kind == "status" else 302  # type: ignore[call-overload]
            more = fault.headers if fault.kind == "status" else {"Location": str(fault.value)}
            return self._answer(code, b"no", more, None)
        if data is None:
            return self._answer(404, b"not here", {}, None)
        if fault is not None and fault.kind == "change":
            data = web.files[path] = bytes(reversed(data))
        headers = {"ETag": f'"{hash(data)}"'} if web.tags else {}
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", asked) if web.ranges else None
        if match:
            start, stop = int(match[1]), min(int(match[2] or len(data)) + 1, len(data))
            if start >= len(data):
                return self._answer(416, b"", {"Content-Range": f"bytes */{len(data)}"}, None)
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{len(data)}"
            return self._answer(206, data[start:stop], headers, fault)
        return self._answer(200, data, headers, fault)

    def _answer(self, code: int, body: bytes, headers: dict[str, str], fault: Fault | None) -> None:
        kind, value = (fault.kind, fault.value) if fault is not None else ("", 0)
        wrong = {"long": 1, "short": -1}.get(kind, 0) * int(value or 0)  # type: ignore[call-overload]
        self.request_.status = code
        self.send_response(code)
        for name, text in headers.items():
            self.send_header(name, text)
        self.send_header("Content-Length", str(len(body) + wrong))
        self.end_headers()
        if self.command == "HEAD":
            return
        if kind == "slow":
            time.sleep(float(value))  # type: ignore[arg-type]
        if kind == "drip":
            for byte in body:
                self._send(bytes([byte]))
                time.sleep(float(value))  # type: ignore[arg-type]
            return
        if kind in ("reset", "truncate"):
            self._send(body[: int(value)])  # type: ignore[call-overload]
            if kind == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.close_connection = True
            self.connection.close()
            return
        self._send(body[: len(body) + min(wrong, 0)])
        self.close_connection = bool(wrong)

    def _send(self, data: bytes) -> None:
        self.request_.sent += len(data)
        self.wfile.write(data)
        self.wfile.flush()
