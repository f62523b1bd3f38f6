"""Rating without a browser: numbered contact sheets, and one line of answers a sheet."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ..errors import UsageError
from ..nouns import Sample
from ..report import label_of, tile
from . import Rating
from .choose import Chosen
from .session import SEEN, Session

PER_SHEET = 12
HELP = """\
good: an object of the named class, where the render has it, seen from the same side, whole as there.
bad:  another class, another side, another place or size, no object, two objects. Colours do not matter.
Answer with the numbers of the bad ones; put ? before those you cannot tell: `3 7 ?11`; just Enter: all are good.
`back` shows the sheet before; `q` ends, and the same command goes on from there."""
_CELL, _GAP, _LINE, _ACROSS = 224, 8, 22, 2
_WORD = re.compile(r"(\??)(\d{1,3})")


def sheets_of(session: Session, pass_: int) -> list[list[Chosen]]:
    """The samples of a pass, a sheet each."""
    order = session.order(pass_)
    return [order[first : first + PER_SHEET] for first in range(0, len(order), PER_SHEET)]


def draw_sheet(samples: Sequence[Sample], path: Path) -> None:
    """Write a sheet: of each sample its number, its class, the picture, the render and the label drawn on the picture.

    Raises:
        UsageError: the file cannot be written.
    """
    width, height = len(SEEN) * (_CELL + _GAP) + _GAP, _CELL + _LINE + _GAP
    sheet = Image.new("RGB", (_ACROSS * width, -(-len(samples) // _ACROSS) * height + _GAP), (250, 250, 248))
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(16)
    for number, sample in enumerate(samples):
        left, top = number % _ACROSS * width + _GAP, number // _ACROSS * height + _GAP
        draw.text((left, top), f"{number + 1}   {label_of(sample)['class_name']}", (16, 18, 22), font)
        for place, column in enumerate(SEEN):
            sheet.paste(tile(sample, column, _CELL), (left + place * (_CELL + _GAP), top + _LINE))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path, "PNG")
    except OSError as error:
        raise UsageError(f"{path}: cannot be written: {error.strerror or error}") from error


def answers_of(line: str, sheet: Sequence[Chosen], pass_: int, seconds: float) -> list[Rating]:
    """The ratings that a line of numbers means.

    Args:
        line: numbers of bad ones, those in doubt with a ? before them; all others are good.
        sheet: the samples of the sheet, the first of which is number 1.
        pass_: which pass.
        seconds: how long the person looked at the sheet.

    Raises:
        ValueError: a word that is no number of the sheet, or one that is given twice.
    """
    said: dict[int, bool | None] = {}
    for word in line.replace(",", " ").split():
        match = _WORD.fullmatch(word)
        if match is None or not 1 <= int(match[2]) <= len(sheet):
            raise ValueError(f"{word!r}: write numbers from 1 to {len(sheet)}, with a ? before those in doubt")
        if int(match[2]) in said:
            raise ValueError(f"{match[2]} is there twice")
        said[int(match[2])] = None if match[1] else False
    each = seconds / len(sheet)
    return [Rating(chosen.key, said.get(number, True), "", pass_, each) for number, chosen in enumerate(sheet, 1)]
