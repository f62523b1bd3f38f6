"""How models become pictures and buffers, and buffers become controls."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .base import Colour, Strict, location

ControlName = Literal["edge", "line", "mask", "part", "depth", "normal", "render"]
ALL_CONTROLS: tuple[ControlName, ...] = ("depth", "edge", "line", "mask", "normal", "part", "render")


class Render(Strict):
    """How models become pictures and buffers."""

    engine: str = Field(
        "torch",
        description="torch, moderngl, pyrender, blender or a plug-in's name; auto: what suits the machine",
    )
    size: int = Field(512, ge=32, le=4096, description="side of the square image, pixels")
    focal: float = Field(35.0 / 32.0, gt=0.1, le=20.0, description="focal length in image widths; 35 mm on 32 mm")
    light: Literal["fixed", "random", "environment"] = Field(
        "random", description="random: lamps by seed; environment: panoramas, each with its own sun, turned by seed"
    )
    panoramas: str = location(
        "",
        description="for `environment`: folder of equirectangular pictures, HDR (.hdr) or not; "
        "empty: skies and studios that are computed",
    )
    samples: int = Field(32, ge=1, le=65_536, description="paths a pixel, for blender; the others need none")
    device: str = location("auto", description="cpu, cuda, or auto: cuda if there is one")
    blender_python: str = location("", description="for blender: a Python with bpy, or the program; empty: looked for")

    @model_validator(mode="after")
    def _panoramas_are_used(self) -> Render:
        if self.panoramas and self.light != "environment":
            raise ValueError(f"light: {self.light} uses no panoramas: write light: environment, or leave them out")
        return self


class Edges(Strict):
    """Canny's two thresholds, on 8-bit grey, aperture 3, L1 norm: the reference's."""

    low: int = Field(100, ge=0, le=2040)
    high: int = Field(200, ge=1, le=2040)
    outline: bool = Field(
        True,
        description="add the object's outline where Canny misses it: wires, glass, white on white; false: Canny alone",
    )

    @model_validator(mode="after")
    def _ordered(self) -> Edges:
        if self.low > self.high:
            raise ValueError(f"low {self.low} must not be above high {self.high}")
        return self


class Lines(Strict):
    """What counts as a line of the geometric drawing, at any picture size."""

    crease: float = Field(30.0, ge=5.0, le=180.0, description="degrees that the surface turns by at an edge")
    gap: float = Field(0.01, ge=0.0005, le=0.5, description="how far a surface ends before another, longest box sides")
    parts: bool = Field(True, description="also draw where one part of the model meets another")


class ControlOptions(Strict):
    """What the generator is steered by."""

    edges: Edges = Edges()
    lines: Lines = Lines()
    background: Literal["contrast"] | Colour = Field(
        "contrast", description="contrast: the grey that stands out most from this model's silhouette; or [r, g, b]"
    )
