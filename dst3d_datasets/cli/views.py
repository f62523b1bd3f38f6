"""Draw where the cameras of a plan will stand, how they are turned, and what their lenses are, as one picture. Taken
from the plan alone: no model is opened and nothing is rendered.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import UsageError
from .options import add_limit, add_recipe, positive, recipe_of, write_file
from .output import LINES, Outcome, table

if TYPE_CHECKING:
    from PIL import Image

    from ..views.survey import Survey

EXAMPLES = """\
  dst3d views recipe.yaml -o views.png
  dst3d views recipe.yaml --class airliner --class teapot
  dst3d views recipe.yaml --set views.sampling=sphere --most 20000
  dst3d views quickstart --samplers -o views.jpg      # every sampler side by side
"""
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    add_recipe(parser)
    add_limit(parser)
    parser.add_argument("-o", "--out", default="views.png", metavar="FILE", help="png or jpg (default: views.png)")
    parser.add_argument(
        "--class",
        action="append",
        default=[],
        dest="classes",
        metavar="NAME",
        help="only this class, by name or synset (may be given again)",
    )
    parser.add_argument(
        "--most", type=positive, default=100_000, metavar="N", help="look at about N views (default: 100000)"
    )
    parser.add_argument(
        "--samplers", action="store_true", help="draw every sampler there is instead, on the recipe's first model"
    )


def run(args: argparse.Namespace) -> Outcome:
    """Plan, look at the views, and draw them."""
    from .. import build
    from ..views import sheet
    from ..views.samplers import samplers
    from ..views.survey import survey

    out = Path(args.out)
    if out.suffix.lower() not in _FORMATS:
        raise UsageError(f"{args.out}: write a name that ends with {', '.join(_FORMATS)}")
    plan, _ = build.plan_for(recipe_of(args), limit=args.limit)
    if args.samplers:
        found = samplers(plan.recipe, plan[0].jobs[0].ref)
        _write(out, sheet.gallery(found))
        return Outcome({"path": str(out), "samplers": [each.title for each in found]}, f"every sampler: {out}")
    seen = survey(plan, args.classes, args.most)
    _write(out, sheet.sheet(seen))
    data = summary(seen) | {"path": str(out)}
    return Outcome(data, f"{_text(seen)}\npicture: {out}")


def summary(found: Survey) -> dict[str, Any]:
    """The facts of a survey as plain data."""
    return {
        "num_views": found.num_views,
        "num_looked_at": len(found),
        "num_models": found.num_models,
        "columns": {
            name: {"min": float(column.min()), "mean": float(column.mean()), "max": float(column.max())}
            for name, column in found.columns.items()
        },
        "quotas": [
            {"name": each.name, "asked": each.asked, "drawn": each.drawn, "inside": each.inside}
            for each in found.quotas()
        ],
        "classes": [
            {"name": name, "num_views": views, "num_truncated": cut} for name, views, _, _, cut in found.class_rows()
        ],
    }


def _text(found: Survey) -> str:
    head = ("class", "views", "elevation 5/50/95 %", "distance", "truncated")
    lines = [f"{len(found):,} of {found.num_views:,} views:", table([head, *found.class_rows()], most=LINES)]
    return "\n".join(lines + quota_lines(found))


def quota_lines(found: Survey) -> list[str]:
    """A table of what the quotas asked for and got; nothing where there are none."""
    rows = [
        (each.name, f"{each.asked:.2%}", f"{each.drawn:,}", f"{each.inside:,}", f"{each.inside / len(found):.2%}")
        for each in found.quotas()
    ]
    head = ("quota", "asked", "drawn for it", "in its region", "share")
    return [table([head, *rows])] if rows else []


def _write(path: Path, picture: Image.Image) -> None:
    buffer = io.BytesIO()
    kind = _FORMATS[path.suffix.lower()]
    picture.save(buffer, kind, **({"quality": 72, "optimize": True} if kind == "JPEG" else {"optimize": True}))
    write_file(path, buffer.getvalue())
