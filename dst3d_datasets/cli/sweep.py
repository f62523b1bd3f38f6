"""Remove what killed builds left behind in a run: temporary files, and shards that no receipt proves. Finished
shards stay.
"""

from __future__ import annotations

import argparse

from .output import LINES, Outcome, size, table

EXAMPLES = """\
  dst3d sweep run --dry-run
  dst3d sweep run
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("folder", metavar="RUN", help="the folder that `dst3d build` writes to")
    parser.add_argument("--dry-run", action="store_true", help="list what would be removed and remove nothing")


def run(args: argparse.Namespace) -> Outcome:
    """Find and remove."""
    from .. import build

    found = build.sweep(args.folder, remove=not args.dry_run)
    total = sum(num_bytes for _, num_bytes in found)
    verb = "would remove" if args.dry_run else "removed"
    lines = [f"{args.folder}: {verb} {len(found):,} files, {size(total)}"]
    if found:
        lines.append(table(((name, size(num_bytes)) for name, num_bytes in found), most=LINES))
    files = [{"name": name, "num_bytes": num_bytes} for name, num_bytes in found]
    return Outcome(
        {"run": args.folder, "removed": not args.dry_run, "files": files, "num_bytes": total}, "\n".join(lines)
    )
