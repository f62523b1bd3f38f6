"""Write a commented recipe to start from. Edit it, look at it with `dst3d preview`, then `dst3d build`."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import UsageError
from ..recipe import builtin_recipes, builtin_text
from .options import write_file
from .output import Outcome, table

EXAMPLES = """\
  dst3d init --list
  dst3d init quickstart -o recipe.yaml
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("name", nargs="?", default="quickstart", help="a built-in recipe (default: quickstart)")
    parser.add_argument("-o", "--out", default="recipe.yaml", metavar="FILE", help="where to (default: recipe.yaml)")
    parser.add_argument("--force", action="store_true", help="overwrite the file if it is there")
    parser.add_argument("--list", action="store_true", help="list the built-in recipes and write nothing")


def run(args: argparse.Namespace) -> Outcome:
    """Write the recipe, or list what there is."""
    if args.list:
        first_lines = {name: builtin_text(name).partition("\n")[0].lstrip("# ") for name in builtin_recipes()}
        recipes = {name: line.removeprefix(f"{name}: ") for name, line in first_lines.items()}
        return Outcome({"recipes": recipes}, table(recipes.items(), indent=""))
    text, target = builtin_text(args.name), Path(args.out)
    if target.exists() and not args.force:
        raise UsageError(f"{target} is there already: choose another name with -o, or overwrite it with --force")
    write_file(target, text.encode())
    return Outcome(
        {"recipe": args.name, "file": str(target)},
        f"wrote {target}; next: dst3d preview {target} -o preview, or dst3d build {target} --out run",
    )
