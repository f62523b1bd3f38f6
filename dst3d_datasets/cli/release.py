"""Turn a finished run into a data set: samples of all classes mixed, tars sized for streaming, a card with typed
features, hashes of everything, and the licence of every CAD model used. `datasets`, webdataset and timm read it as it
is. Nothing is done if the folder holds this very release already.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ..progress import Progress
from ..release_placement import Base
from .options import add_amendments
from .output import Outcome, size, table

EXAMPLES = """\
  dst3d release run --out release
  dst3d release run --out release-1.1 --follows me/my-data     # adds to what is published, and moves nothing
  dst3d release run --out release --set keep.rate=0.8 --set release.rejected=keep
  dst3d release trial --out trial-release --allow-partial
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("folder", metavar="RUN", help="the folder that `dst3d build` wrote")
    parser.add_argument("--out", required=True, metavar="RELEASE", help="a new or empty folder")
    parser.add_argument(
        "--follows",
        metavar="RELEASE",
        help="the release before, a folder or OWNER/NAME[@v1.1.0]: samples stay in their tars, so that little changes",
    )
    parser.add_argument("--allow-partial", action="store_true", help="release a run that has shards to make yet")
    parser.add_argument(
        "--acknowledge",
        action="append",
        default=[],
        metavar="NAME",
        help="release pictures of this source, or by these weights, although the terms forbid it (may be given again)",
    )
    add_amendments(parser)
    parser.add_argument("--allow-untrained", action="store_true", help="release pictures of random weights (tests)")


def run(args: argparse.Namespace) -> Outcome:
    """Write the release, with a progress bar."""
    from .. import build
    from ..release import make_release
    from ..run import amend
    from ..store import Store

    amend(Store(args.folder), args.overrides)
    with Progress(quiet=args.quiet) as progress:
        progress.start(build.status(args.folder).num_samples_done)
        release = make_release(
            args.folder,
            args.out,
            allow_partial=args.allow_partial,
            allow_untrained=args.allow_untrained,
            acknowledge=args.acknowledge,
            follows=None if args.follows is None else _base(args.follows),
            progress=progress.advance,
        )
    lines = [
        f"{args.out}: {release.num_samples:,} samples in {release.num_shards:,} tars, {size(release.num_bytes)}",
        table(release.splits.items()),
        f'next: datasets.load_dataset("{args.out}", streaming=True)',
    ]
    return Outcome({"run": args.folder, **asdict(release)}, "\n".join(lines))


def _base(address: str) -> Base:
    from ..release_table import is_table
    from .diff import opened

    manifest, opener = opened(address)
    return Base.of(manifest, [opener(row["path"]) for row in manifest["files"] if is_table(row["path"])])
