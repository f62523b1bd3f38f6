"""Say which samples of a scored run are kept, by class and by view, and write the verdict on each of them to
`verdicts.parquet` in the run's folder. Thresholds are taken from the tables of scores: nothing is judged anew.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import UsageError
from .options import add_amendments
from .output import LINES, Outcome, table

EXAMPLES = """\
  dst3d verdicts run
  dst3d verdicts run --set keep.rate=0.9
  dst3d verdicts run --set keep.at_least=0.7 --json
  dst3d verdicts run --ratings ratings.tsv --set keep.precision=0.95 --set keep.rate=null
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("folder", metavar="RUN", help="the folder that `dst3d score` wrote to")
    parser.add_argument(
        "--ratings", metavar="FILE", help="take these ratings (tab-separated: key, good) into the run's folder"
    )
    add_amendments(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Decide, write and tell."""
    from ..scoring.collect import FILE, verdict_table, verdicts_of
    from ..scoring.summary import summary

    if args.ratings:
        _take(args.ratings, args.folder)
    store, recipe, verdicts = verdicts_of(args.folder, args.overrides)
    store.write(FILE, verdict_table(verdicts))
    told = summary(verdicts, recipe, bins_of_classes=True)
    return Outcome({"run": args.folder, "table": f"{store.url}/{FILE}", **told}, _text(told, args.folder))


def _take(file: str, folder: str) -> None:
    from ..scoring.ratings import FILE
    from ..store import Store

    store = Store(folder)
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror or error}") from error
    if store.read(FILE) not in (None, data):
        raise UsageError(f"{store.url}/{FILE}: other ratings are there; join the two files, or move that one away")
    store.write(FILE, data)


def _text(told: dict[str, Any], folder: str) -> str:
    lines = [f"{folder}: {told['kept']:,} of {told['samples']:,} samples are kept ({100 * told['rate']:.1f}%)"]
    if told["keep"] is None:
        lines.append("nothing decides yet: --set keep.rate=0.9 keeps the best 90%")
    else:
        lines.append(f"decided by {told['by']}")
    facts = [
        ("rescued so that no view bin loses more than it may", told["rescued"]),
        ("not judged, and kept", told["not_judged"]),
        ("kept because they were drawn again", told["retried"]),
    ]
    lines += [table(told_of)] if (told_of := [row for row in facts if row[1]]) else []
    head = ("class", "samples", "kept", "share", "lowest of a view")
    rows = [
        (row["class_name"], row["samples"], row["kept"], f"{100 * row['rate']:.1f}%", f"{100 * row['lowest']:.1f}%")
        for row in told["classes"]
    ]
    lines += [table([head, *rows], most=LINES)]
    bins = [(row["view_bin"], row["samples"], row["kept"], f"{100 * row['rate']:.1f}%") for row in told["bins"]]
    lines.append(table([("view", "samples", "kept", "share"), *bins]))
    if told["kept"] < told["samples"]:
        lines.append(f"next: dst3d regenerate {folder}, or dst3d release {folder} --out release")
    return "\n".join(lines)
