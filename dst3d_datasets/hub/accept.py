"""A maintainer's half of a pull request: a proposed version is looked at file by file, merged, and tagged.

Whoever merges on the Hub's own page gives the same command without a number: what `main` holds is looked at and tagged.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from ..errors import UsageError
from ..release_diff import Difference, difference
from ..versions import Version, check_bump
from .client import RemoteFile, Repository
from .intent import OWN
from .publish import Publication, tag_as_published
from .published import MANIFEST, Published, published, versions
from .pulls import merge, pull_request
from .trouble import HubError


def accept(
    repository: str,
    number: int | None = None,
    *,
    token: str | None = None,
    dry_run: bool = False,
    check: Callable[[str, str], None] | None = None,
) -> Publication:
    """Make a proposed version a published one.

    Args:
        repository: "owner/name".
        number: of the pull request, which is merged; None: what is on `main` already, merged by hand.
        token: see `Repository`; it must be allowed to write.
        dry_run: look, tell, and change nothing.
        check: called with the repository and the tag when all is done; raises if they do not load.

    Returns:
        What was published.

    Raises:
        UsageError: there is no release in it, it is not whole, or its version does not follow.
        AccessError: the token may not do this.
    """
    repo = Repository(repository, token)
    proposed = None if number is None else pull_request(repo, number)
    if proposed is not None and proposed.status == "closed":
        raise UsageError(f"{proposed.url} is closed: it was not accepted, and nothing is to be done")
    at = "main" if proposed is None or proposed.status == "merged" else proposed.ref
    found = _whole(repo, at)
    known = versions(repo)
    if known.get(found.version) == found.revision:
        return _told(repo, found, None, was_there=True)
    change = _following(repo, found, list(known.items()))
    if dry_run:
        return _told(repo, found, change, was_there=False)
    if proposed is not None and at != "main":
        merge(repo, proposed)
        merged = _whole(repo, "main")  # somebody may have pushed to it after we looked
        if merged.manifest != found.manifest:
            raise HubError(
                f"{repo.name}: main does not hold what {proposed.url} held when it was looked at: not tagged"
            )
        found = merged
    tag_as_published(repo, found, check)
    return _told(repo, found, change, was_there=False)


def _whole(repo: Repository, revision: str) -> Published:
    """The release of a revision, every file of which is what its manifest says.

    Raises:
        UsageError: it holds none, or one that is not whole.
    """
    found = published(repo, revision)
    if found is None:
        raise UsageError(f"{repo.name}@{revision}: holds no release of ours")
    files = repo.files(found.revision)
    for path, sha256 in found.sha256.items():
        if path not in files or _sha256(repo, files[path], found.revision) != sha256:
            raise UsageError(f"{repo.name}@{revision}: {path} is missing or not what the manifest says: not accepted")
    folders = {path.partition("/")[0] for path in found.sha256 if "/" in path}
    strangers = [p for p in files if p not in {*found.sha256, *OWN, MANIFEST} and p.partition("/")[0] in folders]
    if strangers:
        raise UsageError(f"{repo.name}@{revision}: {strangers[0]} is none of the release's files: not accepted")
    return found


def _sha256(repo: Repository, file: RemoteFile, commit: str) -> str:
    """Of a file on the Hub: as its large-file storage says, or of its content if it lies in git."""
    return file.sha256 or hashlib.sha256(repo.download(file.path, commit).read_bytes()).hexdigest()


def _following(repo: Repository, found: Published, known: list[tuple[Version, str]]) -> Difference | None:
    """What a version changes against the newest one; None for the first.

    Raises:
        UsageError: it does not follow, as when another was published meanwhile.
    """
    if not known:
        return None
    before = published(repo, known[-1][1])
    if before is None:
        raise UsageError(f"{repo.name}: the tag {known[-1][0]} holds no release of ours")
    if found.version in dict(known):
        raise UsageError(
            f"{repo.name}: version {found.version} is published already, with other bytes: propose it as a later one"
        )
    change = difference(
        before.manifest,
        found.manifest,
        lambda path: repo.download(path, before.revision),
        lambda path: repo.download(path, found.revision),
    )
    check_bump(found.version, before.version, change.bump(), change.why())
    return change


def _told(repo: Repository, found: Published, change: Difference | None, *, was_there: bool) -> Publication:
    return Publication(
        repo=repo.name,
        version=str(found.version),
        commit=found.revision,
        url=f"{repo.url}/tree/{found.version.tag}",
        was_there=was_there,
        files={},
        copied=0,
        removed=(),
        change=change,
    )
