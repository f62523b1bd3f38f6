"""Accept a version that somebody proposed with `dst3d publish --pull-request`: every file is compared with the
version's manifest, and the version must follow what is published; then it is merged, tagged and looked at. What was
merged on the Hub's own page is tagged by the same command without a number.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from .options import positive
from .output import Outcome
from .publish import check, loading

EXAMPLES = """\
  dst3d accept ccvl/3D-DST-data 12 --dry-run     # looks at it, and changes nothing
  dst3d accept ccvl/3D-DST-data 12
  dst3d accept ccvl/3D-DST-data                  # merged on its page: tag it
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("repository", metavar="OWNER/NAME", help="the data set; you may write to it")
    parser.add_argument("number", metavar="NUMBER", nargs="?", type=positive, help="of the pull request")
    parser.add_argument("--dry-run", action="store_true", help="look at it, and change nothing")
    parser.add_argument("--no-check", action="store_true", help="do not load the first sample of the tag at the end")


def run(args: argparse.Namespace) -> Outcome:
    """Accept."""
    from ..hub.accept import accept
    from ..hub.client import without_bars

    without_bars()
    told = accept(args.repository, args.number, dry_run=args.dry_run, check=None if args.no_check else check)
    lines = [f"{told.repo} {told.version}: every file is what its manifest says"]
    if told.was_there:
        lines = [f"{told.repo} {told.version} is published already: {told.url}"]
    elif told.change is not None:
        lines += told.change.lines()
    lines += ["nothing was changed (--dry-run)"] if args.dry_run else [told.url, loading(told)]
    return Outcome(asdict(told), "\n".join(lines))
