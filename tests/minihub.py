"""A stand-in for the Hugging Face Hub on a real socket: what reading a data set needs.

Revisions, trees page by page, files by ranges, LFS contents at another host name, gated and private data sets, and
faults on demand.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LFS = (".tar", ".parquet", ".gz", ".zip", ".bin", ".jpg", ".png", ".glb")


class MiniHub:
    """The hub. `repos` maps "owner/name" to commits: {revision: {path: content}}; the last one is `main`."""

    def __init__(self, page: int = 1000) -> None:
        self.repos: dict[str, dict[str, dict[str, bytes]]] = {}
        self.gated: set[str] = set()
        self.private: set[str] = set()
        self.tokens = {"hf_test"}
        self.page = page  # entries of a page of a tree
        self.faults: list[tuple[str, int, dict[str, str]]] = []  # (pattern, status, headers), each once
        self.renamed: dict[str, str] = {}  # old name of a data set -> its name
        self.calls: list[tuple[str, str, str, int]] = []  # (method, path, Authorization, bytes sent)
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> MiniHub:
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def sent(self) -> int:
        """Bytes of file contents so far."""
        return sum(sent for _, path, _, sent in self.calls if "/resolve/" in path or "/_lfs/" in path)

    def commit_of(self, repo: str, revision: str) -> str | None:
        """The commit that a branch, tag or commit names."""
        names = list(self.repos[repo])
        by_commit = {hashlib.sha1(f"{repo}{name}".encode()).hexdigest(): name for name in names}
        if revision == "main" and names:
            revision = names[-1]
        return next((sha for sha, name in by_commit.items() if revision in (sha, name)), None)

    def tree(self, repo: str, commit: str) -> dict[str, bytes]:
        """The files of a commit."""
        return next(files for name, files in self.repos[repo].items() if self.commit_of(repo, name) == commit)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hub: MiniHub


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *_: object) -> None:
        """Silence."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        hub, path = self.server.hub, urlsplit(self.path).path
        for number, (pattern, status, headers) in enumerate(hub.faults):
            if re.search(pattern, path):
                del hub.faults[number]
                return self._send(status, b"{}", headers)
        lfs = re.fullmatch(r"/_lfs/([0-9a-f]{64})", path)
        if lfs:
            every = (data for commits in hub.repos.values() for files in commits.values() for data in files.values())
            return self._content(next(data for data in every if hashlib.sha256(data).hexdigest() == lfs[1]), {})
        for old, name in hub.renamed.items():
            if f"/datasets/{old}/" in path:
                return self._send(307, b"moved", {"Location": self.path.replace(old, name)})
        match = re.fullmatch(r"/api/datasets/([^/]+/[^/]+)/(revision|tree)/([^/]+)(?:/(.*))?", path)
        if match:
            return self._api(match[1], match[2], unquote(match[3]), unquote(match[4] or ""))
        match = re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path)
        if match:
            return self._resolve(match[1], unquote(match[2]), unquote(match[3]))
        return self._send(404, b"{}")

    def _may(self, repo: str) -> bool:
        hub, known = self.server.hub, self.headers.get("Authorization", "").removeprefix("Bearer ")
        if repo not in hub.repos or (repo in hub.private and known not in hub.tokens):
            self._send(404 if known in hub.tokens else 401, b"{}", {"X-Error-Code": "RepoNotFound"})
            return False
        return True

    def _api(self, repo: str, what: str, revision: str, folder: str) -> None:
        hub = self.server.hub
        if not self._may(repo):
            return None
        commit = hub.commit_of(repo, revision)
        if commit is None:
            return self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        if what == "revision":
            return self._send(200, json.dumps({"id": repo, "sha": commit, "gated": repo in hub.gated}).encode())
        query = parse_qs(urlsplit(self.path).query)
        found = self._tree(repo, commit, folder, query.get("recursive") == ["true"])
        if not found:
            return self._send(404, b"{}", {"X-Error-Code": "EntryNotFound"})
        at = int(query.get("cursor", ["0"])[0])
        more = {}
        if at + hub.page < len(found):
            url = f"{hub.url}{urlsplit(self.path).path}?recursive={query.get('recursive', ['false'])[0]}"
            more["Link"] = f'<{url}&cursor={at + hub.page}>; rel="next"'
        return self._send(200, json.dumps(found[at : at + hub.page]).encode(), more)

    def _tree(self, repo: str, commit: str, folder: str, recursive: bool) -> list[dict[str, Any]]:
        before = folder + "/" if folder else ""
        folders, files = set(), []
        for path, data in sorted(self.server.hub.tree(repo, commit).items()):
            if not path.startswith(before):
                continue
            parts = path[len(before) :].split("/")
            for depth in range(1, len(parts) if recursive else min(2, len(parts))):
                folders.add(before + "/".join(parts[:depth]))
            if recursive or len(parts) == 1:
                entry = {"type": "file", "path": path, "size": len(data), "oid": hashlib.sha1(data).hexdigest()}
                if path.endswith(LFS):
                    entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": len(data), "pointerSize": 134}
                files.append(entry)
        return [{"type": "directory", "path": path, "size": 0, "oid": "0" * 40} for path in sorted(folders)] + files

    def _resolve(self, repo: str, revision: str, path: str) -> None:
        hub = self.server.hub
        if not self._may(repo):
            return None
        if repo in hub.gated and self.headers.get("Authorization", "").removeprefix("Bearer ") not in hub.tokens:
            return self._send(401, b"{}", {"X-Error-Code": "GatedRepo", "X-Error-Message": "restricted"})
        commit = hub.commit_of(repo, revision)
        data = hub.tree(repo, commit).get(path) if commit else None
        if data is None:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound"})
        headers = {"X-Repo-Commit": str(commit), "ETag": f'"{hashlib.sha1(data).hexdigest()}"'}
        if not path.endswith(LFS):
            return self._content(data, headers)
        digest = hashlib.sha256(data).hexdigest()
        headers |= {"X-Linked-Size": str(len(data)), "X-Linked-Etag": f'"{digest}"'}
        return self._send(
            302, b"", headers | {"Location": f"{hub.url.replace('127.0.0.1', 'localhost')}/_lfs/{digest}"}
        )

    def _content(self, data: bytes, headers: dict[str, str]) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not match:
            return self._send(200, data, headers)
        start, stop = int(match[1]), min(int(match[2] or len(data)) + 1, len(data))
        if start >= len(data):
            return self._send(416, b"", headers)
        return self._send(206, data[start:stop], headers | {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        sent = 0 if self.command == "HEAD" else len(body)
        self.server.hub.calls.append((self.command, self.path, self.headers.get("Authorization", ""), sent))
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if sent:
            self.wfile.write(body)
