"""Make a few samples, spread over the classes, and write a contact sheet (preview.png) and a page (preview.html,
pictures inside). The box and axes on the second picture are drawn from the label's K, R, t and size: a wrong
pose would be seen.
"""

from __future__ import annotations

import argparse
import io
import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..errors import EXIT_FAILED
from ..progress import Progress
from .options import add_recipe, output_folder, positive, recipe_of, write_file
from .output import LINES, Outcome, duration, table

if TYPE_CHECKING:
    from ..receipt import Skipped

EXAMPLES = """\
  dst3d preview recipe.yaml -o preview
  dst3d preview quickstart -n 4 -o preview --set views.sampling=5
  dst3d preview recipe.yaml -n 32 --columns picture,edge,pose
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    add_recipe(parser)
    parser.add_argument("-n", "--limit", type=positive, default=16, metavar="N", help="samples (default: 16)")
    parser.add_argument("-o", "--out", default="preview", metavar="DIR", help="folder (default: preview)")
    parser.add_argument("--columns", metavar="A,B,...", help="what to show of each sample (default: everything)")


def run(args: argparse.Namespace) -> Outcome:
    """Make the samples and both files."""
    from .. import build, report
    from ..machine import one_thread_an_operator
    from ..shard import iter_samples
    from ..tools import tools_for

    start, recipe = time.perf_counter(), recipe_of(args)
    columns = report.columns_of(args.columns.split(",") if args.columns else None)
    folder = output_folder(args.out)
    plan, _ = build.plan_for(recipe, limit=args.limit)
    jobs = [job for spec in plan for job in spec.jobs]
    samples, first = [], None
    skipped: list[Skipped] = []
    tools_for(recipe).ready()
    with Progress(quiet=args.quiet) as progress, one_thread_an_operator():  # as in a build, so that the pixels agree
        progress.start(plan.num_samples)
        for sample in iter_samples(recipe, jobs, skipped):
            first = first or time.perf_counter() - start
            samples.append(sample)
            progress.advance()
    data: dict[str, Any] = {
        "num_samples": len(samples),
        "skipped": [asdict(row) for row in skipped],
        "keys": [sample.key for sample in samples],
        "labels": [json.loads(dict(sample.members)["json"]) for sample in samples],
        "seconds_to_first": first,
    }
    left_out = [(row.uid, row.reason, row.detail, row.num_views) for row in skipped]
    said = ["left out (model, reason, samples):", table(left_out, most=LINES)] if left_out else []
    if not samples:
        return Outcome(data, "\n".join(["no sample could be made", *said]), EXIT_FAILED)
    sheet = io.BytesIO()
    report.contact_sheet(samples, columns).save(sheet, "PNG", optimize=True)
    write_file(folder / "preview.png", sheet.getvalue())
    title = f"{recipe.name}: {len(samples)} samples"
    write_file(folder / "preview.html", report.preview_html(samples, columns, title=title).encode())
    data |= {"png": str(folder / "preview.png"), "html": str(folder / "preview.html")}
    data["seconds"] = time.perf_counter() - start
    text = (
        f"{len(samples)} samples in {duration(data['seconds'])} (the first after {duration(first or 0.0)}): "
        f"{data['png']}, {data['html']}"
    )
    return Outcome(data, "\n".join([text, *said]))
