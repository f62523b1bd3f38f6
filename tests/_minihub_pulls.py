"""Pull requests of the stand-in Hub: made as drafts, committed to, opened, merged; conflicts are refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from _minihub_repo import Pull, Repo

if TYPE_CHECKING:
    from minihub import Handler

PAGE = 2  # pull requests of a page


def may_propose(handler: Handler, name: str) -> Repo | None:
    """The repository, if the caller may propose changes to it; else the refusal is sent."""
    if not handler.may(name):
        return None
    if not handler.is_known:
        handler.refuse(401, "", "Invalid username or password.")
        return None
    return handler.hub.repos[name]


def make(handler: Handler, body: bytes, name: str) -> None:
    repo = may_propose(handler, name)
    if repo is None:
        return
    told, number = json.loads(body), len(repo.pulls) + 1
    repo.pulls[number] = Pull(number, told["title"], told["description"], handler.user, base=repo.branches["main"])
    repo.branches[f"refs/pr/{number}"] = repo.branches["main"]
    handler.json(200, {"num": number})


def listed(handler: Handler, body: bytes, name: str) -> None:
    if not handler.may(name):
        return
    repo, query = handler.hub.repos[name], parse_qs(urlsplit(handler.path).query)
    wanted = query.get("author", [""])[0]
    found = [pull for pull in repo.pulls.values() if wanted in ("", pull.author)]
    start = int(query.get("p", ["0"])[0]) * PAGE
    rows = [_row(handler, name, pull) for pull in found[start : start + PAGE]]
    handler.json(200, {"count": len(found), "start": start, "discussions": rows})


def details(handler: Handler, body: bytes, name: str, number: str) -> None:
    if not handler.may(name):
        return None
    pull = handler.hub.repos[name].pulls.get(int(number))
    if pull is None:
        return handler.refuse(404, "", "no such discussion")
    more = {"events": [], "filesWithConflicts": [], "changes": {"base": "refs/heads/main"}, "diff": ""}
    return handler.json(200, _row(handler, name, pull) | more)


def status(handler: Handler, body: bytes, name: str, number: str) -> None:
    repo = may_propose(handler, name)
    if repo is None:
        return None
    pull = repo.pulls[int(number)]
    if handler.user not in ("me", pull.author):
        return handler.refuse(403, "", "You may not change this discussion")
    pull.status = json.loads(body)["status"]
    event = {"id": "1", "type": "status-change", "createdAt": _DATE, "author": {"name": handler.user}}
    return handler.json(200, {"newStatus": event | {"data": {"status": pull.status}}})


def merge(handler: Handler, body: bytes, name: str, number: str) -> None:
    repo = may_propose(handler, name)
    if repo is None:
        return None
    pull = repo.pulls[int(number)]
    if handler.user != "me" or name in handler.hub.read_only:
        return handler.refuse(403, "", "You don't have the rights to merge")
    if pull.status != "open":
        return handler.refuse(409, "", f"This pull request is {pull.status}")
    base, main = repo.commits[pull.base].tree, dict(repo.tree("main"))
    theirs = repo.tree(f"refs/pr/{number}")
    for path in {*base, *theirs}:
        if theirs.get(path) == base.get(path):
            continue
        if main.get(path) not in (base.get(path), theirs.get(path)):
            return handler.refuse(409, "", f"Conflict in {path}")
        if path in theirs:
            main[path] = theirs[path]
        else:
            main.pop(path, None)
    repo.commit("main", main, f"{pull.title} (#{number})")
    pull.status = "merged"
    return handler.json(200, {})


_DATE = "2026-01-01T00:00:00.000Z"


def _row(handler: Handler, name: str, pull: Pull) -> dict[str, Any]:
    return {
        "num": pull.number,
        "title": pull.title,
        "status": pull.status,
        "isPullRequest": True,
        "author": {"name": pull.author},
        "createdAt": _DATE,
        "repo": {"name": name, "type": "dataset"},
    }
