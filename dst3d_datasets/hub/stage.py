"""Bringing a release's files onto a branch of their own, where no reader looks, and comparing what arrived."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from .client import RemoteFile, Repository
from .trouble import HubError

BATCH_FILES = 100  # files of one commit: the Hub asks for 50 to 100
BATCH_BYTES = 16 * 10**9  # at most about this much between two commits, so that little is looked at again after a cut


@dataclass(frozen=True, slots=True)
class LocalFile:
    """One file to be published."""

    path: str  # in the repository
    local: Path
    num_bytes: int
    sha256: str


Files = Mapping[str, LocalFile]  # by path


def absent(files: Files, remote: Mapping[str, RemoteFile]) -> list[LocalFile]:
    """The files that a revision does not hold, or holds with another content; sorted by path."""
    return [
        file
        for path, file in sorted(files.items())
        if path not in remote or not remote[path].holds(file.local, file.sha256)
    ]


def movable(missing: list[LocalFile], remote: Mapping[str, RemoteFile]) -> dict[str, str]:
    """Missing files whose content the revision has under another path: path -> that path."""
    there = {file.sha256: path for path, file in remote.items() if file.sha256}
    return {file.path: there[file.sha256] for file in missing if file.sha256 in there}


def batches(files: list[LocalFile]) -> Iterator[list[LocalFile]]:
    """The files in their order, some at a time."""
    batch: list[LocalFile] = []
    for file in files:
        if batch and (len(batch) >= BATCH_FILES or sum(f.num_bytes for f in batch) + file.num_bytes > BATCH_BYTES):
            yield batch
            batch = []
        batch.append(file)
    if batch:
        yield batch


def stage(repo: Repository, branch: str, files: Files, progress: Callable[[int], None]) -> str:
    """Let a branch hold every file, sending only what the repository lacks.

    Cut anywhere and called again, it goes on: what arrived is compared and not sent twice. The card comes in the first
    batch (capitals sort first), so that the Hub looks at it before anything large is sent.

    Args:
        repo: where.
        branch: of this release alone, or `refs/pr/...`; it is there already, started from a commit of `main`.
        files: what it must hold; other files on it are left alone.
        progress: told how many more bytes are there.

    Returns:
        The branch's head, whose files have been compared with `files`, sha256 by sha256.

    Raises:
        HubError: the Hub failed for too long, or holds other bytes than were sent.
    """
    head = repo.head(branch)
    remote = repo.files(head)
    missing = absent(files, remote)
    progress(sum(file.num_bytes for file in files.values()) - sum(file.num_bytes for file in missing))
    moves = movable(missing, remote)
    if moves:
        copies = [(path, source, head) for path, source in moves.items()]
        head = repo.commit(branch, head, "Move files", copies=copies)
        progress(sum(files[path].num_bytes for path in moves))
    for batch in batches([file for file in missing if file.path not in moves]):
        head = repo.upload(branch, {file.path: file.local for file in batch}, _message(batch))
        progress(sum(file.num_bytes for file in batch))
    wrong = absent(files, repo.files(head)) if missing else []
    if wrong:
        raise HubError(
            f"{repo.name}@{branch}: {len(wrong)} files did not arrive as they were sent, the first is {wrong[0].path}. "
            "Nothing has been published; the same command sends them again"
        )
    return head


def _message(batch: list[LocalFile]) -> str:
    more = f" and {len(batch) - 1} more" if len(batch) > 1 else ""
    return f"Add {batch[0].path}{more}"
