"""The page that a person rates on, served to this machine alone."""

from __future__ import annotations

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from typing import Any

from ..errors import UsageError
from .session import Session, rating_of

_SIDE = 448  # pixels of each picture on the page
_MOST = 10_000  # bytes of an answer


class RatingServer(ThreadingHTTPServer):
    """Serves one session on 127.0.0.1, until the page says that all is done.

    Args:
        session: what is asked.
        port: 0 for any that is free.

    Raises:
        UsageError: the port is taken.
    """

    daemon_threads = True

    def __init__(self, session: Session, port: int = 0) -> None:
        self.session = session
        try:
            super().__init__(("127.0.0.1", port), _Handler)
        except (OSError, OverflowError) as error:
            raise UsageError(f"port {port} of this machine cannot be used ({error}); choose another --port") from error

    @property
    def url(self) -> str:
        """What to open in a browser."""
        return f"http://127.0.0.1:{self.server_address[1]}/"

    def finish(self) -> None:
        """Let `serve_forever` end; may be called from a request."""
        threading.Thread(target=self.shutdown, daemon=True).start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that closes a connection early is no error."""


class _Handler(BaseHTTPRequestHandler):
    server: RatingServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """The page, the state, and pictures."""
        parts = self.path.partition("?")[0].strip("/").split("/")
        if not self._is_ours():
            self._send(HTTPStatus.FORBIDDEN, b"this address is not served", "text/plain")
        elif parts == [""]:
            page = (resources.files(__package__) / "page.html").read_bytes()
            self._send(HTTPStatus.OK, page, "text/html; charset=utf-8")
        elif parts == ["state"]:
            self._json(self.server.session.state())
        elif len(parts) == 3 and parts[0] == "picture":
            self._picture(parts[1], parts[2])
        else:
            self._send(HTTPStatus.NOT_FOUND, b"there is no such thing here", "text/plain")

    def do_POST(self) -> None:
        """An answer, or the end."""
        length = int(self.headers.get("Content-Length") or 0)
        is_json = self.headers.get("Content-Type", "").startswith("application/json")
        if not self._is_ours() or not is_json or not 0 <= length <= _MOST:
            self.close_connection = True
            self._send(HTTPStatus.FORBIDDEN, b"not an answer of this page", "text/plain")
            return
        data = self.rfile.read(length)
        if self.path == "/finish":
            self._json({})
            self.server.finish()
            return
        try:
            self.server.session.put([rating_of(data)])
        except (ValueError, UsageError) as error:
            self._send(HTTPStatus.BAD_REQUEST, str(error).encode(), "text/plain; charset=utf-8")
            return
        self._json({})

    def _is_ours(self) -> bool:
        """Whether the browser was told this very address: a stranger's name that leads here is turned away."""
        port = self.server.server_address[1]
        return self.headers.get("Host", "") in (f"127.0.0.1:{port}", f"localhost:{port}")

    def _picture(self, key: str, column: str) -> None:
        try:
            data = self.server.session.jpeg(key, column.removesuffix(".jpg"), _SIDE)
        except KeyError:
            self._send(HTTPStatus.NOT_FOUND, b"there is no such picture", "text/plain")
            return
        self._send(HTTPStatus.OK, data, "image/jpeg", "max-age=86400")

    def _json(self, plain: dict[str, Any]) -> None:
        self._send(HTTPStatus.OK, json.dumps(plain).encode(), "application/json")

    def _send(self, status: HTTPStatus, data: bytes, kind: str, cache: str = "no-store") -> None:
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", str(len(data))), ("Cache-Control", cache)):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""
