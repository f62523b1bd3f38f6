"""A stand-in for the Hugging Face Hub on a real socket, for the real clients: reading, writing, and trouble on demand.

Revisions, trees page by page, files by ranges, LFS contents at another host name (basic and multipart), gated and
private data sets, users who may write and users who may propose, commits guarded by their parent, branches, tags and
pull requests; faults on chosen or random requests, silence, slow links. `python tests/minihub.py` runs one alone.
"""

from __future__ import annotations

import json
import random
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import urlsplit

from _minihub_read import read
from _minihub_repo import Repos
from _minihub_write import write


@dataclass
class Fault:
    """Trouble with requests whose path matches.

    `how`: "status" answers with an error; "reset" breaks the connection before anything is done; "lost" does what was
    asked and breaks the connection instead of answering; "slow" waits a moment first; "silent" never answers.
    """

    pattern: str
    status: int = 503
    headers: dict[str, str] = field(default_factory=dict)
    method: str = ""  # empty: any
    skip: int = 0  # how many matching requests go well first
    times: int = 1
    how: Literal["status", "reset", "lost", "slow", "silent"] = "status"


class MiniHub:
    """The hub. `repos["owner/name"] = {revision: {path: content}}` makes a data set; the last revision is `main`."""

    def __init__(self, page: int = 1000) -> None:
        self.lfs: dict[str, bytes] = {}
        self.simulated: dict[str, int] = {}  # sha256 -> size of LFS contents that are only said to be there
        self.parts: dict[tuple[str, int], bytes] = {}
        self.repos = Repos(self.lfs)
        self.gated: set[str] = set()
        self.granted: set[tuple[str, str]] = set()  # (gated data set, user who may read it beside those who may write)
        self.private: set[str] = set()
        self.read_only: set[str] = set()
        self.tokens = {"hf_test"}  # of "me", who may write wherever it is not read_only
        self.outsiders: dict[str, str] = {}  # token -> user who may read what is public, and propose
        self.orgs: tuple[str, ...] = ()  # of "me"
        self.latency = 0.0  # seconds before every answer
        self.bytes_per_s = 0.0  # of contents, both ways, each connection by itself; 0: no limit
        self.stopping = threading.Event()
        self.page = page  # entries of a page of a tree
        self.multipart = 0  # LFS contents larger than this are sent in parts of this size; 0: never
        self.faults: list[Any] = []  # Fault, or (pattern, status, headers): each once
        self.storm: tuple[random.Random, float, int] | None = None  # (dice, share of requests, how many faults at most)
        self.struck = 0  # faults of the storm so far
        self.renamed: dict[str, str] = {}  # old name of a data set -> its name
        self.calls: list[tuple[str, str, str, int]] = []  # (method, path, Authorization, bytes sent)
        self.received = 0  # bytes of LFS contents that arrived
        self.watch: Any = None  # called after every request
        self.lock = threading.RLock()
        self._server = _Server(("127.0.0.1", 0), Handler)
        self._server.hub = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> MiniHub:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def sent(self) -> int:
        """Bytes of file contents so far."""
        return sum(sent for _, path, _, sent in self.calls if "/resolve/" in path or "/_lfs/" in path)

    def fault(self, method: str, path: str) -> Fault | None:
        """The trouble that a request meets, if any; it is used up."""
        for number, given in enumerate(self.faults):
            fault = given if isinstance(given, Fault) else Fault(given[0], given[1], given[2])
            if not re.search(fault.pattern, path) or fault.method not in ("", method):
                continue
            if fault.skip:
                fault.skip -= 1
                continue
            fault.times -= 1
            if not isinstance(given, Fault) or not fault.times:
                del self.faults[number]
            return fault
        if self.storm is not None and self.struck < self.storm[2] and self.storm[0].random() < self.storm[1]:
            self.struck += 1
            how: Any = self.storm[0].choice(["status", "status", "reset", "lost"])
            return Fault("", self.storm[0].choice([429, 500, 502, 503]), {"Retry-After": "0"}, how=how)
        return None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: MiniHub


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body leave together: in two packets the second waits for an answer to the first
    disable_nagle_algorithm = True
    server: _Server
    lost = False
    ready: tuple[int, bytes, dict[str, str]] = (500, b"", {})

    @property
    def hub(self) -> MiniHub:
        return self.server.hub

    @property
    def user(self) -> str:
        """Who asks; empty for nobody that is known."""
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        return "me" if token in self.hub.tokens else self.hub.outsiders.get(token, "")

    @property
    def is_known(self) -> bool:
        return bool(self.user)

    def log_message(self, *_: object) -> None:
        """Silence."""

    def _any(self) -> None:
        path, self.lost = urlsplit(self.path).path, False
        body = self._body()
        with self.hub.lock:
            fault = self.hub.fault(self.command, self.path)
        time.sleep(self.hub.latency)
        if fault is not None and fault.how == "slow":
            time.sleep(0.3)
        elif fault is not None and fault.how == "silent":
            self.hub.stopping.wait(60.0)
            return self._break()
        elif fault is not None and fault.how == "reset":
            return self._break()
        elif fault is not None and fault.how == "status":
            self.send(fault.status, b"{}", fault.headers)
            return self._answer()
        self.lost = fault is not None and fault.how == "lost"
        with self.hub.lock:
            if not write(self, self.command, path, body):
                read(self, path, body)
            if self.hub.watch is not None:
                self.hub.watch()
        return self._answer()

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = _any

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self._slowly(self.rfile.read, int(self.headers.get("Content-Length") or 0))
        parts = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def _slowly(self, move: Any, size: int) -> bytes:
        """Let `move(n)` have n bytes at a time, as fast as the link is."""
        rate, parts = self.hub.bytes_per_s, []
        step = max(1, int(rate / 20)) if rate else max(1, size)
        for start in range(0, size, step):
            parts.append(move(min(step, size - start)))
            if rate:
                time.sleep(step / rate)
        return b"".join(parts)

    def _break(self) -> None:
        """Close the connection the hard way: the client sees it reset."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()

    def may(self, repo: str) -> bool:
        """Whether the caller may see a repository; else the refusal is sent."""
        if repo not in self.hub.repos or (repo in self.hub.private and self.user != "me"):
            self.refuse(404 if self.is_known else 401, "RepoNotFound", "Repository not found")
            return False
        return True

    def json(self, status: int, told: Any) -> None:
        self.send(status, json.dumps(told).encode(), {"Content-Type": "application/json"})

    def refuse(self, status: int, code: str, message: str) -> None:
        headers = {"X-Error-Message": message} | ({"X-Error-Code": code} if code else {})
        self.send(status, json.dumps({"error": message}).encode(), headers)

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Have an answer ready; it leaves when the Hub is no longer held by this request."""
        sent = 0 if self.command == "HEAD" else len(body)
        self.hub.calls.append((self.command, self.path, self.headers.get("Authorization", ""), sent))
        self.ready = (status, body, headers or {})

    def _answer(self) -> None:
        (status, body, headers), sent = self.ready, self.command != "HEAD"
        if self.lost:
            return self._break()
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if not sent:
            return None
        if not self.hub.bytes_per_s:
            self.wfile.write(body)
            return None
        left = memoryview(body)

        def move(count: int) -> bytes:
            nonlocal left
            self.wfile.write(left[:count])
            self.wfile.flush()
            left = left[count:]
            return b""

        self._slowly(move, len(body))
        return None


if __name__ == "__main__":
    with MiniHub() as alone:
        print(alone.url, flush=True)
        threading.Event().wait()
