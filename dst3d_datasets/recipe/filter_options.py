"""The options of the built-in scorers that judge each picture by itself, and of the one that fuses scores."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .base import Strict


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
