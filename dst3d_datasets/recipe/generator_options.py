"""The options of the built-in generators."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import Colour, Fraction, Strict, later, location

Mode = Annotated[int, Field(ge=0, lt=100)]


class RenderGeneratorOptions(Strict):
    """The CAD render on a background: the paper's "Rendering + BG" baseline. Needs no network and no weights."""

    kind: Literal["render"] = "render"
    background: Literal["plain", "procedural", "images", "panorama"] = "procedural"
    folder: str = location(
        "",
        description="of pictures for `images`, of equirectangular ones (2:1) for `panorama`; "
        "without it `panorama` is the one that lights the object (render: light: environment)",
    )
    shadow: bool = Field(True, description="lay the object's shadow on images and panoramas")
    colour: Colour | None = Field(None, description="for `plain`; none: a colour by seed")

    @model_validator(mode="after")
    def _folder_given(self) -> RenderGeneratorOptions:
        if self.background == "images" and not self.folder:
            raise ValueError("background: images needs `folder`, the folder of its pictures")
        return self


CONVENTIONS: dict[str, tuple[str, ...]] = {  # control -> how its ControlNet may read it; the first is the usual one
    "edge": ("plain", "softedge", "scribble", "sd35"),
    "line": ("plain", "softedge", "scribble", "sd35"),
    "depth": ("midas", "zoe"),
    "normal": ("bae", "midas", "stored"),
    "segmentation": ("ade20k",),
    "mask": ("plain",),
    "render": ("plain",),
}


class ControlNetOptions(Strict):
    """A diffusers pipeline that pictures steer: SD 1.5, SDXL, SD 3, FLUX.1, Qwen-Image, Z-Image, Sana and others."""

    kind: Literal["controlnet"]
    pipeline: str = Field("stable-diffusion-v1-5/stable-diffusion-v1-5", description="folder or Hub id of the base")
    revision: str = Field("main", description="branch, tag or commit of `pipeline` on the Hub")
    controlnet: tuple[str, ...] = Field(
        ("lllyasviel/control_v11p_sd15_canny",),
        description="folders or Hub ids, one a control, or one Union net for all; empty: the pipeline folder holds its "
        "own",
    )
    controlnet_revision: tuple[str, ...] = ()
    controls: tuple[Literal["edge", "line", "depth", "normal", "segmentation", "mask", "render"], ...] = Field(
        ("edge",), min_length=1
    )
    conventions: tuple[str, ...] = Field(
        (),
        description="how each control is drawn: depth midas, zoe; normal bae, midas, stored; edge and line plain, "
        "softedge, scribble, sd35; segmentation ade20k; auto (or none at all): by the ControlNet's name, else "
        "the first of these",
    )
    ground: bool = Field(
        False, description="depth, normal and segmentation show the plane the object stands on, as photographs do"
    )
    scales: tuple[float, ...] = Field((1.0,), min_length=1, description="conditioning scale of each control")
    starts: tuple[Fraction, ...] = later(
        (), description="share of the steps before each control steers; none: from the first"
    )
    ends: tuple[Fraction, ...] = later(
        (), description="share of the steps after which it steers no more; none: to the last"
    )
    control_modes: tuple[Mode, ...] = later((), description="of a Union net, a number a control; none: the usual ones")
    mode: Literal["exact", "fast"] = later(
        "exact", description="fast: allow what draws other pictures in less time (guidance_interval)"
    )
    scheduler: Literal["ddim", "dpmpp", "unipc", "euler", "lcm", "pipeline"] = Field(
        "ddim", description="dpmpp (DPM-Solver++ 2M) and unipc need half the steps; pipeline: the one its folder names"
    )
    steps: int = Field(20, ge=1, le=1000)
    guidance_interval: tuple[Fraction, Fraction] = later(
        (0.0, 1.0), description="share of the steps in which guidance_scale counts; the others take half the time"
    )
    lora: tuple[str, ...] = later(
        (), description="folders or Hub ids of LoRAs to fuse, such as an LCM or Lightning one"
    )
    eta: Fraction = 1.0
    guidance_scale: float = Field(9.0, ge=0.0, description="in the pipeline's own terms: off at 1, Z-Image at 0")
    true_cfg: float = later(1.0, ge=1.0, description="FLUX: guidance by the negative prompt, at twice the time; 1: off")
    size: int = Field(0, ge=0, le=4096, multiple_of=8, description="side the pipeline draws at; 0: the render's size")
    batch_size: int = Field(
        0, ge=0, le=1024, description="always this many; the last batch is padded; 0: what suits the device"
    )
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        "auto", description="auto: float16 on a GPU, float32 elsewhere"
    )
    device: str = location("auto", description="auto: cuda if there is one")
    compile: Literal["auto", "always", "never"] = location(
        "auto", description="compile the networks; auto: on a GPU, when a process has enough pictures to draw"
    )

    @model_validator(mode="after")
    def _levers_are_named(self) -> ControlNetOptions:
        low, high = self.guidance_interval
        if low >= high:
            raise ValueError(
                f"guidance_interval: {low:g} to {high:g} is no interval; for no guidance at all write guidance_scale: 1"
            )
        if (low, high) != (0.0, 1.0) and self.mode != "fast":
            raise ValueError(
                "guidance_interval changes the pictures to save time: write mode: fast to say that this is meant"
            )
        return self

    @model_validator(mode="after")
    def _lengths_agree(self) -> ControlNetOptions:
        if len(self.scales) != len(self.controls):
            raise ValueError(f"scales has {len(self.scales)} entries and controls {len(self.controls)}: give pairs")
        if len(self.controlnet) > 1 and len(self.controlnet) != len(self.controls):
            raise ValueError(f"controlnet has {len(self.controlnet)} entries and controls {len(self.controls)}")
        if self.conventions and len(self.conventions) != len(self.controls):
            raise ValueError(f"conventions has {len(self.conventions)} entries and controls {len(self.controls)}")
        for field in ("starts", "ends", "control_modes"):
            if getattr(self, field) and len(getattr(self, field)) != len(self.controls):
                raise ValueError(f"{field} has {len(getattr(self, field))} entries and controls {len(self.controls)}")
        for start, end in zip(
            self.starts or (0.0,) * len(self.ends), self.ends or (1.0,) * len(self.starts), strict=True
        ):
            if start >= end:
                raise ValueError(
                    f"starts, ends: {start:g} to {end:g} is no range; a control that never steers has scale 0"
                )
        for control, convention in zip(self.controls, self.conventions, strict=False):
            if convention not in ("auto", *CONVENTIONS[control]):
                raise ValueError(
                    f"conventions: {control} has no {convention!r}; it has auto, {', '.join(CONVENTIONS[control])}"
                )
        return self


class ImportedGeneratorOptions(Strict):
    """Pictures that somebody else's tree already has; `dst3d import` writes this."""

    kind: Literal["imported"]
    pictures: str = Field(description="name of the tree's folders of generated pictures")
    tree: str = Field(pattern=r"^[0-9a-f]{32}$", description="digest of the tree: names, sizes, checksums where known")
    unproven: bool = Field(False, description="take views whose pose no render or depth of the tree proves")
