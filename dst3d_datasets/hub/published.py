"""What a repository has published: its versions, and the manifest of each."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from ..versions import Version
from .client import Repository
from .trouble import HubError, NotThere

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Published:
    """One revision that holds a release."""

    revision: str  # the commit
    manifest: dict[str, Any]

    @property
    def version(self) -> Version:
        """The version that the manifest says it is."""
        return Version.parse(self.manifest["version"])

    @property
    def sha256(self) -> dict[str, str]:
        """The sha256 of every file, by path; the manifest itself aside."""
        return {row["path"]: row["sha256"] for row in self.manifest["files"]}


def published(repo: Repository, revision: str) -> Published | None:
    """The release of a revision; None if it holds none.

    Raises:
        NotThere: there is no such revision.
        HubError: it holds a manifest that is not ours.
    """
    commit = repo.head(revision)
    try:
        text = repo.download(MANIFEST, commit).read_bytes()
    except NotThere:
        return None
    try:
        manifest = json.loads(text)
        found = Published(commit, manifest)
        _ = found.version, found.sha256
    except (ValueError, KeyError, TypeError) as error:
        raise HubError(
            f"{repo.name}@{revision}: its {MANIFEST} is not one of a published release ({error!r})"
        ) from None
    return found


def versions(repo: Repository) -> dict[Version, str]:
    """Every published version and the commit of its tag, oldest first."""
    found = {version: commit for tag, commit in repo.tags().items() if (version := Version.of_tag(tag)) is not None}
    return dict(sorted(found.items()))
