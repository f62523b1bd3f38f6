"""How ControlNets were trained to read a control: polarity, range, axes, colours. One table, with its sources.

The stored controls are metric and belong to no network; what a network sees is made from the exact buffers by `guides`.

Sources: [cn10] the first ControlNet's demos and annotators (github.com/lllyasviel/ControlNet); [cn11] the README and
annotators of ControlNet 1.1 (github.com/lllyasviel/ControlNet-v1-1-nightly); [aux] the annotators that the cards of
later ControlNets use, SDXL and its Union among them (github.com/huggingface/controlnet_aux).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from ..recipe.generator_options import CONVENTIONS


@dataclass(frozen=True, slots=True)
class Convention:
    """One way to draw one control."""

    control: str
    name: str
    drawn: str  # what the picture is
    source: str


TABLE = (
    Convention(
        "depth", "midas", "inverse depth over the picture's own range: nearest white, farthest black",
        "[cn10] and [cn11] annotator/midas: (d - min) / max of MiDaS' disparity. LeReS, and Depth Anything in the "
        "cards of FLUX and Union depth nets, have the same polarity and range",
    ),
    Convention(
        "depth", "zoe", "depth itself, turned round: white from its 2nd percentile on, black from its 85th",
        "[aux] zoe; [cn11] annotator/zoe takes the whole range. ZoeDepth is metric, so nothing is inverted",
    ),
    Convention(
        "normal", "bae", "red left, green up, blue towards the camera; a wall that faces it where there is nothing",
        '[cn11] README, Normal 1.1: "blue is front, red is left, green is top" (ScanNet, NYU v2); [aux] normalbae: '
        "(n + 1) / 2. Its estimator sees a surface everywhere, never a hole",
    ),
    Convention(
        "normal", "midas", "as bae, with red and blue exchanged",
        "[cn10] annotator/midas: Sobel gradients of disparity, which point left and up; gradio_normal2image.py "
        "reverses the channels before the network; github.com/Mikubill/sd-webui-controlnet/issues/71 finds the same",
    ),
    Convention("normal", "stored", "red right, green up, blue towards the camera; black outside", "KEY.normal.png"),
    Convention(
        "segmentation", "ade20k", "the object in its class's colour of ADE20K before wall and floor, or sky and ground",
        "[cn10] and [cn11] annotator/uniformer and oneformer: the palette of ADE20K; 1.1 reads COCO's colours as well",
    ),
    *(
        Convention(control, name, drawn, source)
        for control in ("edge", "line")
        for name, drawn, source in (
            ("plain", "white on black, as thin as they are", "[cn11] canny, mlsd; [aux] lineart, which is inverted"),
            ("softedge", "white on black, fading over a few pixels", "[cn11] softedge: HED and PIDI probabilities"),
            ("scribble", "white on black, thick", "[cn11] README, Scribble 1.1: 1 to 24 pixels wide at 512"),
            ("sd35", "as plain, but encoded as 0.5 and 128 in place of -1 and 1", "usage on the page of "
             "stabilityai/stable-diffusion-3.5-large-controlnet-canny: image * 255 * 0.5 + 0.5, not normalised"),
        )
    ),
    Convention("mask", "plain", "white on black", "no published family"),
    Convention("render", "plain", "the render's colours", "tile and inpaint nets read colour as it is"),
)  # fmt: skip

_KNOWN = (  # (control, what the network's id or folder says, convention); the first that fits
    ("edge", r"stable-diffusion-3\.5-large-controlnet-canny|sd3\.5_large_controlnet_canny", "sd35"),
    ("depth", r"zoe", "zoe"),
    ("normal", r"normal[-_ ]?bae|v11\w*normal", "bae"),
    ("normal", r"sd-controlnet-normal|control_sd15_normal|controlnet-normal$", "midas"),
    ("edge", r"soft[-_ ]?edge|\bhed\b|[-_]hed|pidi", "softedge"),
    ("line", r"soft[-_ ]?edge|\bhed\b|[-_]hed|pidi", "softedge"),
    ("edge", r"scribble|sketch", "scribble"),
    ("line", r"scribble|sketch", "scribble"),
)


def convention_of(control: str, asked: str, names: Sequence[str]) -> str:
    """The convention that a control is drawn by.

    Args:
        control: its name in the recipe.
        asked: what the recipe says; `auto` for the one that fits the network, else the control's first.
        names: what the network calls itself: its Hub id or folder, and what its configuration says it came from.
    """
    if asked != "auto":
        return asked
    own = [re.split(r"[/\\]", text.lower().rstrip("/\\"))[-1] for text in names]  # not its owner, not the folders above
    for known, pattern, name in _KNOWN:
        if known == control and any(re.search(pattern, text) for text in own):
            return name
    return CONVENTIONS[control][0]
