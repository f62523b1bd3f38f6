"""Say how far a run is: shards and samples done, models left out and why, where the time went, what is scored. Reads
receipts and the names of tables only.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING

from .output import Outcome, duration, size, table

if TYPE_CHECKING:
    from ..run import RunStatus
    from ..scoring import ScoreStatus

EXAMPLES = """\
  dst3d status run
  dst3d status run --models
  dst3d status run --json | jq .num_done
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("folder", metavar="RUN", help="the folder that `dst3d build` writes to")
    parser.add_argument("--models", action="store_true", help="also list every model of the catalogue that is missing")


def run(args: argparse.Namespace) -> Outcome:
    """Read the run's receipts."""
    from .. import build
    from ..scoring import score_status

    status, scored = build.status(args.folder), score_status(args.folder)
    data = {
        "run": args.folder,
        "fingerprint": status.fingerprint,
        "limit": status.limit,
        "num_shards": status.num_shards,
        "num_done": status.num_done,
        "num_samples_planned": status.num_samples_planned,
        "num_samples_done": status.num_samples_done,
        "num_bytes": status.num_bytes,
        "skipped_by_reason": dict(status.skipped_by_reason),
        "missing": [asdict(row) for row in status.missing],
        "seconds": dict(status.seconds),
        "untrained": status.untrained,
        "building": status.building,
        "num_retries": status.num_retries,
        "num_retries_done": status.num_retries_done,
        "num_retried_samples": status.num_retried_samples,
        "num_classes": scored.num_classes,
        "scored": dict(scored.scored),
    }
    return Outcome(data, _text(status, scored, args.folder, args.models))


def _text(status: RunStatus, scored: ScoreStatus, folder: str, list_models: bool) -> str:
    left = status.num_shards - status.num_done
    state = "a build is at work" if status.building else ("complete" if not left else f"{left:,} shards to make")
    scope = f", a trial of {status.limit:,} samples" if status.limit else ""
    rows = [
        ("shards", f"{status.num_done:,} of {status.num_shards:,}"),
        ("samples", f"{status.num_samples_done:,} of {status.num_samples_planned:,}"),
    ]
    if status.num_retries:
        rows += [
            ("shards of retries", f"{status.num_retries_done:,} of {status.num_retries:,}"),
            ("samples drawn again", f"{status.num_retried_samples:,}"),
        ]
    rows.append(("size", size(status.num_bytes)))
    rows += [
        (f"scored by {kind}", f"{done:,} of {scored.num_classes:,} classes") for kind, done in scored.scored.items()
    ]
    lines = [f"{folder}: {state} (recipe {status.fingerprint}{scope})", table(rows)]
    if status.skipped_by_reason:
        lines += ["left out, samples by reason:", table(sorted(status.skipped_by_reason.items()))]
    if status.missing:
        reasons = Counter(str(row.reason) for row in status.missing)
        lines += ["models of the catalogue that are not there, by reason:", table(sorted(reasons.items()))]
        if list_models:
            lines.append(table((row.synset, row.model_id, row.reason, row.detail) for row in status.missing))
    lines += stages(status.seconds)
    if status.untrained:
        lines.append(f"not for release: {status.untrained}")
    return "\n".join(lines)


def stages(seconds: dict[str, float]) -> list[str]:
    """Busy seconds by stage as text lines; none when nothing was measured."""
    spent = {stage: value for stage, value in seconds.items() if stage != "wall" and value > 0}
    total = sum(spent.values())
    if not total:
        return []
    rows = [(stage, duration(value), f"{100 * value / total:.0f}%") for stage, value in spent.items()]
    rows.sort(key=lambda row: -spent[row[0]])
    return ["busy time by stage (stages run side by side):", table(rows)]
