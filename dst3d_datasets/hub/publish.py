"""One release becomes one version: staged, compared, one commit onto `main`, a tag, and a look at what the tag gives.

Readers of `main` and of older tags never see half a release. Every step looks at what is there before it acts, so the
same command, given again after a cut at any point, goes on; and a version that is there already is done at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..release_diff import Difference
from ..release_version import same_data
from .client import Repository
from .intent import Intent, intent_of, removed, there_already
from .published import MANIFEST, Published, published
from .pulls import offer, own_pull_request
from .stage import absent, movable, stage
from .trouble import HubError, NotThere, RaceLost

RACES = 5  # how often somebody else may commit between our look and our commit


@dataclass(frozen=True)
class Publication:
    """What was published, or with `dry_run` would be."""

    repo: str
    version: str
    commit: str  # of the tag; empty for a dry run
    url: str
    was_there: bool  # the very same version had been published before
    files: dict[str, int]  # path -> bytes, of those that are sent
    copied: int  # files that the server copies
    removed: tuple[str, ...]
    change: Difference | None  # against the version before; None for the first one
    pull_request: str = ""  # where it is proposed, if it is not on `main` yet


def publish(
    folder: Path,
    manifest: dict[str, Any],
    repository: str,
    version: str,
    *,
    texts: Mapping[str, bytes] | None = None,
    message: str = "",
    private: bool = False,
    gated: str = "",
    token: str | None = None,
    pull_request: bool = False,
    dry_run: bool = False,
    check: Callable[[str, str], None] | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Publication:
    """Publish a release, or a companion, that lies in a folder as a version of a data set on the Hub.

    Args:
        folder: the release.
        manifest: its manifest.
        repository: "owner/name"; made if it is not there.
        version: "1.2.0"; or "next", which takes the bump that the difference calls for (1.0.0 at first).
        texts: files of it that are not in the folder: path -> content.
        message: what is new, for the change log; the numbers of samples are told by themselves.
        private: of a repository that is made.
        gated: "auto" or "manual", to let readers ask for access; empty leaves it as it is.
        token: see `Repository`.
        pull_request: stage it on a pull request, and leave `main` and the tag to somebody who may write to them (see
            `accept`); once it is merged, the same call tags it, if the token may.
        dry_run: look, tell, and change nothing.
        check: called with the repository and the tag when all is done; raises if they do not load.
        progress: told how many more bytes are there.

    Raises:
        UsageError: the version does not follow from what is published, the repository holds something else, or a
            pull request is to make it private or gated, which is its owner's to do.
        AccessError: the token may not do this.
        HubError: the Hub failed for too long. What arrived is kept: the same command goes on.
    """
    if pull_request and (private or gated):
        raise UsageError("a pull request makes no data set private or gated: leave these flags to its owner")
    repo = Repository(repository, token)
    if not dry_run and not pull_request:
        repo.create(private=private)
    for _ in range(RACES):
        with intent_of(repo, folder, manifest, texts or {}, version, message) as intent:
            done = there_already(intent)
            told = _told(intent, done, was_there=bool(done))
            if dry_run:
                return told
            try:
                if pull_request and not done:
                    return replace(told, pull_request=_propose(intent, progress))
                commit = done or _commit(intent, progress)
            except RaceLost:
                continue
            if gated:
                repo.gate(gated)
            _finish(intent, commit, check)
            return replace(told, commit=commit)
    raise HubError(f"{repository}: somebody keeps committing to main; try again when it is quiet")


def _commit(intent: Intent, progress: Callable[[int], None]) -> str:
    """Stage everything, then let `main` have it in one commit."""
    repo = intent.repo
    repo.branch(intent.branch, intent.head)
    staged = stage(repo, intent.branch, intent.files, progress)
    there = repo.files(staged)
    missing = absent(intent.files, repo.files(intent.head))
    return repo.commit(
        "main",
        intent.head,
        f"Release {intent.version}\n\n" + "\n".join(intent.manifest["history"][0]["lines"]),
        texts={file.path: file.local.read_bytes() for file in missing if not there[file.path].sha256},
        copies=[(file.path, file.path, staged) for file in missing if there[file.path].sha256],
        deletions=removed(intent),
    )


def _propose(intent: Intent, progress: Callable[[int], None]) -> str:
    """Stage everything on a pull request of this user's, and say that it is ready: its page.

    Raises:
        NotThere: there is no data set to propose to.
    """
    repo, title = intent.repo, f"Release {intent.version}"
    if not intent.head:
        raise NotThere(
            f"{repo.name}: there is no data set of that name to propose a version to; its owner makes it first"
        )
    proposed = own_pull_request(repo, title, "\n".join(intent.manifest["history"][0]["lines"]))
    staged = stage(repo, proposed.ref, intent.files, progress)
    others = set(repo.files(intent.head)) - set(intent.now.sha256 if intent.now else ()) - {MANIFEST}
    gone = sorted(set(repo.files(staged)) - set(intent.files) - others)
    if gone:
        repo.commit(proposed.ref, staged, "Remove what the version no longer has", deletions=gone)
    offer(repo, proposed)
    return proposed.url


def _finish(intent: Intent, commit: str, check: Callable[[str, str], None] | None) -> None:
    """Tag the commit, see that the tag gives what was meant, and clear the stage away."""
    repo = intent.repo
    tag_as_published(repo, Published(commit, intent.manifest), check)
    repo.drop_branch(intent.branch)


def tag_as_published(repo: Repository, meant: Published, check: Callable[[str, str], None] | None) -> None:
    """Tag a commit as the version that it holds, and see that the tag gives what is meant.

    Raises:
        HubError: it does not, or the tag exists elsewhere.
    """
    tag = meant.version.tag
    repo.tag(tag, meant.revision, f"Release {meant.version}")
    found = published(repo, meant.revision)  # where the tag is: `tag` has looked
    if found is None or not same_data(found.manifest, meant.manifest):
        raise HubError(f"{repo.name}@{tag}: the tag does not give what was published")
    if check is not None:
        check(repo.name, tag)


def _told(intent: Intent, commit: str, *, was_there: bool) -> Publication:
    remote = intent.repo.files(intent.head) if intent.head and not was_there else {}
    missing = [] if was_there else absent(intent.files, remote)
    moves = movable(missing, remote)
    return Publication(
        repo=intent.repo.name,
        version=str(intent.version),
        commit=commit,
        url=f"{intent.repo.url}/tree/{intent.version.tag}",
        was_there=was_there,
        files={file.path: file.num_bytes for file in missing if file.path not in moves},
        copied=len(moves),
        removed=() if was_there else removed(intent),
        change=intent.change,
    )
