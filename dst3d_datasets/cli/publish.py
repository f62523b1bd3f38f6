"""Publish a release, a catalogue or captions as one version of a data set on the Hugging Face Hub. Files are staged on
a branch of their own, compared by sha256, and reach `main` in one commit; then the version is tagged and looked at. Cut
anywhere, the same command goes on and sends nothing twice.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import Any

from ..errors import Dst3dError
from ..progress import Progress
from .output import Outcome, size, table

EXAMPLES = """\
  dst3d publish release ccvl/3D-DST-data --version 1.2.0 --dry-run   # lists files and bytes, changes nothing
  dst3d publish release ccvl/3D-DST-data --version 1.2.0 -m more-airliners
  dst3d publish release me/trial --version next --private            # the bump that the difference calls for
  dst3d publish release ccvl/3D-DST-data --version next --pull-request   # for those who may not write to it
  dst3d publish models ccvl/3D-DST-models --version 1.0.0            # what `dst3d catalogue --release models` wrote
  dst3d publish captions ccvl/3D-DST-captions --version 1.0.0        # what `dst3d captions -o captions` wrote
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("folder", metavar="RELEASE", help="a folder of `dst3d release`, `catalogue` or `captions`")
    parser.add_argument("repository", metavar="OWNER/NAME", help="made if it is not there")
    parser.add_argument("--version", required=True, help="as in 1.2.0; next: what the difference calls for")
    parser.add_argument("-m", "--message", default="", help="what is new, for the change log")
    parser.add_argument("--private", action="store_true", help="if the repository is made: seen by its owner alone")
    parser.add_argument("--gated", choices=["auto", "manual"], default="", help="readers must ask for access")
    parser.add_argument(
        "--pull-request", action="store_true", help="propose it; a maintainer's `dst3d accept` merges and tags it"
    )
    parser.add_argument("--dry-run", action="store_true", help="list files and bytes, and change nothing")
    parser.add_argument("--no-check", action="store_true", help="do not load the first sample of the tag at the end")


def run(args: argparse.Namespace) -> Outcome:
    """Publish, with a progress bar in megabytes."""
    from ..hub.client import without_bars
    from ..publishable import open_publishable

    release = open_publishable(args.folder)
    without_bars()
    with Progress(quiet=args.quiet, unit="MB") as progress:
        progress.start(sum(row["bytes"] for row in release.manifest["files"]) // 10**6)
        told = release.push_to_hub(
            args.repository,
            args.version,
            message=args.message,
            private=args.private,
            gated=args.gated,
            pull_request=args.pull_request,
            dry_run=args.dry_run,
            check=None if args.no_check else check,
            progress=_Megabytes(progress.advance),
        )
    return Outcome(asdict(told), _text(told, args.dry_run))


class _Megabytes:
    """Bytes told as whole megabytes."""

    def __init__(self, advance: Any) -> None:
        self._advance, self._rest = advance, 0

    def __call__(self, num_bytes: int) -> None:
        whole, self._rest = divmod(self._rest + num_bytes, 10**6)
        self._advance(whole)


def check(repository: str, tag: str) -> None:
    """Load the first sample of a tag, as any reader would; without `datasets` there is nothing to check with.

    Raises:
        Dst3dError: it does not load.
    """
    from ..builders.released import first_row

    try:
        first_row(repository, tag)
    except ImportError:
        return
    except Exception as error:
        raise Dst3dError(f"{repository}@{tag} is published, but load_dataset cannot read it: {error}") from error


def _text(told: Any, dry_run: bool) -> str:
    if told.was_there:
        return f"{told.repo} {told.version} is published already, with these very bytes: {told.url}"
    sent = f"{len(told.files):,} files, {size(sum(told.files.values()))}, to send; {told.copied:,} copied by the server"
    lines = [f"{told.repo} {told.version}: {sent}; {len(told.removed):,} removed"]
    if dry_run:
        lines.append(table((path, size(count)) for path, count in told.files.items()))
    if told.change is not None:
        lines += told.change.lines()
    if dry_run:
        lines.append("nothing was changed (--dry-run)")
    elif told.pull_request:
        number = told.pull_request.rpartition("/")[2]
        lines.append(f"proposed: {told.pull_request}")
        lines.append(f"next: somebody who may write to it gives: dst3d accept {told.repo} {number}")
    else:
        lines += [told.url, loading(told)]
    return "\n".join(lines)


def loading(told: Any) -> str:
    """How a published version is loaded."""
    return f'next: datasets.load_dataset("{told.repo}", revision="v{told.version}", streaming=True)'
