"""Say what works on this machine and what to install: devices, OpenGL, packages, system libraries, disk, and
(given a recipe) whether its sources can be read. Exit 0 when the default road works (torch renderer, render
generator), else 1.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from ..errors import EXIT_FAILED
from .output import Outcome

EXAMPLES = """\
  dst3d doctor
  dst3d doctor recipe.yaml
  dst3d doctor --json | jq '.checks[] | select(.status != "ok")'
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("recipe", nargs="?", help="also look at the sources and tools of this recipe")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE", dest="overrides")
    parser.add_argument("--out", default=".", metavar="DIR", help="where a run would be written (default: here)")


def run(args: argparse.Namespace) -> Outcome:
    """Run every check."""
    from .. import doctor
    from .options import recipe_of

    checks = doctor.examine(recipe_of(args) if args.recipe else None, args.out)
    broken = [check for check in checks if check.required and check.status == "missing"]
    width = max(len(check.name) for check in checks)
    lines = []
    for check in checks:
        lines.append(f"{check.status:<8} {check.name:<{width}}  {check.detail}".rstrip())
        if check.fix:
            lines.append(f"{'':<8} {'':<{width}}  -> {check.fix}")
    lines.append(
        "the default road is broken: see above"
        if broken
        else f"the default road works: dst3d build {doctor.first_recipe()} --out run"
    )
    data = {"ok": not broken, "checks": [asdict(check) for check in checks]}
    return Outcome(data, "\n".join(lines), EXIT_FAILED if broken else 0)
