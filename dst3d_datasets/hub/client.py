"""One data set's repository on the Hub, handled with patience. The only room that knows `huggingface_hub`.

Everything here is safe to repeat: what has happened already is seen, not done again.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from ..errors import MissingDependency, UsageError
from .trouble import NotThere, RaceLost, patiently

T = TypeVar("T")
THREADS = 8  # files that are uploaded at once
SILENCE = 300.0  # seconds without a byte after which a request is given up and made again
_LISTINGS = 4  # commits whose files are remembered: a commit never changes
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a revision."""

    path: str
    num_bytes: int
    sha256: str  # of files in large-file storage; empty for those in git itself
    blob: str  # git's own hash, for those in git itself

    def holds(self, local: Path, sha256: str) -> bool:
        """Whether it has the content of a local file of that sha256."""
        if self.num_bytes != local.stat().st_size:
            return False
        return self.sha256 == sha256 if self.sha256 else self.blob == git_blob(local.read_bytes())


def git_blob(data: bytes) -> str:
    """Git's hash of a file: SHA-1 over a head and the content."""
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def client_library() -> ModuleType:
    """`huggingface_hub`.

    Raises:
        MissingDependency: it is not installed.
    """
    try:
        import huggingface_hub
    except ImportError as error:
        raise MissingDependency(
            'the Hub needs the package huggingface_hub: pip install "dst3d-datasets[hub]"'
        ) from error
    return huggingface_hub


def without_bars() -> None:
    """Let the client library draw no progress bars in this process: for programs that draw their own."""
    client_library()
    import_module("huggingface_hub.utils").disable_progress_bars()


def attempt(action: Callable[[], T], what: str) -> T:
    """`patiently`, and with no request that waits for ever for a server that is gone.

    From version 1 on the client library sets no limits of its own; what a program has set stays.
    """

    def limited() -> T:
        hooks = getattr(_session(), "event_hooks", None)
        if isinstance(hooks, dict) and _limit_silence not in hooks.setdefault("request", []):
            hooks["request"].append(_limit_silence)
        return action()

    return patiently(limited, what)


def _session() -> Any:
    return import_module("huggingface_hub.utils").get_session()


def _limit_silence(request: Any) -> None:
    """Give a request the limits that it lacks: the session's, or ours."""
    limits, own = request.extensions.get("timeout") or {}, getattr(_session(), "timeout", None)
    kinds = ("connect", "read", "write", "pool")
    request.extensions["timeout"] = {kind: limits.get(kind) or getattr(own, kind, None) or SILENCE for kind in kinds}


class Repository:
    """A data set's repository.

    Args:
        name: "owner/name".
        token: of the user; by habit of the client: HF_TOKEN, or what `hf auth login` wrote.

    Raises:
        UsageError: the name is not one.
    """

    def __init__(self, name: str, token: str | None = None) -> None:
        hub = client_library()
        try:
            import_module("huggingface_hub.utils").validate_repo_id(name)
        except ValueError as error:
            raise UsageError(f"{name!r} is no repository: write <owner>/<name> ({error})") from None
        if name.count("/") != 1:
            raise UsageError(f"{name!r} is no repository: write <owner>/<name>")
        self.name = name
        self.api = hub.HfApi(token=token)  # for the modules of this folder
        self.kind = {"repo_id": name, "repo_type": "dataset"}
        self._hub = hub
        self._listings: dict[str, dict[str, RemoteFile]] = {}
        logging.getLogger("huggingface_hub").addFilter(_quiet_about_no_ops)

    @property
    def url(self) -> str:
        """Its page."""
        return f"{self.api.endpoint}/datasets/{self.name}"

    def exists(self) -> bool:
        """Whether it is there, and seen by this token."""
        try:
            self.head()
        except NotThere:
            return False
        return True

    def create(self, *, private: bool = False) -> None:
        """Make it, unless it is there."""
        attempt(
            lambda: self.api.create_repo(**self.kind, private=private, exist_ok=True),
            f"make the data set {self.name}",
        )

    def gate(self, how: str) -> None:
        """Let readers ask for access: "auto" grants it at once, "manual" by hand."""
        attempt(lambda: self.api.update_repo_settings(**self.kind, gated=how), f"gate {self.name}")

    def head(self, revision: str = "main") -> str:
        """The commit (40 hexadecimal digits) of a branch, tag, `refs/pr/...`; a commit is its own.

        Raises:
            NotThere: there is none of that name.
        """
        if _COMMIT.fullmatch(revision):
            return revision
        found = attempt(lambda: self.api.repo_info(**self.kind, revision=revision), f"look at {self.name}@{revision}")
        return str(found.sha)

    def tags(self) -> dict[str, str]:
        """Tag -> commit."""
        found = attempt(lambda: self.api.list_repo_refs(**self.kind), f"list the tags of {self.name}")
        return {ref.name: ref.target_commit for ref in found.tags}

    def files(self, revision: str) -> Mapping[str, RemoteFile]:
        """Every file of a revision, by path; of a commit that was listed before without asking again."""
        if revision in self._listings:
            return self._listings[revision]

        def listed() -> dict[str, RemoteFile]:
            found = self.api.list_repo_tree(**self.kind, revision=revision, recursive=True)
            return {item.path: _remote(item) for item in found if hasattr(item, "size")}

        files = attempt(listed, f"list {self.name}@{revision}")
        if _COMMIT.fullmatch(revision):
            self._listings[revision] = files
            while len(self._listings) > _LISTINGS:
                del self._listings[next(iter(self._listings))]
        return files

    def download(self, path: str, revision: str) -> Path:
        """A file of a revision, in the cache of `huggingface_hub`.

        Raises:
            NotThere: the revision has no such file.
        """
        what = f"read {path} of {self.name}@{revision}"
        return Path(attempt(lambda: self.api.hf_hub_download(**self.kind, filename=path, revision=revision), what))

    def branch(self, name: str, start: str) -> None:
        """Make a branch at a commit, unless there is one of that name."""
        attempt(
            lambda: self.api.create_branch(**self.kind, branch=name, revision=start, exist_ok=True),
            f"make the branch {name} of {self.name}",
        )

    def drop_branch(self, name: str) -> None:
        """Remove a branch, if it is there."""
        with suppress(NotThere):  # or an earlier try did it, and its answer was lost
            attempt(lambda: self.api.delete_branch(**self.kind, branch=name), f"remove the branch {name}")

    def tag(self, name: str, commit: str, message: str) -> None:
        """Tag a commit. A tag that is there at that commit is right; one elsewhere is never moved.

        Raises:
            RaceLost: the tag is at another commit.
        """

        attempt(
            lambda: self.api.create_tag(
                **self.kind, tag=name, revision=commit, tag_message=message, exist_ok=True
            ),  # which leaves one that is there where it is
            f"tag {self.name} as {name}",
        )
        there = self.head(name)
        if there != commit:
            raise RaceLost(f"{self.name}: the tag {name} exists at another commit ({there[:8]}); tags are not moved")

    def upload(self, branch: str, files: Mapping[str, Path], message: str) -> str:
        """Bring local files onto a branch, in one commit. Contents that the repository has are not sent again.

        Args:
            branch: its name, or `refs/pr/...`.
            files: path in the repository -> local file.
            message: of the commit.

        Returns:
            The new head.
        """
        additions = [
            self._hub.CommitOperationAdd(path_in_repo=path, path_or_fileobj=local) for path, local in files.items()
        ]
        what = f"upload to {self.name}"
        attempt(
            lambda: self.api.preupload_lfs_files(
                **self.kind, additions=additions, revision=branch, num_threads=THREADS, free_memory=False
            ),
            what,
        )
        done = attempt(
            lambda: self.api.create_commit(
                **self.kind, operations=additions, revision=branch, commit_message=message, num_threads=THREADS
            ),
            what,
        )
        return str(done.oid)

    def commit(
        self,
        branch: str,
        parent: str,
        message: str,
        *,
        texts: Mapping[str, bytes] | None = None,
        copies: Iterable[tuple[str, str, str]] = (),
        deletions: Sequence[str] = (),
    ) -> str:
        """One commit onto a branch, if its head is still `parent`.

        Args:
            branch: its name.
            parent: the commit that it must stand at.
            message: of the commit; its first line is the title.
            texts: path -> content, of small files.
            copies: (path, path to copy from, commit to copy from), done by the server.
            deletions: paths to remove.

        Returns:
            The new head.

        Raises:
            RaceLost: the branch stands elsewhere. That may be this very commit, whose answer was lost: look.
        """
        hub, copies = self._hub, list(copies)
        title, _, rest = message.partition("\n")

        def committed() -> str:
            operations = [
                *(hub.CommitOperationCopy(source, path, src_revision=at) for path, source, at in copies),
                *(hub.CommitOperationAdd(path, data) for path, data in (texts or {}).items()),
                *(hub.CommitOperationDelete(path, is_folder=False) for path in deletions),
            ]
            done = self.api.create_commit(
                **self.kind, operations=operations, revision=branch, parent_commit=parent,
                commit_message=title, commit_description=rest.strip(),
            )  # fmt: skip
            return str(done.oid)

        return attempt(committed, f"commit to {self.name}@{branch}")


def _remote(item: Any) -> RemoteFile:
    lfs = item.lfs
    return RemoteFile(item.path, int(item.size), str(lfs.sha256) if lfs else "", str(item.blob_id))


def _quiet_about_no_ops(record: logging.LogRecord) -> bool:
    """A commit that turns out to be there already is no warning: it is how a cut one is gone on with."""
    return "No files have been modified" not in record.getMessage()
