"""The table of verbs and the parser around it."""

from __future__ import annotations

import argparse
import difflib
import importlib
import keyword
import os
import textwrap
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import NoReturn

from ..errors import UsageError
from .output import Outcome

# verb -> one line of help. The module of the same name in this package holds `add` and `run`; that of a word of
# Python's own has an underscore behind it.
VERBS: dict[str, str] = {
    "init": "write a commented recipe to start from",
    "preview": "make a few samples and look at them, in seconds",
    "catalogue": "list a collection's models by class of ImageNet",
    "inspect": "say what the loader makes of one model or archive",
    "captions": "write captions for a recipe's classes with a language model",
    "plan": "say what a recipe will make; needs no GPU",
    "views": "draw where the cameras of a plan will stand",
    "build": "make the shards of a recipe; goes on where it stopped",
    "status": "say how far a run is, and what was skipped and why",
    "rate": "let a person rate samples, to calibrate the filters",
    "fuse": "make one score of several, by rated samples",
    "verify": "read every shard again; damaged ones are made anew",
    "score": "let filters judge the samples of a run",
    "verdicts": "say which samples are kept, by class and by view",
    "regenerate": "draw rejected samples again, with other seeds",
    "release": "turn a finished run into a data set for the Hub",
    "import": "turn what the 3D-DST reference code made into a run",
    "export": "write a data set as BOP, COCO or PASCAL3D+",
    "publish": "publish a release, catalogue or captions as a version on the Hub",
    "accept": "merge and tag a version that a pull request proposes",
    "diff": "tell what two releases or versions differ in, by class",
    "sweep": "remove what killed builds left behind",
    "doctor": "say what works on this machine, and what to install",
    "bench": "measure this machine",
}

_DESCRIPTION = "Images with true 3D annotations, made from CAD models by rendering and diffusion."
_EPILOG = """\
exit codes:
  0    done
  1    part of the work failed (a shard, a check, a disk); what is finished is kept, and the same command goes on
  2    the request is wrong: a recipe, a flag, a folder that may not be used, a package that is not installed
  3    an input was looked at and refused
  130  interrupted; what is finished is kept

environment:
  DST3D_DEBUG=1                   show tracebacks of errors
  HF_HUB_DISABLE_PROGRESS_BARS=1  no progress bars

Examples:
  dst3d init quickstart -o recipe.yaml
  dst3d preview recipe.yaml -o preview
  dst3d build recipe.yaml --out run
  dst3d release run --out release
  dst3d publish release me/my-data --version 1.0.0
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises our error, so that `--json` and exit codes treat it like any other."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of exiting."""
        raise UsageError(f"{message}\n  see: {self.prog} --help")


class _Help(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str) -> None:
        width = int(os.environ.get("COLUMNS", "0") or 0) or 110
        super().__init__(prog, max_help_position=26, width=min(width, 110))


def parse(words: Sequence[str]) -> tuple[Callable[[argparse.Namespace], Outcome], argparse.Namespace]:
    """Parse a command line: the verb's function and its arguments.

    Raises:
        UsageError: unknown verb or flag, or a value that does not fit.
        SystemExit: after a help page or the version.
    """
    if not words or words[0] in ("-h", "--help", "help"):
        _top().print_help()
        raise SystemExit(0)
    if words[0] in ("-V", "--version"):
        _top().parse_args(["--version"])
    verb = words[0]
    if verb.startswith("-"):
        raise UsageError(f"begin with a verb: dst3d VERB ...; known: {', '.join(VERBS)}")
    if verb not in VERBS:
        raise UsageError(f"there is no verb {verb!r};{_nearest(verb, VERBS)} known: {', '.join(VERBS)}")
    module = importlib.import_module(f"{__package__}.{verb}{'_' if keyword.iskeyword(verb) else ''}")
    parser = Parser(
        prog=f"dst3d {verb}",
        description=textwrap.fill(" ".join(str(module.__doc__).split()), 100),
        epilog=f"Examples:\n{module.EXAMPLES.rstrip()}\n",
        formatter_class=_Help,
        allow_abbrev=False,
    )
    module.add(parser)
    output = parser.add_argument_group("output")
    output.add_argument("--json", action="store_true", help="print one JSON object on stdout and nothing else there")
    output.add_argument("-q", "--quiet", action="store_true", help="print errors only; no progress, no report")
    args, unknown = parser.parse_known_args(list(words[1:]))
    if unknown:
        flags = [flag for action in parser._actions for flag in action.option_strings]
        parser.error(f"unknown: {' '.join(unknown)};{_nearest(unknown[0].partition('=')[0], flags)}".rstrip(";"))
    return module.run, args


def _top() -> Parser:
    listing = "\n".join(f"  {verb:<10} {line}" for verb, line in VERBS.items())
    parser = Parser(
        prog="dst3d",
        usage="dst3d VERB ...",
        description=f"{_DESCRIPTION}\n\nverbs (each has its own --help):\n{listing}",
        epilog=_EPILOG,
        formatter_class=_Help,
    )
    parser.add_argument("-V", "--version", action="version", version=f"dst3d {_version()}")
    return parser


def _nearest(word: str, known: Sequence[str] | dict[str, str]) -> str:
    near = difflib.get_close_matches(word, list(known), n=1)
    return f" did you mean {near[0]!r}?" if near else ""


def _version() -> str:
    try:
        return version("dst3d-datasets")
    except PackageNotFoundError:
        return "unknown (not installed)"
