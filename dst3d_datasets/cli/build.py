"""Make the shards of a recipe in a folder. Finished shards are never made again: after a crash, a full disk or
Ctrl-C the same command goes on. Models that cannot be used are left out and counted with their reason.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import EXIT_FAILED
from ..progress import Progress
from .options import add_limit, add_recipe, add_slice, positive, recipe_of
from .output import LINES, Outcome, duration, table

if TYPE_CHECKING:
    from ..build import BuildReport

EXAMPLES = """\
  dst3d build recipe.yaml --out run
  dst3d build recipe.yaml --out trial --limit 32 --set render.size=256
  dst3d build recipe.yaml --out run --workers 4
  dst3d build recipe.yaml --out /shared/run --slice $SLURM_ARRAY_TASK_ID/64
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    add_recipe(parser)
    parser.add_argument("--out", required=True, metavar="RUN", help="the run's folder: a path or an fsspec address")
    parser.add_argument("--workers", type=positive, metavar="N", help="processes (default: chosen by the engine)")
    parser.add_argument("--engine", default="local", help="what maps the shards (default: local)")
    parser.add_argument("--extend", action="store_true", help="let a changed recipe add to what the folder holds")
    add_limit(parser)
    add_slice(parser)


def run(args: argparse.Namespace) -> Outcome:
    """Build, with a progress bar."""
    from .. import build, registry

    registry.lookup("engines", args.engine)  # a wrong name is told before a folder is made
    start, recipe, (part, parts) = time.perf_counter(), recipe_of(args), args.slice
    with Progress(quiet=args.quiet) as progress:
        report = build.build(
            recipe,
            args.out,
            limit=args.limit,
            part=part,
            parts=parts,
            workers=args.workers,
            engine=args.engine,
            extend=args.extend,
            on_event=progress.on_event,
        )
    wall = time.perf_counter() - start
    code = EXIT_FAILED if report.failed or _all_left_out(report) else 0
    return Outcome(report_data(report, args.out, wall), _text(report, args.out, wall, bool(recipe.scores)), code)


def _all_left_out(report: BuildReport) -> bool:
    """Whether this call made shards and not one sample: nothing that was asked for is there."""
    return bool(report.num_made) and not report.num_samples


def report_data(report: BuildReport, out: str, wall: float) -> dict[str, Any]:
    """A build's report for programs: what --json prints."""
    return {
        "out": out,
        "num_shards": report.num_shards,
        "num_done_before": report.num_done_before,
        "num_made": report.num_made,
        "num_samples": report.num_samples,
        "skipped": [asdict(row) for row in report.skipped],
        "failed": dict(report.failed),
        "seconds": dict(report.seconds),
        "wall": round(wall, 3),
    }


def _text(report: BuildReport, out: str, wall: float, scored: bool) -> str:
    done = report.num_done_before + report.num_made
    lines = [
        f"{out}: {done:,} of {report.num_shards:,} shards are done "
        f"({report.num_made:,} made now, {report.num_samples:,} samples in {duration(wall)})"
    ]
    if report.skipped:
        views = Counter[str]()
        for row in report.skipped:
            views[row.reason] += row.num_views
        lines += ["left out (samples by reason; `dst3d status` lists the models):", table(views.most_common())]
    if report.failed:
        lines += ["failed:", table(sorted(report.failed.items()), most=LINES), "the same command tries them again"]
    elif _all_left_out(report):
        lines.append("not one sample was made: every model was left out")
    elif done == report.num_shards:
        lines.append(f"next: dst3d score {out}" if scored else f"next: dst3d release {out} --out release")
    return "\n".join(lines)
