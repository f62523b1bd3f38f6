"""What the stand-in Hub keeps: repositories with commits, branches, tags and pull requests; contents by their hash."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LFS = (".tar", ".parquet", ".gz", ".zip", ".bin", ".jpg", ".png", ".glb")
LFS_FROM = 10 * 2**20  # bytes from which any file is kept in large-file storage
ATTRIBUTES = b"*.tar filter=lfs diff=lfs merge=lfs -text\n"
_serial = itertools.count()


@dataclass(frozen=True)
class Blob:
    """A file's content: in git itself, or by reference in large-file storage."""

    size: int
    oid: str  # git's hash of the content, or of the pointer
    data: bytes = b""
    sha256: str = ""  # of contents in large-file storage

    @classmethod
    def of(cls, data: bytes) -> Blob:
        return cls(len(data), hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest(), data)

    @classmethod
    def pointer(cls, sha256: str, size: int) -> Blob:
        return cls(size, hashlib.sha1(sha256.encode()).hexdigest(), sha256=sha256)

    def entry(self, path: str) -> dict[str, Any]:
        row: dict[str, Any] = {"type": "file", "path": path, "size": self.size, "oid": self.oid}
        if self.sha256:
            row["lfs"] = {"oid": self.sha256, "size": self.size, "pointerSize": 134}
        return row


Tree = dict[str, Blob]


@dataclass(frozen=True)
class Commit:
    oid: str
    tree: Tree
    parent: str
    title: str
    message: str = ""


@dataclass
class Pull:
    """A pull request. Its files are on the branch `refs/pr/N`."""

    number: int
    title: str
    text: str
    author: str
    status: str = "draft"  # "draft", "open", "merged", "closed"
    base: str = ""  # the commit of `main` that it began at


@dataclass
class Repo:
    """One data set."""

    name: str
    commits: dict[str, Commit] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)

    def commit(self, branch: str, tree: Tree, title: str, message: str = "", oid: str = "") -> str:
        oid = oid or hashlib.sha1(f"{self.name} {branch} {title} {next(_serial)}".encode()).hexdigest()
        self.commits[oid] = Commit(oid, tree, self.branches.get(branch, ""), title, message)
        self.branches[branch] = oid
        return oid

    def resolve(self, revision: str) -> str | None:
        """The commit that a branch, tag, reference or (shortened) commit names."""
        name = re.sub(r"^refs/(heads|tags)/", "", revision)
        if name in self.branches or name in self.tags:
            return self.branches.get(name) or self.tags[name]
        short = re.fullmatch(r"[0-9a-f]{5,40}", name)
        return next((oid for oid in self.commits if short and oid.startswith(name)), None)

    def tree(self, revision: str) -> Tree:
        return self.commits[self.resolve(revision) or ""].tree

    def history(self, revision: str) -> list[Commit]:
        found, oid = [], self.resolve(revision)
        while oid:
            found.append(self.commits[oid])
            oid = self.commits[oid].parent
        return found


class Repos(dict[str, Repo]):
    """All data sets by name. Assigning {revision: {path: bytes}} makes one whose last revision is `main`."""

    def __init__(self, lfs: dict[str, bytes]) -> None:
        super().__init__()
        self._lfs = lfs

    def __setitem__(self, name: str, value: Repo | Mapping[str, Mapping[str, bytes]]) -> None:
        super().__setitem__(name, value if isinstance(value, Repo) else self._repo(name, value))

    def fresh(self, name: str) -> Repo:
        repo = Repo(name)
        repo.commit("main", {".gitattributes": Blob.of(ATTRIBUTES)}, "initial commit")
        self[name] = repo
        return repo

    def _repo(self, name: str, revisions: Mapping[str, Mapping[str, bytes]]) -> Repo:
        repo = Repo(name)
        for revision, files in revisions.items():
            tree = {path: self.blob(path, data) for path, data in files.items()}
            oid = repo.commit("main", tree, revision, oid=hashlib.sha1(f"{name}{revision}".encode()).hexdigest())
            if revision != "main":
                repo.tags[revision] = oid
        return repo

    def blob(self, path: str, data: bytes) -> Blob:
        if not is_lfs(path, len(data)):
            return Blob.of(data)
        sha256 = hashlib.sha256(data).hexdigest()
        self._lfs[sha256] = data
        return Blob.pointer(sha256, len(data))


def is_lfs(path: str, size: int) -> bool:
    return path.endswith(LFS) or size >= LFS_FROM
