"""The writing half of the stand-in Hub: repositories, branches, tags, large-file storage, commits."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from _minihub_pulls import details, listed, make, may_propose, merge, status
from _minihub_repo import Blob, Repo, is_lfs

if TYPE_CHECKING:
    from minihub import Handler


def write(handler: Handler, method: str, path: str, body: bytes) -> bool:
    """Answer a request that changes something (or looks for it on the way); False if it is none."""
    for pattern, verbs, action in _ROUTES:
        match = re.fullmatch(pattern, path)
        if match and method in verbs:
            action(handler, body, *(unquote(part) for part in match.groups()))
            return True
    return False


def _repo(handler: Handler, name: str, branch: str = "") -> Repo | None:
    """The repository, if the caller may write to it, or to the pull request that `branch` is; else a refusal."""
    repo = may_propose(handler, name)
    if repo is None:
        return None
    pull = repo.pulls.get(int(branch.rpartition("/")[2])) if branch.startswith("refs/pr/") else None
    if pull is not None and handler.user == pull.author and pull.status in ("draft", "open"):
        return repo
    if name in handler.hub.read_only or handler.user != "me":
        handler.refuse(403, "", "You don't have the rights to write to this repository")
        return None
    return handler.hub.repos[name]


def _create(handler: Handler, body: bytes) -> None:
    told = json.loads(body)
    if not handler.is_known:
        return handler.refuse(401, "", "Invalid username or password.")
    owner = told.get("organization") or handler.user
    name = f"{owner}/{told['name']}"
    url = {"url": f"{handler.hub.url}/datasets/{name}", "name": name, "id": name}
    if owner != handler.user and handler.hub.orgs and owner not in handler.hub.orgs:
        return handler.refuse(403, "", f"You don't have the rights to create a dataset under the namespace {owner!r}")
    if name in handler.hub.repos:
        return handler.json(409, url | {"error": "You already created this dataset repo"})
    handler.hub.repos.fresh(name)
    if told.get("private") or told.get("visibility") == "private":
        handler.hub.private.add(name)
    return handler.json(200, url)


def _settings(handler: Handler, body: bytes, name: str) -> None:
    repo = _repo(handler, name)
    if repo is not None:
        repo.settings |= json.loads(body)
        if repo.settings.get("gated"):
            handler.hub.gated.add(name)
        handler.json(200, repo.settings)


def _branch(handler: Handler, body: bytes, name: str, branch: str) -> None:
    repo = _repo(handler, name)
    if repo is None:
        return None
    if branch in repo.branches:
        return handler.refuse(409, "", f"Reference already exists: refs/heads/{branch}")
    commit = repo.resolve(json.loads(body or b"{}").get("startingPoint") or "main")
    if commit is None:
        return handler.refuse(404, "RevisionNotFound", "no such starting point")
    repo.branches[branch] = commit
    return handler.json(200, {})


def _drop_branch(handler: Handler, body: bytes, name: str, branch: str) -> None:
    repo = _repo(handler, name)
    if repo is not None:
        there = repo.branches.pop(branch, None)
        handler.json(200, {}) if there else handler.refuse(404, "RevisionNotFound", "no such branch")


def _tag(handler: Handler, body: bytes, name: str, revision: str) -> None:
    repo = _repo(handler, name)
    if repo is None:
        return None
    tag, commit = json.loads(body)["tag"], repo.resolve(revision)
    if commit is None:
        return handler.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    if tag in repo.tags:
        return handler.refuse(409, "", f"Tag reference exists already: refs/tags/{tag}")
    repo.tags[tag] = commit
    return handler.json(200, {})


def _validate(handler: Handler, body: bytes) -> None:
    head = json.loads(body)["content"].split("---\n")[1]
    errors = [{"message": '"license" is required'}] if "license:" not in head else []
    handler.json(400 if errors else 200, {"errors": errors, "warnings": []})


def _preupload(handler: Handler, body: bytes, name: str, revision: str) -> None:
    repo = _repo(handler, name, revision)
    if repo is None:
        return None
    commit = repo.resolve(revision)
    if commit is None:
        return handler.refuse(404, "RevisionNotFound", f"Invalid rev id: {revision}")
    rows, tree = [], repo.commits[commit].tree
    for file in json.loads(body)["files"]:
        mode = "lfs" if is_lfs(file["path"], file["size"]) else "regular"
        row: dict[str, Any] = {"path": file["path"], "uploadMode": mode, "shouldIgnore": False}
        if file["path"] in tree:
            row["oid"] = tree[file["path"]].sha256 or tree[file["path"]].oid
        rows.append(row)
    return handler.json(200, {"files": rows})


def _batch(handler: Handler, body: bytes, name: str) -> None:
    repo = may_propose(handler, name)
    if repo is None:
        return
    hub, rows = handler.hub, []
    for wanted in json.loads(body)["objects"]:
        oid, size = wanted["oid"], wanted["size"]
        row: dict[str, Any] = {"oid": oid, "size": size}
        if oid not in hub.lfs and oid not in hub.simulated:
            row["actions"] = {
                "upload": {"href": f"{hub.url}/_lfs/{oid}"},
                "verify": {"href": f"{hub.url}/_lfs/verify"},
            }
            if hub.multipart and size > hub.multipart:
                count = -(-size // hub.multipart)
                parts = {f"{i + 1:05d}": f"{hub.url}/_lfs/part/{oid}/{i + 1}" for i in range(count)}
                header = {"chunk_size": str(hub.multipart), **parts}
                row["actions"] = {"upload": {"href": f"{hub.url}/_lfs/complete/{oid}", "header": header}}
        rows.append(row)
    handler.json(200, {"transfer": "basic", "objects": rows})


def _put(handler: Handler, body: bytes, oid: str) -> None:
    handler.hub.received += len(body)
    if hashlib.sha256(body).hexdigest() != oid:
        return handler.refuse(400, "", "the content is not that of its hash")
    handler.hub.lfs[oid] = body
    return handler.send(200, b"", {"ETag": f'"{oid[:16]}"'})


def _put_part(handler: Handler, body: bytes, oid: str, number: str) -> None:
    handler.hub.received += len(body)
    handler.hub.parts[oid, int(number)] = body
    handler.send(200, b"", {"ETag": f'"part-{number}"'})


def _complete(handler: Handler, body: bytes, oid: str) -> None:
    count = len(json.loads(body)["parts"])
    whole = b"".join(handler.hub.parts.get((oid, i + 1), b"") for i in range(count))
    if hashlib.sha256(whole).hexdigest() != oid:
        return handler.refuse(400, "", "the parts are not those of its hash")
    handler.hub.lfs[oid] = whole
    return handler.json(200, {})


def _verify(handler: Handler, body: bytes) -> None:
    handler.json(200 if json.loads(body)["oid"] in handler.hub.lfs else 404, {})


def _commit(handler: Handler, body: bytes, name: str, branch: str) -> None:
    repo = _repo(handler, name, branch)
    if repo is None:
        return None
    if branch not in repo.branches:
        return handler.refuse(404, "RevisionNotFound", f"Invalid rev id: {branch}")
    head = repo.branches[branch]
    tree, title, message = dict(repo.commits[head].tree), "", ""
    for line in body.splitlines():
        kind, value = (json.loads(line)[key] for key in ("key", "value"))
        if kind == "header":
            title, message = value["summary"], value.get("description", "")
            if value.get("parentCommit") and not head.startswith(value["parentCommit"]):
                return handler.refuse(412, "", "A commit has happened since. Please refresh and try again.")
        elif kind == "file":
            tree[value["path"]] = Blob.of(base64.b64decode(value["content"]))
        elif kind == "lfsFile":
            size = value.get("size") or len(handler.hub.lfs.get(value["oid"], b""))
            if value["oid"] not in handler.hub.lfs and value["oid"] not in handler.hub.simulated:
                return handler.refuse(400, "", f"LFS pointer to a file that does not exist: {value['path']}")
            tree[value["path"]] = Blob.pointer(value["oid"], size or handler.hub.simulated[value["oid"]])
        elif kind == "deletedFile":
            del tree[value["path"]]
    oid = repo.commit(branch, tree, title, message)
    return handler.json(
        200, {"success": True, "commitOid": oid, "commitUrl": f"{handler.hub.url}/datasets/{name}/commit/{oid}"}
    )


def _control(handler: Handler, body: bytes) -> None:
    """Not of the Hub, for one in another process: takes {"forget": true, "simulate": {sha256: bytes}}, gives counts."""
    hub, told = handler.hub, json.loads(body or b"{}")
    if told.get("forget"):
        hub.lfs.clear()
        hub.simulated.clear()
        hub.received = 0
        hub.calls.clear()
    hub.simulated |= told.get("simulate", {})
    handler.json(200, {"received": hub.received, "requests": len(hub.calls)})


_NAME, _REST = r"([^/]+/[^/]+)", r"([^/]+)"
_ROUTES = (
    (r"/api/repos/create", ("POST",), _create),
    (r"/api/validate-yaml", ("POST",), _validate),
    (r"/_control", ("POST",), _control),
    (rf"/api/datasets/{_NAME}/discussions", ("POST",), make),
    (rf"/api/datasets/{_NAME}/discussions", ("GET",), listed),
    (rf"/api/datasets/{_NAME}/discussions/(\d+)", ("GET",), details),
    (rf"/api/datasets/{_NAME}/discussions/(\d+)/status", ("POST",), status),
    (rf"/api/datasets/{_NAME}/discussions/(\d+)/merge", ("POST",), merge),
    (rf"/api/datasets/{_NAME}/settings", ("PUT",), _settings),
    (rf"/api/datasets/{_NAME}/branch/{_REST}", ("POST",), _branch),
    (rf"/api/datasets/{_NAME}/branch/{_REST}", ("DELETE",), _drop_branch),
    (rf"/api/datasets/{_NAME}/tag/{_REST}", ("POST",), _tag),
    (rf"/api/datasets/{_NAME}/preupload/{_REST}", ("POST",), _preupload),
    (rf"/datasets/{_NAME}\.git/info/lfs/objects/batch", ("POST",), _batch),
    (r"/_lfs/([0-9a-f]{64})", ("PUT",), _put),
    (r"/_lfs/part/([0-9a-f]{64})/(\d+)", ("PUT",), _put_part),
    (r"/_lfs/complete/([0-9a-f]{64})", ("POST",), _complete),
    (r"/_lfs/verify", ("POST",), _verify),
    (rf"/api/datasets/{_NAME}/commit/{_REST}", ("POST",), _commit),
)
