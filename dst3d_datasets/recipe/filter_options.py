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
    temperature: float = Field(0.1, gt=0.0, le=10.0, description="of the softmax; 1 is the distance of two renders")
    device: str = location("auto", description="auto: cuda if there is one")


class ClipScoreOptions(Strict):
    """Zero-shot classification: the class's name against other names."""

    kind: Literal["clip"] = "clip"
    model: str = Field("openai/clip-vit-base-patch32", description="folder or Hub id; CLIP, SigLIP or of that kind")
    revision: str = Field("main", description="branch, tag or commit of `model` on the Hub")
    templates: tuple[str, ...] = Field(
        ("a photo of a {class_name}.", "a close-up photo of the {class_name}.", "a rendering of a {class_name}."),
        min_length=1,
        description="their embeddings are averaged",
    )
    distractors: tuple[str, ...] = Field((), description="the other names; empty: those of ImageNet-1k")
    crop: bool = Field(True, description="look at the object's box alone, and a margin around it")
    batch_size: int = Field(32, ge=1, le=4096)
    device: str = location("auto", description="auto: cuda if there is one")

    @model_validator(mode="after")
    def _templates_name_the_class(self) -> ClipScoreOptions:
        for template in self.templates:
            if "{class_name}" not in template:
                raise ValueError(f"templates: {template!r} has no {{class_name}}")
        return self


class OrientationScoreOptions(Strict):
    """A network that tells azimuth, elevation and roll of whatever it sees; `scores/orientation.py` says which."""

    kind: Literal["orientation"] = "orientation"
    model: str = Field(description="folder or Hub id of a network in the layout that `scores/orientation.py` states")
    revision: str = Field("main", description="branch, tag or commit of `model` on the Hub")
    calibration: int = Field(64, ge=4, le=10_000, description="renders of a class that its frame is found by")
    trust: float = Field(
        30.0, gt=0.0, le=180.0, description="degrees; a class on whose own renders it errs by more is not judged"
    )
    batch_size: int = Field(32, ge=1, le=4096)
    device: str = location("auto", description="auto: cuda if there is one")


class LookScoreOptions(Strict):
    """Image classifiers that say whether a picture is pleasant to see, and fit for everybody to see."""

    kind: Literal["look"] = "look"
    aesthetic: str = Field("", description="folder or Hub id of an image classifier; empty: no such score")
    aesthetic_revision: str = "main"
    aesthetic_label: str = Field("aesthetic", description="the label whose probability is the score")
    aesthetic_range: tuple[float, float] = Field(
        (1.0, 10.0), description="for a network with one output, a mark: which marks are 0 and 1"
    )
    safe: str = Field("", description="folder or Hub id of an image classifier; empty: no such score")
    safe_revision: str = "main"
    safe_label: str = Field("normal", description="the label whose probability is the score")
    batch_size: int = Field(32, ge=1, le=4096)
    device: str = location("auto", description="auto: cuda if there is one")

    @model_validator(mode="after")
    def _something_is_asked(self) -> LookScoreOptions:
        if not (self.aesthetic or self.safe):
            raise ValueError("name a classifier: aesthetic, safe, or both")
        if self.aesthetic_range[0] == self.aesthetic_range[1]:
            raise ValueError("aesthetic_range: two different marks are needed")
        return self


class FusedScoreOptions(Strict):
    """The other scores in one, by a logistic regression on rated samples."""

    kind: Literal["fused"] = "fused"
    weights: str = location(description="what `dst3d fuse` has written")
