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


# K-fold consistency (`scores/kcf.py`)
class KcfOptions(Strict):
    """All folds but one teach what poses look like; the labels of that one are held against it."""

    kind: Literal["kcf"] = "kcf"
    folds: int = Field(5, ge=2, le=50, description="fewer where the class has fewer models")
    by: Literal["model", "image"] = Field(
        "model",
        description="model: all views of a CAD model lie in one fold, so that its shape is new to who judges it",
    )
    size: int = Field(128, ge=32, le=1024, multiple_of=32, description="side that pictures are looked at, pixels")
    features: tuple[Literal["hog", "lite0"], ...] = Field(
        ("hog",),
        min_length=1,
        description="what poses are read from: hog, histograms of gradients; lite0, inner layers of EfficientNet-Lite0",
    )
    rounds: int = Field(5, ge=1, le=20, description="each but the first learns less from what the last one distrusted")
    ridge: float = Field(0.3, ge=1e-4, le=1e6, description="how far the regressions are held down")
    width: float = Field(15.0, gt=0.5, le=60.0, description="degrees; how far a label spreads over neighbouring angles")
    tolerance: float = Field(20.0, gt=0.5, le=90.0, description="degrees; how near to a label an answer must be")
    mirror: Literal["auto", "yes", "no"] = Field(
        "auto",
        description="also learn from mirrored pictures, azimuth and theta reversed; auto: where the first round shows "
        "that the class's mirror images look like the class",
    )
    min_samples: int = Field(20, ge=4, description="classes with fewer are not judged")
    backbone: str = Field(
        "none",
        description="networks that are trained besides, on what the regressions trust: small, a residual net that "
        "starts from nothing; resnet50; lite0, EfficientNet-Lite0; or timm's name for one, as timm/resnet18.a1_in1k",
    )
    weights: str = location(
        "",
        description="file or folder they start from; empty: lite0 and timm's start from where their trained weights "
        "are, small and resnet50 from nothing",
    )
    trained: bool = Field(True, description="false: start from nothing, whatever weights there are")
    epochs: int = Field(60, ge=1, le=10_000, description="how often a network sees each picture")
    least_steps: int = Field(400, ge=1, le=1_000_000, description="of training, where the class is small")
    batch_size: int = Field(128, ge=2, le=4096, description="halved where it does not fit into the memory")
    learning_rate: float = Field(3e-3, gt=0.0, le=1.0, description="the most; it rises to this and falls to nothing")
    weight_decay: float = Field(0.05, ge=0.0, le=1.0)
    device: str = location("auto", description="auto: cuda if there is one")


# K-fold consistency as it was published (`scores/kcf_reference.py`)
class KcfReferenceOptions(Strict):
    """3D-DST's filter by its published settings; labels in the canonical frame, scores read in evaluation mode."""

    kind: Literal["kcf_reference"] = "kcf_reference"
    folds: int = Field(5, ge=2, le=50)
    by: Literal["image", "model"] = Field("image", description="what a fold is drawn from")
    seed: int = Field(42, ge=0, description="of the folds and of training")
    backbone: str = Field("resnet50", description="see `kcf`; published: resnet50")
    weights: str = location(
        "", description="file or folder of ImageNet weights, as published; empty: from nothing but for timm's and lite0"
    )
    trained: bool = Field(True, description="false: start from nothing, whatever weights there are")
    bins: int = Field(41, ge=4, le=360, description="of azimuth, of elevation and of theta, 360 degrees each")
    size: int = Field(256, ge=32, le=1024, multiple_of=8, description="side the networks look at, pixels")
    epochs: int = Field(150, ge=1, le=10_000)
    batch_size: int = Field(32, ge=2, le=4096, description="halved where it does not fit into the memory")
    learning_rate: float = Field(0.01, gt=0.0, le=1.0)
    momentum: float = Field(0.9, ge=0.0, lt=1.0)
    weight_decay: float = Field(1e-4, ge=0.0, le=1.0)
    step: int = Field(50, ge=1, description="epochs after which the learning rate falls")
    gamma: Fraction = Field(0.1, description="to this share")
    min_samples: int = Field(40, ge=4, description="classes with fewer are not judged")
    device: str = location("auto", description="auto: cuda if there is one")
