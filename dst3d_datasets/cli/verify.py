"""Read every finished shard of a run again, byte for byte. A damaged one is made anew, alone; its bytes are the
old ones where the recipe is deterministic.
"""

from __future__ import annotations

import argparse

from ..errors import EXIT_FAILED
from ..progress import Progress
from .output import LINES, Outcome, table

EXAMPLES = """\
  dst3d verify run
  dst3d verify run --check
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("folder", metavar="RUN", help="the folder that `dst3d build` writes to")
    parser.add_argument("--check", action="store_true", help="repair nothing; exit 1 if anything is damaged")


def run(args: argparse.Namespace) -> Outcome:
    """Verify, and repair unless told not to."""
    from .. import build

    with Progress(quiet=args.quiet) as progress:
        report = build.verify(args.folder, repair=not args.check, on_event=progress.on_event)
    repaired = set(report.repaired)
    left = {shard: message for shard, message in report.damaged.items() if shard not in repaired}
    lines = [f"{args.folder}: {report.num_checked:,} shards read, {len(report.damaged):,} damaged"]
    if repaired:
        lines += [
            "made anew:",
            table(((shard, report.damaged.get(shard, "")) for shard in sorted(repaired)), most=LINES),
        ]
    if left:
        lines += ["damaged:", table(sorted(left.items()), most=LINES)]
    if left and args.check:
        lines.append(f"to make them anew: dst3d verify {args.folder}")
    data = {
        "run": args.folder,
        "num_checked": report.num_checked,
        "damaged": dict(report.damaged),
        "repaired": sorted(repaired),
    }
    return Outcome(data, "\n".join(lines), EXIT_FAILED if left else 0)
