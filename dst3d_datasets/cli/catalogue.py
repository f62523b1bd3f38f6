"""Make a catalogue of a collection: which model shows which class of ImageNet, how it is aligned, and whose it is.
The classes are found by WordNet's names; the report says how many of the 1000 have a model.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..errors import UsageError
from ..recipe import Recipe, builtin_recipes, load_recipe, validate
from .options import positive, write_file
from .output import LINES, Outcome, table

EXAMPLES = """\
  dst3d catalogue ~/.objaverse -o models.csv --licence cc0,by,by-sa
  dst3d catalogue ShapeNetCore.v2 -o shapenet.csv --max-strength 1
  dst3d catalogue recipe.yaml -o models.csv --textured --max-faces 500000   # its catalogue.file, or all it has
  dst3d catalogue recipe.yaml --release models   # then: dst3d publish models me/my-models --version 1.0.0
  dst3d catalogue toys --kind folder -o models.csv --look
"""
_KINDS = ("objaverse", "shapenet", "omniobject3d", "folder")


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("source", metavar="SOURCE", help="root of a collection, or a recipe: its sources")
    parser.add_argument("-o", "--out", metavar="FILE", help="write the catalogue here (default: report only)")
    parser.add_argument("--release", metavar="FOLDER", help="write it as a data set too, for `dst3d publish`")
    parser.add_argument("--kind", choices=_KINDS, help="what the root holds (default: by what lies there)")
    parser.add_argument("--licence", metavar="LIST", default="", help="only these, for example cc0,by,by-sa")
    parser.add_argument("--min-faces", type=positive, default=0, metavar="N", help="only models with at least N faces")
    parser.add_argument("--max-faces", type=positive, metavar="N", help="only models with at most N faces")
    parser.add_argument("--textured", action="store_true", help="only models with a texture or vertex colours")
    parser.add_argument("--max-strength", type=int, choices=(1, 2), default=2, help="1: only models that are the class")
    parser.add_argument(
        "--look", action="store_true", help="open every model: leave out what is refused, set distances by size"
    )


def run(args: argparse.Namespace) -> Outcome:
    """Build the catalogue, write it, and say what it covers."""
    from ..sources.catalogue_build import Wanted, build_catalogue
    from ..sources.catalogue_file import catalogue_text

    wanted = Wanted(
        licences=tuple(part.strip() for part in args.licence.split(",") if part.strip()),
        min_faces=args.min_faces,
        max_faces=args.max_faces,
        textured=args.textured,
        max_strength=args.max_strength,
        look=args.look,
    )
    rows, coverage = build_catalogue(_recipe(args.source, args.kind), wanted)
    facts = coverage.to_dict()
    if args.out:
        write_file(Path(args.out), catalogue_text(rows).encode())
    if args.release:
        from ..companion_models import write_models

        write_models(rows, args.release)
    told = {"source": args.source, "out": args.out or "", "release": args.release or "", **facts}
    return Outcome(told, _text(args, facts))


def _recipe(source: str, kind: str | None) -> Recipe:
    """The recipe that the argument names, or one with that root as its only source."""
    if kind is None and (source in builtin_recipes() or source.endswith((".yaml", ".yml"))):
        return load_recipe(source)
    kind = kind or _kind_of(source)
    return validate({"sources": [{"kind": kind, "root": source}]}, origin=source)


def _kind_of(root: str) -> str:
    """Which collection lies in a folder, by what is characteristic of each layout."""
    if "://" in root:
        raise UsageError(f"{root}: say what it holds: --kind {', --kind '.join(_KINDS)}")
    folder = Path(root).expanduser()
    if not folder.is_dir():
        raise UsageError(f"{root}: neither a recipe (.yaml) nor a folder")
    inside = {entry.name for entry in folder.iterdir()}
    if inside & {"object-paths.json.gz", "hf-objaverse-v1", "lvis-annotations.json.gz"}:
        return "objaverse"
    if inside & {"taxonomy.json", "ShapeNetCore.v2"} or any(len(name) == 8 and name.isdigit() for name in inside):
        return "shapenet"
    if inside & {"raw_scans", "OpenXD-OmniObject3D-New"} or (folder / "raw" / "raw_scans").is_dir():
        return "omniobject3d"
    return "folder"


def _text(args: argparse.Namespace, facts: dict[str, Any]) -> str:
    lines = [
        f"{args.source}: {facts['taken']:,} of {facts['listed']:,} models, "
        f"{facts['num_classes']:,} of {facts['num_classes_of']:,} classes of ImageNet "
        f"({facts['num_classes_strength_1']:,} with a model that is the class itself)"
    ]
    if facts["inexact"]:
        lines.append(f"exact: false in {facts['inexact']:,} rows: 3D-DST's elevation column is no rotation")
    if facts["left_out"]:
        lines += ["left out:", table(facts["left_out"].items())]
    if facts["unmatched"]:
        lines += ["names without a class:", table(facts["unmatched"].items(), most=LINES)]
    most_first = sorted(facts["classes"], key=lambda entry: -int(entry["models"]))
    rows = [(entry["synset"], entry["name"], entry["models"]) for entry in most_first]
    lines += ["models per class:", table(rows, most=LINES)] if rows else []
    if args.out:
        lines.append(f"written to {args.out}; use it as catalogue.file of a recipe")
    if args.release:
        lines.append(
            f"written as a data set to {args.release}; next: dst3d publish {args.release} OWNER/NAME --version 1.0.0"
        )
    return "\n".join(lines)
