"""Say what a recipe will make: classes, models, shards, samples, and where the cameras will stand. Needs neither a
GPU nor torch, and makes nothing.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from ..recipe import Recipe, fingerprint
from ..render.auto import AUTO, choose
from ..run import settled
from ..views.survey import Survey, survey
from .options import add_limit, add_recipe, add_slice, recipe_of
from .output import Outcome, duration, size, table
from .views import quota_lines

EXAMPLES = """\
  dst3d plan recipe.yaml
  dst3d plan recipe.yaml --set views.per_model=200
  dst3d plan recipe.yaml --like trial        # bytes and hours, from what a trial run took
"""

VIEWS_LOOKED_AT = 20_000  # enough for histograms; a plan may hold millions
_BARS = " ▁▂▃▄▅▆▇█"


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    add_recipe(parser)
    add_limit(parser)
    add_slice(parser)
    parser.add_argument("--like", metavar="RUN", help="estimate bytes and time from the finished shards of this run")
    parser.add_argument("--models", action="store_true", help="list every model of the catalogue that is missing")


def run(args: argparse.Namespace) -> Outcome:
    """Plan, and describe the plan."""
    from .. import build

    named = recipe_of(args)
    recipe = settled(named)
    plan, missing = build.plan_for(recipe, limit=args.limit)
    part, parts = args.slice
    mine = range(len(plan)) if parts == 1 else plan.slice(part, parts)
    found = survey(plan, most=VIEWS_LOOKED_AT)
    num_samples = plan.num_samples if parts == 1 else sum(plan[index].num_samples for index in mine)
    data: dict[str, Any] = {
        "recipe": recipe.name,
        "fingerprint": fingerprint(recipe),
        "renderer": _renderer(named),
        "num_classes": len(plan.class_ids),
        "num_models": plan.num_models,
        "num_shards": len(mine),
        "num_samples": num_samples,
        "missing": [
            {"synset": row.synset, "model_id": row.model_id, "reason": str(row.reason), "detail": row.detail}
            for row in missing
        ],
        "views": view_statistics(found),
    }
    if args.like:
        data["estimate"] = estimate(args.like, num_samples)
    return Outcome(data, _text(data, args, quota_lines(found)))


def view_statistics(found: Survey) -> dict[str, Any]:
    """Histograms of azimuths (12 bins from 0 to 360) and elevations (9 bins from -90 to 90), distances, quotas.

    `dst3d views` draws them, and more.
    """
    distance = found.columns["distance"]
    return {
        "num_looked_at": len(found),
        "azimuth": np.histogram(found.columns["azimuth"], 12, (0.0, 360.0))[0].tolist(),
        "elevation": np.histogram(found.columns["elevation"], 9, (-90.0, 90.0))[0].tolist(),
        "distance": {"min": float(distance.min()), "mean": float(distance.mean()), "max": float(distance.max())},
        "truncated": int((found.columns["visible"] < 1.0).sum()),
        "quotas": [
            {"name": each.name, "asked": each.asked, "drawn": each.drawn, "inside": each.inside}
            for each in found.quotas()
        ],
    }


def estimate(run: str, num_samples: int) -> dict[str, Any]:
    """Bytes and wall seconds of one worker for `num_samples`, from a run's finished shards."""
    from .. import build

    status = build.status(run)
    made = status.num_samples_done
    wall = status.seconds.get("wall", 0.0)
    if not made:
        return {"like": run, "num_measured": 0}
    return {
        "like": run,
        "num_measured": made,
        "num_bytes": round(status.num_bytes / made * num_samples),
        "seconds_one_worker": wall / made * num_samples,
    }


def _renderer(recipe: Recipe) -> dict[str, str]:
    """The engine that a run begun here would be drawn by, and why."""
    if recipe.render.engine != AUTO:
        return {"engine": recipe.render.engine, "why": "the recipe names it"}
    return asdict(choose(recipe.render.device))


def _text(data: dict[str, Any], args: argparse.Namespace, quotas: list[str]) -> str:
    scope = "" if args.slice[1] == 1 else f" (part {args.slice[0]} of {args.slice[1]})"
    lines = [
        f"{args.recipe}: {data['num_samples']:,} samples{scope} (recipe {data['fingerprint']})",
        table((name, data[f"num_{name}"]) for name in ("classes", "models", "shards", "samples")),
        f"renderer: {data['renderer']['engine']} ({data['renderer']['why']})",
    ]
    lines += _missing(data["missing"], args.models)
    views = data["views"]
    distance = views["distance"]
    lines += [
        f"views (of {views['num_looked_at']:,} looked at):",
        f"  azimuth    0 {bars(views['azimuth'])} 360   (0 looks at the front)",
        f"  elevation -90 {bars(views['elevation'])} 90   (above 0 looks from above)",
        f"  distance  {distance['min']:.2f} to {distance['max']:.2f}, mean {distance['mean']:.2f} longest box sides",
        *quotas,
    ]
    if views["truncated"]:
        lines.append(f"  truncated {views['truncated'] / views['num_looked_at']:.1%} of the views")
    found = data.get("estimate")
    if found and found["num_measured"]:
        lines.append(
            f"as measured on {found['num_measured']:,} samples of {found['like']}: {size(found['num_bytes'])}, "
            f"{duration(found['seconds_one_worker'])} for one worker"
        )
    elif found:
        lines.append(f"{found['like']} has no finished sample to estimate from")
    return "\n".join(lines)


def _missing(missing: Sequence[dict[str, str]], list_models: bool) -> list[str]:
    if not missing:
        return []
    reasons = Counter(row["reason"] for row in missing)
    lines = [f"{len(missing):,} models of the catalogue are not there, by reason:", table(sorted(reasons.items()))]
    if list_models:
        lines.append(table((row["synset"], row["model_id"], row["reason"], row["detail"]) for row in missing))
    return lines


def bars(counts: Sequence[int]) -> str:
    """Counts as a row of blocks, the tallest one full; a count above 0 always shows."""
    top = max(counts, default=0)
    return "".join(_BARS[max(1, round(8 * count / top))] if count else _BARS[0] for count in counts) if top else ""
