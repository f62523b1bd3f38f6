"""The options of the built-in scorers, and what decides which samples are kept."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from .base import Fraction, Strict, location

Group = Literal["class", "view"]


class Keep(Strict):
    """Which samples are kept: a score and a bar for it. Changes no sample; `dst3d verdicts` shows what comes of it."""

    by: str = Field("", description="the score, or the scorer, that decides; empty: the last of `scores`")
    rate: Fraction | None = Field(None, description="keep this share, the best, of every group")
    threshold: Fraction | None = Field(None, description="keep what has at least this score")
    precision: float | None = Field(
        None, gt=0.0, lt=1.0, description="keep as much as one can with this share of good ones, by rated samples"
    )
    per: tuple[Group, ...] = Field(
        ("class", "view"), description="what makes a group for `rate`: class, view bin, both; empty: one for all"
    )
    at_least: Fraction = Field(0.5, description="no view bin of a class keeps less than this share of its samples")

    @model_validator(mode="after")
    def _one_bar(self) -> Keep:
        given = [name for name in ("rate", "threshold", "precision") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"give one of rate, threshold and precision; got {' and '.join(given) or 'none'}")
        if len(set(self.per)) != len(self.per):
            raise ValueError("per: a word is given twice")
        return self


# imported
class ImportedScoreOptions(Strict):
    """The losses of a K-fold filter that the 3D-DST reference code has run on an imported tree."""

    kind: Literal["imported"] = "imported"
    file: str = location(..., description="its kcf_losses.json")
