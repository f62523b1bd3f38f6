"""The options of the built-in scorers that judge each picture by itself, and of the one that fuses scores."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .base import Strict, location


class EdgeScoreOptions(Strict):
    """Canny's edges of the picture against those it was drawn from. No model."""

    kind: Literal["edges"] = "edges"
    control: Literal["edge", "line"] = Field("edge", description="which stored control the picture should follow")
    low: int = Field(50, ge=0, le=2040, description="of Canny on the picture, which is softer than a render")
    high: int = Field(100, ge=1, le=2040)
    tolerance: float = Field(2.0, gt=0.0, le=64.0, description="pixels that an edge may lie off, of a 256 px picture")

    @model_validator(mode="after")
    def _ordered(self) -> EdgeScoreOptions:
        if self.low > self.high:
            raise ValueError(f"low {self.low} must not be above high {self.high}")
        return self


class MaskScoreOptions(Strict):
    """Whether the picture is cut out along the mask's outline. No model."""

    kind: Literal["mask"] = "mask"
    side: int = Field(128, ge=32, le=1024, description="pixels that larger pictures are shrunk to first")


class DinoScoreOptions(Strict):
    """The picture against renders of its CAD model: at the label, turned, and mirrored."""

    kind: Literal["dino"] = "dino"
    model: str = Field(
        "hog",
        description="hog: histograms of gradients, no network; or folder or Hub id of a transformers vision model "
        "with patches, as facebook/dinov2-base",
    )
    revision: str = Field("main", description="branch, tag or commit of `model` on the Hub")
    patches: int = Field(21, ge=4, le=64, description="places along a side at which the two are compared")
    temperature: float = Field(0.03, gt=0.0, le=10.0, description="of the softmax over the views' similarities")
    device: str = location("auto", description="auto: cuda if there is one")
