"""Pictures of samples for people: contact sheets, and a page with everything inside.

Used by `dst3d preview`, by the card of a release and for the README. Draws with Pillow alone; the text is in its
built-in font, so that a sheet looks the same on every machine.
"""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from . import images
from .errors import UsageError
from .nouns import Sample
from .overlay import draw_pose

_PAPER, _INK, _MID, _FAINT = (250, 250, 248), (16, 18, 22), (86, 90, 96), (130, 134, 140)
_GAP = 8  # pixels between cells

# Anchors of a perceptually even map from far (dark violet) to near (pale yellow), sRGB.
_MAP = np.array(
    [
        [38, 10, 64], [77, 20, 107], [120, 30, 117], [163, 44, 108], [203, 66, 88],
        [234, 99, 62], [249, 143, 36], [250, 193, 63], [252, 248, 176],
    ],
    dtype=np.float64,
)  # fmt: skip


def columns_of(names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Check column names; none: all of them, in their order.

    Raises:
        UsageError: an unknown name; the message lists the known ones.
    """
    if names is None:
        return tuple(COLUMNS)
    for name in names:
        if name not in COLUMNS:
            raise UsageError(f"there is no column {name!r}; known: {', '.join(COLUMNS)}")
    return tuple(names)


def contact_sheet(
    samples: Sequence[Sample],
    columns: Sequence[str] | None = None,
    *,
    cell: int = 176,
    across: int = 1,
    captions: bool = True,
) -> Image.Image:
    """One picture of many samples: a row a sample, a column a kind of picture.

    Args:
        samples: what to show, at least one. A column that a sample does not have stays grey.
        columns: names from `COLUMNS`; none: all of them.
        cell: side of one picture, pixels.
        across: samples side by side in one row of the sheet.
        captions: whether to write key, class, pose and prompt under each sample, and the columns' names on top.

    Returns:
        An RGB picture.
    """
    names = columns_of(columns)
    across = max(1, min(across, len(samples)))
    width = len(names) * (cell + _GAP) - _GAP
    text = 34 if captions else 0
    head = 26 if captions else 0
    rows = -(-len(samples) // across)
    spread = 3 * _GAP
    sheet = Image.new(
        "RGB",
        (across * width + (across - 1) * spread + 2 * _GAP, head + rows * (cell + text + _GAP) + _GAP),
        _PAPER,
    )
    draw = ImageDraw.Draw(sheet)
    for number, sample in enumerate(samples):
        left = _GAP + (number % across) * (width + spread)
        top = head + _GAP + (number // across) * (cell + text + _GAP)
        label = label_of(sample)
        for place, name in enumerate(names):
            x = left + place * (cell + _GAP)
            sheet.paste(tile(sample, name, cell, label), (x, top))
            if captions and number < across:
                draw.text((x + cell / 2, head / 2 + 2), name, _FAINT, ImageFont.load_default(14), anchor="mm")
        if captions:
            _caption(draw, (left, top + cell + 3), label, width)
    return sheet


def tile(sample: Sample, column: str, cell: int, label: Mapping[str, Any] | None = None) -> Image.Image:
    """One picture of a sample, reduced or enlarged to `cell` x `cell` pixels, RGB; grey where the sample lacks it."""
    members = dict(sample.members)
    try:
        picture = COLUMNS[column](members, label_of(sample) if label is None else label, cell)
    except KeyError:
        return Image.new("RGB", (cell, cell), (228, 228, 226))
    return _fit(picture, cell)


def preview_html(samples: Sequence[Sample], columns: Sequence[str] | None = None, *, title: str = "preview") -> str:
    """A page that needs no other file: every picture inlined at its full size, every label at hand."""
    names = columns_of(columns)
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    rows = "".join(_html_row(sample, names) for sample in samples)
    return _PAGE.format(title=html.escape(title), head=head, rows=rows, span=len(names))


def label_of(sample: Sample) -> dict[str, Any]:
    """The label of a sample."""
    label: dict[str, Any] = json.loads(dict(sample.members)["json"])
    return label


def caption(label: Mapping[str, Any]) -> tuple[str, str]:
    """Two lines for people: what and from where; the words."""
    pose = f"azimuth {label['azimuth']:.0f}°  elevation {label['elevation']:.0f}°  distance {label['distance']:.2f}"
    if abs(label["theta"]) > 0.05:
        pose += f"  theta {label['theta']:.0f}°"
    return f"{label['class_name']}   {pose}", str(label["prompt"])


def colour_depth(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Depth values (H, W), 0 where there is nothing, as colours (H, W, 3).

    Near is pale, far is dark, nothing is black; the range is that of the picture.
    """
    seen = values > 0
    if not seen.any():
        return np.zeros((*values.shape, 3), np.uint8)
    low, high = int(values[seen].min()), int(values[seen].max())
    nearness = 1.0 - (values.astype(np.float64) - low) / max(1, high - low)
    places = np.clip(nearness, 0.0, 1.0) * (len(_MAP) - 1)
    channels = [np.interp(places, np.arange(len(_MAP)), _MAP[:, channel]) for channel in range(3)]
    coloured = np.stack(channels, axis=-1).round().astype(np.uint8)
    coloured[~seen] = 0
    return coloured


def colour_parts(values: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Part ids (H, W) as colours (H, W, 3): neighbours in number are far apart in hue; 0, the background, is black."""
    turn = (values[..., None] * 0.618034 + np.array([0.0, 1.0, 2.0]) / 3.0) % 1.0
    colour = 60.0 + 190.0 * np.abs(2.0 * turn - 1.0)
    return np.where(values[..., None] > 0, colour, 0.0).astype(np.uint8)


Members = Mapping[str, bytes]


def _member(extension: str) -> Callable[[Members, Mapping[str, Any], int], Image.Image]:
    def draw(members: Members, label: Mapping[str, Any], cell: int) -> Image.Image:
        return Image.fromarray(images.decode(members[extension])).convert("RGB")

    return draw


def _pose(members: Members, label: Mapping[str, Any], cell: int) -> Image.Image:
    picture = Image.fromarray(images.decode(members["jpg"]))
    dimmed = Image.blend(picture, Image.new("RGB", picture.size), 0.25)
    return draw_pose(_fit(dimmed, cell), label)


def _depth(members: Members, label: Mapping[str, Any], cell: int) -> Image.Image:
    values = images.decode(members["depth.png"]).astype(np.uint16)
    return Image.fromarray(colour_depth(values))


def _part(members: Members, label: Mapping[str, Any], cell: int) -> Image.Image:
    return Image.fromarray(colour_parts(images.decode(members["part.png"]).astype(np.uint16)))


# column -> how it is drawn from (members, label, side of the cell)
COLUMNS: dict[str, Callable[[Members, Mapping[str, Any], int], Image.Image]] = {
    "picture": _member("jpg"),
    "pose": _pose,
    "render": _member("render.jpg"),
    "edge": _member("edge.png"),
    "line": _member("line.png"),
    "depth": _depth,
    "normal": _member("normal.png"),
    "part": _part,
    "mask": _member("mask.png"),
}


def _fit(picture: Image.Image, cell: int) -> Image.Image:
    if picture.size == (cell, cell):
        return picture
    return picture.resize((cell, cell), Image.Resampling.LANCZOS)


def _caption(draw: ImageDraw.ImageDraw, at: tuple[int, int], label: Mapping[str, Any], width: int) -> None:
    (x, y), (first, words), font = at, caption(label), ImageFont.load_default(12)
    name = str(label["class_name"])
    draw.text((x, y), name, _INK, font)
    start = draw.textlength(f"{name}   ", font)
    pose = _shortened(draw, first.removeprefix(name).strip(), font, width - start)
    draw.text((x + start, y), pose, _MID, font)
    left = width - start - draw.textlength(f"{pose}    ", font)
    if draw.textlength(label["key"], font) <= left:
        draw.text((x + width, y), label["key"], _FAINT, font, anchor="ra")
    draw.text((x, y + 15), _shortened(draw, words, font, width), _FAINT, font)


def _shortened(draw: ImageDraw.ImageDraw, text: str, font: Any, width: float) -> str:
    """As much of a text as fits `width` pixels, with an ellipsis where something was left out."""
    if draw.textlength(text, font) <= width:
        return text
    while text and draw.textlength(f"{text}…", font) > width:
        text = text[:-1].rstrip()
    return f"{text}…" if text else ""


def _html_row(sample: Sample, names: Sequence[str]) -> str:
    label = label_of(sample)
    cells = []
    for name in names:
        picture = tile(sample, name, int(label["width"]), label)
        buffer = io.BytesIO()
        kind = "jpeg" if name in ("picture", "pose", "render") else "png"
        picture.save(buffer, kind.upper(), **({"quality": 90} if kind == "jpeg" else {"optimize": True}))
        data = base64.b64encode(buffer.getvalue()).decode()
        cells.append(f'<td><img alt="{html.escape(name)}" src="data:image/{kind};base64,{data}"></td>')
    first, words = (html.escape(line) for line in caption(label))
    plain = html.escape(json.dumps(label, indent=1, ensure_ascii=False))
    return (
        f"<tr>{''.join(cells)}</tr>\n"
        f'<tr class="words"><td colspan="{len(names)}"><b>{first}</b><br>{words}'
        f"<details><summary>{html.escape(sample.key)}</summary><pre>{plain}</pre></details></td></tr>\n"
    )


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
 body {{ font: 14px/1.45 system-ui, sans-serif; background: #fafaf8; color: #1c1e22; margin: 24px; }}
 table {{ border-spacing: 6px; }} th {{ font-weight: 500; color: #787c82; }}
 img {{ width: 100%; max-width: 256px; display: block; border-radius: 4px; }}
 .words td {{ padding-bottom: 14px; color: #55595f; }} b {{ font-weight: 500; color: #1c1e22; }}
 summary {{ cursor: pointer; color: #787c82; }} pre {{ font-size: 12px; overflow-x: auto; }}
</style></head>
<body><h1>{title}</h1>
<p>The white box and the axes (x red, y green, z blue; front face orange) are drawn from the label's
K, R, t and size.</p>
<table><thead><tr>{head}</tr></thead><tbody>
{rows}</tbody></table></body></html>
"""
