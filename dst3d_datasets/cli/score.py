"""Let filters judge the samples of a finished run, class by class: a table of scores a class and filter, beside the
shards. What is finished is kept: after a crash or Ctrl-C the same command goes on.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from ..errors import EXIT_FAILED
from ..progress import Progress
from .options import add_amendments, add_slice, positive
from .output import LINES, Outcome, duration, table

if TYPE_CHECKING:
    from ..scoring import ScoreReport

EXAMPLES = """\
  dst3d score run
  dst3d score run --set scores=[edges,kcf] --set keep.rate=0.9
  dst3d score run --only kcf --class n02690373 --workers 1
  dst3d score /shared/run --slice $SLURM_ARRAY_TASK_ID/8
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("folder", metavar="RUN", help="the folder that `dst3d build` wrote")
    parser.add_argument(
        "--only", action="append", default=[], metavar="KIND", help="only this filter (may be given again)"
    )
    parser.add_argument(
        "--class",
        action="append",
        default=[],
        metavar="ID",
        dest="classes",
        help="only this class, by its id, a synset (may be given again)",
    )
    parser.add_argument("--workers", type=positive, metavar="N", help="processes (default: one a GPU, or one a core)")
    parser.add_argument("--partial", action="store_true", help="judge classes too that have shards to make yet")
    add_amendments(parser)
    add_slice(parser, "judge only part i of n of the classes")


def run(args: argparse.Namespace) -> Outcome:
    """Score, with a progress bar."""
    from ..scoring import score

    start, (part, parts) = time.perf_counter(), args.slice
    with Progress(quiet=args.quiet, unit="judgements") as progress:
        report = score(
            args.folder,
            only=args.only,
            classes=args.classes,
            partial=args.partial,
            overrides=args.overrides,
            part=part,
            parts=parts,
            workers=args.workers,
            on_event=progress.on_event,
        )
    wall = time.perf_counter() - start
    data = {"run": args.folder, **asdict(report), "wall": round(wall, 3)}
    return Outcome(data, _text(report, args.folder, wall), EXIT_FAILED if report.failed else 0)


def _text(report: ScoreReport, folder: str, wall: float) -> str:
    made, before = len(report.made), report.num_done_before
    lines = [f"{folder}: {made + before:,} tables are there ({made:,} made now, in {duration(wall)})"]
    if report.failed:
        lines += ["failed:", table(sorted(report.failed.items()), most=LINES), "the same command tries them again"]
    if report.unfinished:
        lines.append(f"{len(report.unfinished):,} classes wait for shards (`dst3d build`); --partial judges them now")
    if not report.failed:
        lines.append(f"next: dst3d verdicts {folder}")
    return "\n".join(lines)
