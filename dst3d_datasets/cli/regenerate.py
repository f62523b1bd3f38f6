"""Draw the samples again that the verdicts reject: same pose and controls, other words and another seed, then score
them. A release takes the best kept attempt of each. The same command goes on after a crash or Ctrl-C.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import EXIT_FAILED
from ..progress import Progress
from .options import add_amendments, positive
from .output import LINES, Outcome, table

if TYPE_CHECKING:
    from ..regeneration import RegenerateReport

EXAMPLES = """\
  dst3d regenerate run
  dst3d regenerate run --rounds 3
  dst3d regenerate run --set keep.rate=0.8 --workers 4
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("folder", metavar="RUN", help="the folder that `dst3d score` wrote to")
    parser.add_argument(
        "--rounds",
        type=positive,
        default=1,
        metavar="N",
        help="draw a sample again N times at most, earlier calls included (default: 1)",
    )
    parser.add_argument("--workers", type=positive, metavar="N", help="processes (default: chosen by the engine)")
    parser.add_argument("--engine", default="local", help="what maps the shards (default: local)")
    add_amendments(parser)


class _Bars:
    """A bar for each stage, one after the other."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar = Progress(quiet=quiet)

    def on_event(self, kind: str, **data: Any) -> None:
        """Begin a new bar with each stage; the rest is the bar's."""
        if kind == "stage":
            self._bar.close()
            self._bar = Progress(quiet=self._quiet, unit=data["unit"])
        else:
            self._bar.on_event(kind, **data)

    def close(self) -> None:
        """Take the last bar away."""
        self._bar.close()


def run(args: argparse.Namespace) -> Outcome:
    """Draw and score, with a progress bar."""
    from ..regeneration import regenerate

    bars = _Bars(args.quiet)
    try:
        report = regenerate(
            args.folder,
            rounds=args.rounds,
            workers=args.workers,
            engine=args.engine,
            overrides=args.overrides,
            on_event=bars.on_event,
        )
    finally:
        bars.close()
    return Outcome(
        {"run": args.folder, **asdict(report)},
        _text(report, args.folder, args.rounds),
        EXIT_FAILED if report.failed else 0,
    )


def _text(report: RegenerateReport, folder: str, rounds: int) -> str:
    drawn = sum(report.drawn.values())
    lines = [f"{folder}: {drawn:,} samples drawn again"]
    if report.failed:
        return "\n".join(
            [*lines, "failed:", table(sorted(report.failed.items()), most=LINES), "the same command goes on"]
        )
    left = sum(report.rejected.values())
    if left:
        lines.append(f"{left:,} samples are rejected in every attempt (up to {report.attempts} more than the first):")
        lines.append(table(sorted(report.rejected.items()), most=LINES))
        lines.append(f"to go on: dst3d regenerate {folder} --rounds {rounds + 1}")
    else:
        lines.append("no sample is rejected")
    lines.append(f"next: dst3d release {folder} --out release")
    return "\n".join(lines)
