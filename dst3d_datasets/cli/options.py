"""Flags that several verbs share, and the folders and recipes they name."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..errors import UsageError
from ..recipe import Recipe, load_recipe


def add_recipe(parser: argparse.ArgumentParser, optional: bool = False) -> None:
    """The recipe, and overrides of its fields."""
    parser.add_argument(
        "recipe",
        nargs="?" if optional else None,
        help="a recipe file, or the name of a built-in recipe such as quickstart",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        dest="overrides",
        help="override one field of the recipe, for example render.size=256 (may be given again)",
    )


def add_limit(parser: argparse.ArgumentParser) -> None:
    """A bound on the number of samples."""
    parser.add_argument(
        "--limit",
        type=positive,
        metavar="N",
        help="plan at most N samples, spread over the classes; such a trial never mixes with the full run",
    )


def add_amendments(parser: argparse.ArgumentParser) -> None:
    """Changes of a run's recipe that change no sample."""
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        dest="overrides",
        help="change what the run's recipe says of scores, keep or release, from now on (may be given again)",
    )


def add_slice(parser: argparse.ArgumentParser, what: str = "make only part i of n of the shards") -> None:
    """A share of the work, for jobs that divide it among themselves."""
    parser.add_argument(
        "--slice",
        type=part_of,
        default=(0, 1),
        metavar="i/n",
        help=f"{what}, 0 <= i < n (for example one part a Slurm array task)",
    )


def recipe_of(args: argparse.Namespace) -> Recipe:
    """The recipe that the command line names."""
    return load_recipe(args.recipe, args.overrides)


def positive(text: str) -> int:
    """A whole number from 1 on."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: write a whole number, 1 or more")
    return int(text)


def part_of(text: str) -> tuple[int, int]:
    """`i/n` with 0 <= i < n."""
    part, slash, parts = text.partition("/")
    if not (slash and part.isdecimal() and parts.isdecimal() and int(part) < int(parts)):
        raise argparse.ArgumentTypeError(f"{text!r}: write i/n with 0 <= i < n, for example 0/8")
    return int(part), int(parts)


def output_folder(path: str) -> Path:
    """Make a folder for a report.

    Raises:
        UsageError: it cannot be made.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{path}: cannot make this folder: {error.strerror or error}") from error
    return folder


def write_file(path: Path, data: bytes) -> None:
    """Write a report's file.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error
