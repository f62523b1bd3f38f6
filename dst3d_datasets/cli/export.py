"""Write a release, a run or a data set fetched from the Hub in the files that other tools read: BOP (bop_toolkit), COCO
(pycocotools) or PASCAL3D+ (its devkit). The folder appears as a whole or not at all.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ..errors import EXIT_FAILED, EXIT_OK, UsageError
from ..progress import Progress
from .options import positive
from .output import LINES, Outcome, table

EXAMPLES = """\
  dst3d export coco release -o coco
  dst3d export bop release -o bop --split test --models         # CAD models too, from the sources of its recipe
  dst3d export bop run -o bop --millimetres 250 --limit 100
  dst3d export pascal3d release -o pascal3d --models my_recipe.yaml
"""
_FORMATS = ("bop", "coco", "pascal3d")


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("format", choices=_FORMATS, help="bop, coco or pascal3d")
    parser.add_argument("place", metavar="FOLDER", help="a release, a run, or a folder of released tars")
    parser.add_argument("-o", "--out", required=True, metavar="OUT", help="a folder that is not there yet, or is empty")
    parser.add_argument("--split", metavar="NAME", help="one split (default: all)")
    parser.add_argument("--limit", type=positive, metavar="N", help="at most N samples, the first ones")
    parser.add_argument(
        "--models",
        nargs="?",
        const=True,
        default=False,
        metavar="RECIPE",
        help="write the CAD models too, from the sources of the recipe in FOLDER or of RECIPE; mind their licences",
    )
    parser.add_argument(
        "--millimetres",
        type=_length,
        metavar="MM",
        help="bop: what the longest box side of each object is said to be (default 1000)",
    )


def run(args: argparse.Namespace) -> Outcome:
    """Export, with a progress bar; exit code 1 if CAD models that were asked for are not there."""
    from ..convert.bop import MILLIMETRES
    from ..export import export
    from ..recipe import load_recipe

    if args.millimetres is not None and args.format != "bop":
        raise UsageError(f"--millimetres is for bop; {args.format} has no unit of its own")
    with Progress(quiet=args.quiet) as progress:
        done = export(
            args.place,
            args.out,
            args.format,
            split=args.split,
            limit=args.limit,
            millimetres=args.millimetres or MILLIMETRES,
            models=load_recipe(args.models) if isinstance(args.models, str) else args.models,
            start=progress.start,
            progress=progress.advance,
        )
    lines = [f"{args.out}: {done.num_samples:,} samples of {done.num_models:,} CAD models, as {args.format}"]
    lines.append(table(done.splits.items()))
    if done.dropped:
        lines.append(f"left out: {done.dropped:,} samples that the data set's filters did not keep")
    if args.models:
        lines.append(f"CAD models: {done.models_written:,} written")
    if done.models_absent:
        lines.append(f"not there: {len(done.models_absent):,}\n{table(done.models_absent.items(), most=LINES)}")
    code = EXIT_FAILED if done.models_absent else EXIT_OK
    return Outcome({"place": args.place, **asdict(done)}, "\n".join(lines), code)


def _length(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}: write a length in mm, for example 250")
    return value
