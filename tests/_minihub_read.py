"""The reading half of the stand-in Hub: revisions, trees page by page, files by ranges."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

from _minihub_repo import Repo

if TYPE_CHECKING:
    from minihub import Handler


def read(handler: Handler, path: str, body: bytes) -> None:
    path = re.sub("^/api/models/", "/api/datasets/", path)  # models are kept beside the data sets
    if re.match("/(?!api/|datasets/)[^/]+/[^/]+/resolve/", path):
        path = f"/datasets{path}"
    for old, name in handler.hub.renamed.items():
        if f"/datasets/{old}/" in path:
            return handler.send(307, b"moved", {"Location": handler.path.replace(old, name)})
    if lfs := re.fullmatch(r"/_lfs/([0-9a-f]{64})", path):
        return _content(handler, handler.hub.lfs[lfs[1]], {})
    if path == "/api/whoami-v2":
        return (
            handler.json(
                200, {"type": "user", "name": handler.user, "orgs": [{"name": org} for org in handler.hub.orgs]}
            )
            if handler.is_known
            else handler.refuse(401, "", "")
        )
    if match := re.fullmatch(r"/datasets/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
        return _resolve(handler, match[1], unquote(match[2]), unquote(match[3]))
    match = re.fullmatch(
        r"/api/datasets/([^/]+/[^/]+)(?:/(revision|tree|refs|commits|paths-info)(?:/([^/]+))?(?:/(.*))?)?", path
    )
    if match and handler.may(match[1]):
        return _api(
            handler,
            handler.hub.repos[match[1]],
            match[2] or "revision",
            unquote(match[3] or "main"),
            unquote(match[4] or ""),
            body,
        )
    return None if match else handler.refuse(404, "", f"no route {path}")


def _api(handler: Handler, repo: Repo, what: str, revision: str, folder: str, body: bytes) -> None:
    if what == "refs":
        refs = {"branches": ("heads", repo.branches), "tags": ("tags", repo.tags)}
        rows = {
            kind: [
                {"name": n, "ref": f"refs/{place}/{n}", "targetCommit": c}
                for n, c in found.items()
                if not n.startswith("refs/pr/")
            ]
            for kind, (place, found) in refs.items()
        }
        return handler.json(200, rows | {"converts": [], "pullRequests": []})
    commit = repo.resolve(revision)
    if commit is None:
        return handler.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    tree = repo.commits[commit].tree
    if what == "revision":
        return handler.json(
            200,
            {
                "id": repo.name,
                "sha": commit,
                "gated": repo.name in handler.hub.gated,
                "private": repo.name in handler.hub.private,
                "tags": [],
                "siblings": [{"rfilename": path} for path in sorted(tree)],
            },
        )
    if what == "commits":
        return handler.json(
            200,
            [
                {
                    "id": c.oid,
                    "title": c.title,
                    "message": c.message,
                    "date": "2026-01-01T00:00:00.000Z",
                    "authors": [],
                }
                for c in repo.history(commit)
            ],
        )
    if what == "paths-info":
        told = (
            json.loads(body)["paths"]
            if "json" in handler.headers.get("Content-Type", "")
            else parse_qs(body.decode()).get("paths", [])
        )
        return handler.json(200, [tree[path].entry(path) for path in told if path in tree])
    query = parse_qs(urlsplit(handler.path).query)
    found = _listing(repo.commits[commit].tree, folder, query.get("recursive", [""])[0].lower() == "true")
    if not found:
        return handler.refuse(404, "EntryNotFound", "no such folder")
    at, more = int(query.get("cursor", ["0"])[0]), {}
    if at + handler.hub.page < len(found):
        url = f"{handler.hub.url}{urlsplit(handler.path).path}?recursive={query.get('recursive', ['false'])[0]}"
        more["Link"] = f'<{url}&cursor={at + handler.hub.page}>; rel="next"'
    return handler.send(200, json.dumps(found[at : at + handler.hub.page]).encode(), more)


def _resolve(handler: Handler, name: str, revision: str, path: str) -> None:
    if not handler.may(name):
        return None
    if name in handler.hub.gated and handler.user != "me" and (name, handler.user) not in handler.hub.granted:
        page = f"Access to dataset {name} is restricted. Visit {handler.hub.url}/datasets/{name} to ask for access."
        return handler.refuse(403 if handler.is_known else 401, "GatedRepo", page)
    repo = handler.hub.repos[name]
    commit = repo.resolve(revision)
    if commit is None:
        return handler.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    blob = repo.commits[commit].tree.get(path)
    headers = {"X-Repo-Commit": commit}
    if blob is None:
        return handler.send(404, b"", headers | {"X-Error-Code": "EntryNotFound", "X-Error-Message": "Entry not found"})
    if not blob.sha256:
        return _content(handler, blob.data, headers | {"ETag": f'"{blob.oid}"'})
    headers |= {"ETag": f'"{blob.oid}"', "X-Linked-Size": str(blob.size), "X-Linked-Etag": f'"{blob.sha256}"'}
    where = (
        f"{handler.hub.url.replace('127.0.0.1', 'localhost')}/_lfs/{blob.sha256}"  # another host: not the Hub itself
    )
    return handler.send(302, b"", headers | {"Location": where})


def _content(handler: Handler, data: bytes, headers: dict[str, str]) -> None:
    match = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range", ""))
    if not match:
        return handler.send(200, data, headers)
    start, stop = int(match[1]), min(int(match[2] or len(data)) + 1, len(data))
    if start >= len(data):
        return handler.send(416, b"", headers)
    return handler.send(206, data[start:stop], headers | {"Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"})


def _listing(tree: dict[str, Any], folder: str, recursive: bool) -> list[dict[str, Any]]:
    before = folder + "/" if folder else ""
    folders, files = set(), []
    for path, blob in sorted(tree.items()):
        if not path.startswith(before):
            continue
        parts = path[len(before) :].split("/")
        for depth in range(1, len(parts) if recursive else min(2, len(parts))):
            folders.add(before + "/".join(parts[:depth]))
        if recursive or len(parts) == 1:
            files.append(blob.entry(path))
    rows = [
        {"type": "directory", "path": path, "size": 0, "oid": hashlib.sha1(path.encode()).hexdigest()}
        for path in sorted(folders)
    ]
    return rows + files
