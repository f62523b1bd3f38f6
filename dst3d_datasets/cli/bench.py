"""Measure this machine. Ratios are taken side by side in one run; the table is Markdown, headed by the machine."""

from __future__ import annotations

import argparse

from .output import Outcome

EXAMPLES = """\
  dst3d bench --list
  dst3d bench plan
  dst3d bench render --quick --json
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("name", nargs="?", help="which one; see --list")
    parser.add_argument("--quick", action="store_true", help="smaller, to end within 50 s on 2 cores")
    parser.add_argument("--list", action="store_true", help="list the benches")


def run(args: argparse.Namespace) -> Outcome:
    """Run one bench."""
    from .. import bench
    from .output import table

    if args.list or not args.name:
        listing = bench.listing()
        return Outcome({"benches": listing}, table(listing.items(), indent=""))
    result = bench.run(args.name, quick=args.quick)
    return Outcome(result.to_json(), result.markdown())
