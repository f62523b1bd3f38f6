"""Tell what two releases, or two versions of a companion, differ in: samples (models, captions) added, dropped, drawn
anew or relabelled, by class, and the bump that the difference calls for. Only tables are read, and of those on the Hub
only what differs.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import ReleaseError, UsageError
from .output import Outcome

EXAMPLES = """\
  dst3d diff release-1.0 release-1.1
  dst3d diff ccvl/3D-DST-data@v1.1.0 ccvl/3D-DST-data@v1.2.0
  dst3d diff ccvl/3D-DST-models@v1.0.0 models
  dst3d diff ccvl/3D-DST-data release      # what publishing this folder would change
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("before", metavar="BEFORE", help="a release's folder, or OWNER/NAME[@REVISION] on the Hub")
    parser.add_argument("after", metavar="AFTER", help="likewise")


def run(args: argparse.Namespace) -> Outcome:
    """Compare."""
    from ..release_diff import difference

    (before, open_before), (after, open_after) = opened(args.before), opened(args.after)
    change = difference(before, after, open_before, open_after)
    lines = [f"{args.before} -> {args.after}: calls for a {change.bump()} bump", *change.lines()]
    return Outcome(asdict(change) | {"bump": change.bump()}, "\n".join(lines))


def opened(address: str) -> tuple[dict[str, Any], Callable[[str], Path]]:
    """The manifest of a release, and how to get at a file of it.

    Args:
        address: a folder, or "owner/name", "owner/name@v1.1.0" on the Hub.

    Raises:
        UsageError: it is neither.
        HubError: the Hub has no such release.
    """
    from ..publishable import open_publishable

    if Path(address).is_dir():
        return open_publishable(address).manifest, lambda path: Path(address) / path
    name, _, revision = address.partition("@")
    if address.count("/") != 1 or address.startswith((".", "/")):
        raise UsageError(f"{address}: there is no such folder, and it is no OWNER/NAME[@REVISION] on the Hub either")
    from ..hub.client import Repository
    from ..hub.published import published

    repo = Repository(name)
    found = published(repo, revision or "main")
    if found is None:
        raise ReleaseError(f"{address}: holds no release of ours")
    return found.manifest, lambda path: repo.download(path, found.revision)
