"""Turn a tree that the 3D-DST reference code made into a run with labels in our frame: a folder, a tar, a tar.gz, a
zip, a split zip, or a folder of these. Every view is drawn anew from its CAD model, at the pose that its annotation
gives, and compared with the reference's own render; what does not agree, or has no pose, is left out and counted.
Pickles are read as data and never executed.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EXIT_FAILED, UsageError
from ..progress import Progress
from ..recipe import Recipe
from .build import report_data
from .options import add_slice, recipe_of
from .output import LINES, Outcome, duration, table

if TYPE_CHECKING:
    from ..build import BuildReport
    from ..reference.tree import Tree

EXAMPLES = """\
  dst3d import DST --dry-run                                    # what is there, and what is missing
  dst3d import DST --recipe sources.yaml --models models.csv --out run
  dst3d import release/n02690373.zip --recipe sources.yaml --split train --pictures image_dst --out run
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("tree", metavar="TREE", help="a folder or an archive; of a split zip, its last part, .zip")
    parser.add_argument("--out", metavar="RUN", help="the run's folder; the same command goes on where it stopped")
    parser.add_argument("--recipe", help="a recipe whose sources have the CAD models; its views and prompts are unused")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        dest="overrides",
        help="override one field of the recipe, for example shards.samples=1000 (may be given again)",
    )
    parser.add_argument(
        "--models", metavar="CSV", help="the models.csv that says how models are aligned (default: the recipe's)"
    )
    parser.add_argument("--split", help="which split of the tree (default: the only one); it keeps its name")
    parser.add_argument("--pictures", metavar="NAME", help="folder of the generated pictures (default: the only one)")
    parser.add_argument(
        "--unproven", action="store_true", help="also take views with no render or depth to prove their pose by"
    )
    add_slice(parser)
    parser.add_argument("--dry-run", action="store_true", help="say what is there and what is missing; write nothing")


def run(args: argparse.Namespace) -> Outcome:
    """Import, with a progress bar, or say what that would do."""
    if args.dry_run:
        return _dry(args)
    if not args.out:
        raise UsageError("--out is missing: name the run's folder, or look first with --dry-run")
    if not args.recipe:
        raise UsageError(
            "--recipe is missing: boxes, symmetry and the check of every pose need the CAD models; name a recipe whose "
            "`sources` have them (`dst3d init` writes one), or look first with --dry-run"
        )
    from ..reference.build import import_tree

    start, (part, parts) = time.perf_counter(), args.slice
    with Progress(quiet=args.quiet) as progress:
        report = import_tree(
            args.tree,
            args.out,
            _recipe(args),
            split=args.split,
            pictures=args.pictures,
            unproven=args.unproven,
            part=part,
            parts=parts,
            on_event=progress.on_event,
        )
    wall = time.perf_counter() - start
    nothing = bool(report.num_made) and not report.num_samples
    return Outcome(report_data(report, args.out, wall), _text(report, args.out, wall), EXIT_FAILED if nothing else 0)


def _recipe(args: argparse.Namespace) -> Recipe:
    recipe = recipe_of(args)
    if args.models:
        file = Path(args.models).expanduser().resolve()
        recipe = recipe.model_copy(update={"catalogue": recipe.catalogue.model_copy(update={"file": str(file)})})
    return recipe


def _dry(args: argparse.Namespace) -> Outcome:
    from ..reference.tree import open_tree, survey

    tree = open_tree(args.tree)
    data: dict[str, Any] = {
        "tree": args.tree,
        "digest": tree.digest,
        "places": [str(place.path) for place in tree.places],
        "splits": survey(tree),
        "other_files": dict(tree.others.most_common()),
    }
    lines = [f"{args.tree}: {len(tree.places):,} folders and archives"]
    for split, found in data["splits"].items():
        lines.append(f"split {split or '(none)'}: {found['classes']:,} classes, {found['models']:,} models")
        lines.append(table([*found["files"].items(), ("prompts.json", found["prompts"])]))
    if data["other_files"]:
        lines += ["files that belong to no sample:", table(data["other_files"].items(), most=LINES)]
    data["import"], more = _what_would_be(args, tree)
    return Outcome(data, "\n".join([*lines, *more]))


def _what_would_be(args: argparse.Namespace, tree: Tree) -> tuple[dict[str, Any], list[str]]:
    """What an import would make: as data, and as lines."""
    from ..reference.plan import gaps, import_recipe, plan_import, wanted

    try:
        want = wanted(tree, args.split, args.pictures, args.unproven)
    except UsageError as error:
        return {"error": str(error)}, [f"not to be imported like this: {error}"]
    lacking: dict[str, Any] = {"split": want.name, "size": want.size, **gaps(tree, want)}
    words = [(name.replace("_", " "), count) for name, count in lacking.items() if isinstance(count, int)]
    lines = [f"an import of {want.pictures}, split {want.name}:", table(words)]
    if not args.recipe:
        return lacking, [*lines, "with --recipe it is also said which CAD models are found"]
    plan, missing = plan_import(import_recipe(_recipe(args), tree, want), tree, want)
    lacking |= {"num_models": plan.num_models, "num_shards": len(plan), "num_samples": plan.num_samples}
    lacking["missing"] = [asdict(row) for row in missing]
    lines.append(f"CAD models: {plan.num_models:,} found, {len(missing):,} not; at most {plan.num_samples:,} samples")
    rows = [(row.synset, row.model_id, row.detail) for row in missing]
    return lacking, [*lines, table(rows, most=LINES)]


def _text(report: BuildReport, out: str, wall: float) -> str:
    done, views = report.num_done_before + report.num_made, dict[str, int]()
    for row in report.skipped:
        views[row.reason] = views.get(row.reason, 0) + row.num_views
    lines = [
        f"{out}: {done:,} of {report.num_shards:,} shards are done "
        f"({report.num_made:,} made now, {report.num_samples:,} samples in {duration(wall)})"
    ]
    if views:
        lines += ["left out (samples by reason):", table(sorted(views.items()))]
        lines += ["for example:", table([(row.uid, row.detail) for row in report.skipped], most=LINES)]
    if done == report.num_shards and (report.num_samples or report.num_done_before):
        lines.append(f"next: dst3d release {out} --out release")
    return "\n".join(lines)
