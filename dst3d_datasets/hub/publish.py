"""One release becomes one version: staged, compared, one commit onto `main`, a tag, and a look at what the tag gives.

Readers of `main` and of older tags never see half a release. Every step looks at what is there before it acts, so the
same command, given again after a cut at any point, goes on; and a version that is there already is done at once.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import ReleaseError, UsageError
from ..release_diff import Difference, difference
from ..release_version import described, same_data, versioned
from ..versions import Version, check_bump
from .client import Repository
from .published import MANIFEST, Published, published, versions
from .stage import Files, LocalFile, absent, movable, stage
from .trouble import HubError, NotThere, RaceLost

RACES = 5  # how often somebody else may commit between our look and our commit
_OWN = frozenset({".gitattributes", "README.md"})  # what a new repository holds by itself


@dataclass(frozen=True)
class Intent:
    """What is to be published, and onto what."""

    repo: Repository
    version: Version
    files: Files
    manifest: dict[str, Any]  # as it will be published
    head: str  # the commit of `main`; empty where there is no repository
    now: Published | None  # the release on it
    tagged: str  # the commit of the version's tag; empty where there is none
    change: Difference | None  # against the version before

    @property
    def branch(self) -> str:
        """Where it is staged."""
        return f"release-{self.version}"


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


def publish(
    folder: Path,
    manifest: dict[str, Any],
    repository: str,
    version: str,
    *,
    message: str = "",
    private: bool = False,
    gated: str = "",
    token: str | None = None,
    dry_run: bool = False,
    check: Callable[[str, str], None] | None = None,
    progress: Callable[[int], None] = lambda done: None,
) -> Publication:
    """Publish a release that lies in a folder as a version of a data set on the Hub.

    Args:
        folder: the release.
        manifest: its manifest.
        repository: "owner/name"; made if it is not there.
        version: "1.2.0"; or "next", which takes the bump that the difference calls for (1.0.0 at first).
        message: what is new, for the change log; the numbers of samples are told by themselves.
        private: of a repository that is made.
        gated: "auto" or "manual", to let readers ask for access; empty leaves it as it is.
        token: see `Repository`.
        dry_run: look, tell, and change nothing.
        check: called with the repository and the tag when all is done; raises if they do not load.
        progress: told how many more bytes are there.

    Raises:
        UsageError: the version does not follow from what is published, or the repository holds something else.
        AccessError: the token may not do this.
        HubError: the Hub failed for too long. What arrived is kept: the same command goes on.
    """
    repo = Repository(repository, token)
    if not dry_run:
        repo.create(private=private)
    for _ in range(RACES):
        with _intent(repo, folder, manifest, version, message) as intent:
            done = _there_already(intent)
            told = _told(intent, done, was_there=bool(done))
            if dry_run:
                return told
            try:
                commit = done or _commit(intent, progress)
            except RaceLost:
                continue
            if gated:
                repo.gate(gated)
            _finish(intent, commit, check)
            return replace(told, commit=commit)
    raise HubError(f"{repository}: somebody keeps committing to main; try again when it is quiet")


@contextmanager
def _intent(repo: Repository, folder: Path, manifest: dict[str, Any], version: str, message: str) -> Iterator[Intent]:
    """Look at the repository and make the files of the version."""
    head, now = _main(repo)
    known = versions(repo) if head else {}
    wanted = None if version == "next" else Version.parse(version)
    if wanted is None and now is not None and same_data(now.manifest, manifest):
        wanted = now.version
    before = _before(repo, wanted, known)
    change = None if before is None else _difference(repo, before, folder, manifest)
    if change is None or before is None:
        wanted = wanted or Version(1, 0, 0)
    else:
        wanted = wanted or before.version.next(change.bump())
        if wanted not in known:
            check_bump(wanted, before.version, change.bump(), change.why())
    with tempfile.TemporaryDirectory(prefix="dst3d-publish-") as scratch:
        said, older = described(change, message), before.manifest if before else None
        texts = versioned(folder, manifest, wanted, repo.url, said, older)
        local = {name: Path(scratch) / name for name in texts}
        for name, data in texts.items():
            local[name].write_bytes(data)
        final, files = _files(folder, local)
        yield Intent(repo, wanted, files, final, head, now, known.get(wanted, ""), change)


def _main(repo: Repository) -> tuple[str, Published | None]:
    """The head of `main` and the release on it; empty and None where there is no repository yet (a dry run).

    Raises:
        UsageError: it holds something that is no release.
    """
    try:
        head = repo.head()
    except NotThere:
        return "", None
    now = published(repo, head)
    if now is None:
        others = sorted(set(repo.files(head)) - _OWN)
        if others:
            raise UsageError(
                f"{repo.name} holds files that no release of ours put there ({others[0]}): choose another repository"
            )
    return head, now


def _before(repo: Repository, wanted: Version | None, known: Mapping[Version, str]) -> Published | None:
    """The newest version below the wanted one.

    Raises:
        UsageError: newer versions are published: one cannot be put in between.
    """
    if wanted is not None and wanted not in known:
        newer = [str(each) for each in known if each > wanted]
        if newer:
            raise UsageError(f"{repo.name}: version {newer[-1]} is published already; {wanted} would come before it")
    older = [each for each in known if wanted is None or each < wanted]
    if not older:
        return None
    found = published(repo, known[older[-1]])
    if found is None:
        raise UsageError(f"{repo.name}: the tag {older[-1].tag} holds no release of ours")
    return found


def _difference(repo: Repository, before: Published, folder: Path, manifest: dict[str, Any]) -> Difference:
    return difference(
        before.manifest, manifest, lambda path: repo.download(path, before.revision), lambda path: folder / path
    )


def _files(folder: Path, texts: Mapping[str, Path]) -> tuple[dict[str, Any], Files]:
    """The manifest as it is published, and every file with it."""
    final = json.loads(texts[MANIFEST].read_bytes())
    files = {}
    for row in final["files"]:
        path = row["path"]
        local = texts.get(path, folder / path)
        if not local.is_file() or local.stat().st_size != row["bytes"]:
            raise ReleaseError(f"{folder}: {path} is missing or has another length than the manifest says")
        files[path] = LocalFile(path, local, row["bytes"], row["sha256"])
    data = texts[MANIFEST].read_bytes()
    files[MANIFEST] = LocalFile(MANIFEST, texts[MANIFEST], len(data), hashlib.sha256(data).hexdigest())
    return final, files


def _there_already(intent: Intent) -> str:
    """The commit that holds the version already, tagged or not yet; empty where there is none.

    Raises:
        UsageError: the version is published with other bytes.
    """
    if intent.tagged:
        found = published(intent.repo, intent.tagged)
        if found is not None and same_data(found.manifest, intent.manifest):
            return intent.tagged
        raise UsageError(
            f"{intent.repo.name}: version {intent.version} is published with other bytes, and a version never changes: "
            "publish this release as a new one"
        )
    now = intent.now
    if now is not None and now.version == intent.version and same_data(now.manifest, intent.manifest):
        return now.revision
    return ""


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
        deletions=_removed(intent),
    )


def _removed(intent: Intent) -> tuple[str, ...]:
    """Files of the release on `main` that this one no longer has."""
    return () if intent.now is None else tuple(sorted({*intent.now.sha256} - {*intent.files}))


def _finish(intent: Intent, commit: str, check: Callable[[str, str], None] | None) -> None:
    """Tag the commit, see that the tag gives what was meant, and clear the stage away."""
    repo = intent.repo
    repo.tag(intent.version.tag, commit, f"Release {intent.version}")
    found = published(repo, commit)  # where the tag is: `tag` has looked
    if found is None or not same_data(found.manifest, intent.manifest):
        raise HubError(f"{repo.name}@{intent.version.tag}: the tag does not give what was published")
    if check is not None:
        check(repo.name, intent.version.tag)
    repo.drop_branch(intent.branch)


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
        removed=() if was_there else _removed(intent),
        change=intent.change,
    )
