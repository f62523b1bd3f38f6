"""What is to be published, onto what, and as which version: looking, and changing nothing."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..cost import FILE as COST
from ..errors import ReleaseError, UsageError
from ..release_diff import Difference, difference
from ..release_version import CARD, described, same_data, versioned
from ..versions import Version, check_bump
from .client import Repository
from .published import MANIFEST, Published, published, versions
from .stage import Files, LocalFile
from .trouble import NotThere

OWN = frozenset({".gitattributes", "README.md"})  # what a new repository holds by itself


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


@contextmanager
def intent_of(
    repo: Repository, folder: Path, manifest: dict[str, Any], made: Mapping[str, bytes], version: str, message: str
) -> Iterator[Intent]:
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
        card = made[CARD] if CARD in made else (folder / CARD).read_bytes()
        cost = json.loads((folder / COST).read_bytes()) if (folder / COST).is_file() else None
        texts = {**made, **versioned(card.decode(), manifest, wanted, repo.url, said, older, cost)}
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
        others = sorted(set(repo.files(head)) - OWN)
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


def there_already(intent: Intent) -> str:
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


def removed(intent: Intent) -> tuple[str, ...]:
    """Files of the release on `main` that this one no longer has."""
    return () if intent.now is None else tuple(sorted({*intent.now.sha256} - {*intent.files}))
