"""The recipe: everything that can change a pixel or a label, typed and validated."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from ..licences import forbids_derived, is_known, terms_of
from ..registry import table
from .base import Strict, amount, location
from .options import (
    AnyGenerator,
    AnyPrompts,
    AnySource,
    Colour,
    Fraction,
    PluginOptions,
    PrimitivesOptions,
    RenderGeneratorOptions,
    SourceOptions,
    TemplatePromptOptions,
)

SCHEMA: Literal["dst3d-recipe/1"] = "dst3d-recipe/1"
ControlName = Literal["edge", "mask", "depth", "normal", "render"]
ALL_CONTROLS: tuple[ControlName, ...] = ("depth", "edge", "mask", "normal", "render")


class Distribution(Strict):
    """One number's distribution: exactly one of the keys. Degrees for angles, longest box sides for distances."""

    fixed: float | None = None
    uniform: tuple[float, float] | None = Field(None, description="[low, high]")
    truncated_normal: tuple[float, float, float, float] | None = Field(None, description="[mean, sd, low, high]")
    sphere: tuple[float, float] | None = Field(None, description="[low, high]: elevation uniform in area, degrees")
    choice: tuple[float, ...] | None = Field(None, min_length=1)

    @model_validator(mode="after")
    def _exactly_one(self) -> Distribution:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give exactly one of {', '.join(type(self).model_fields)}; got {', '.join(given) or 'none'}"
            )
        low_high = self.uniform or self.sphere or (self.truncated_normal and self.truncated_normal[2:])
        if low_high and not low_high[0] < low_high[1]:
            raise ValueError(f"{given[0]}: low {low_high[0]:g} must be below high {low_high[1]:g}")
        if self.truncated_normal and not self.truncated_normal[1] > 0:
            raise ValueError(f"truncated_normal: sd {self.truncated_normal[1]:g} must be above 0")
        if self.sphere and not (self.sphere[0] >= -90 and self.sphere[1] <= 90):
            raise ValueError("sphere: elevations lie in [-90, 90]")
        return self


class Sampling(Strict):
    """A view distribution of one's own, in PASCAL3D+ angles (degrees)."""

    azimuth: Distribution = Distribution(uniform=(0.0, 360.0))
    elevation: Distribution = Distribution(sphere=(-90.0, 90.0))
    theta: Distribution = Distribution(fixed=0.0)


class Views(Strict):
    """How many views, and from where."""

    per_class: int | None = amount(None, ge=1, le=10_000_000, description="split evenly over the models of the class")
    per_model: int | None = amount(None, ge=1, le=1_000_000, description="the same for every model")
    sampling: Annotated[int, Field(ge=1, le=5)] | Literal["catalogue"] | Sampling = Field(
        "catalogue", description="catalogue: each model's own strategy; 1-5: the reference's; or distributions"
    )
    distance: Literal["catalogue", "catalogue_random"] | Distribution = Field(
        "catalogue",
        description="catalogue: the model's distance; catalogue_random: truncated normal (d, 0.5, [d - 0.5, d + 1.5])",
    )

    @model_validator(mode="after")
    def _one_count(self) -> Views:
        if (self.per_class is None) == (self.per_model is None):
            raise ValueError("give exactly one of per_class and per_model")
        if isinstance(self.distance, Distribution):
            _refuse_distances_inside(self.distance)
        return self


def _refuse_distances_inside(distance: Distribution) -> None:
    """The camera centre must stay in front of the object's centre."""
    lows = [
        value
        for value in (
            distance.fixed,
            distance.uniform and distance.uniform[0],
            distance.truncated_normal and distance.truncated_normal[2],
            min(distance.choice) if distance.choice else None,
        )
        if value is not None
    ]
    if distance.sphere is not None:
        raise ValueError("distance: `sphere` is for elevations")
    if lows and lows[0] <= 0.5:
        raise ValueError(f"distance: {lows[0]:g} puts the camera inside the object's box; stay above 0.5")


class Render(Strict):
    """How models become pictures and buffers."""

    engine: str = Field("torch", description="a renderer: torch, pyrender, or a plug-in's name")
    size: int = Field(512, ge=32, le=4096, description="side of the square image, pixels")
    focal: float = Field(35.0 / 32.0, gt=0.1, le=20.0, description="focal length in image widths; 35 mm on 32 mm")
    light: Literal["fixed", "random"] = Field("random", description="random: directions and strengths by seed")
    device: str = location("auto", description="cpu, cuda, or auto: cuda if there is one")


class Edges(Strict):
    """Canny's two thresholds, on 8-bit grey, aperture 3, L1 norm: the reference's."""

    low: int = Field(100, ge=0, le=2040)
    high: int = Field(200, ge=1, le=2040)

    @model_validator(mode="after")
    def _ordered(self) -> Edges:
        if self.low > self.high:
            raise ValueError(f"low {self.low} must not be above high {self.high}")
        return self


class ControlOptions(Strict):
    """What the generator is steered by."""

    edges: Edges = Edges()
    background: Literal["contrast"] | Colour = Field(
        "contrast", description="contrast: the grey that stands out most from this model's silhouette; or [r, g, b]"
    )


class Catalogue(Strict):
    """Which models take part."""

    file: str | None = location(None, description="a models.csv; none: every source lists what it has")
    classes: tuple[str, ...] = Field((), description="synsets or class names; empty: all")
    max_strength: int = Field(2, ge=1, le=2, description="1: only models that are the class; 2: also approximate ones")
    models_per_class: int | None = amount(None, ge=1, description="at most this many, chosen by seed")


class Limits(Strict):
    """When a model's file is given up while it is loaded, in a process of its own. Changes no sample of other models.

    The limits belong to the machine rather than to the data set: they are in no fingerprint, and shards that left a
    model out for its time or memory are kept when they are raised.
    """

    enabled: bool = Field(True, description="false: load in the build's own process, without these limits")
    seconds: float = Field(60.0, gt=0.0, le=86_400.0, description="processor time for one model")
    memory_mb: int = Field(4096, ge=128, le=10_000_000, description="memory for one model, MiB")


class Shards(Strict):
    """The unit of work: how many samples one shard makes, and how pictures are written."""

    samples: int = amount(256, ge=1, le=100_000)
    jpeg_quality: int = Field(95, ge=1, le=100)


class Release(Strict):
    """How finished shards become a public data set. Not part of the fingerprint: it changes no sample."""

    shard_bytes: int = Field(512 * 10**6, ge=10_000, description="size of a public tar, about")
    controls: tuple[ControlName, ...] = Field(ALL_CONTROLS, description="which controls a release carries")
    splits: dict[str, Fraction] = Field({"train": 1.0}, description="share of the models (not images) in each split")
    pretty_name: str = "3D-DST data"
    licence: str = Field("other", description="licence of the release as the Hub spells it")

    @field_validator("splits")
    @classmethod
    def _splits_add_up(cls, splits: dict[str, float]) -> dict[str, float]:
        if not splits or abs(sum(splits.values()) - 1.0) > 1e-9:
            raise ValueError(f"the shares must add up to 1; got {sum(splits.values()):g}")
        for name in splits:
            if not name.replace("_", "a").isalnum():
                raise ValueError(f"split name {name!r}: letters, digits and _ only")
        return splits


class Recipe(Strict):
    """The whole recipe. `recipe.io` reads it from YAML and gives its fingerprint."""

    schema_: Literal["dst3d-recipe/1"] = Field(SCHEMA, alias="schema")
    name: str = Field("recipe", pattern=r"^[a-z0-9_-]+$", description="a name for people; not part of the fingerprint")
    seed: int = Field(0, ge=0, lt=2**63)
    sources: tuple[AnySource, ...] = Field((PrimitivesOptions(kind="primitives"),), min_length=1)
    catalogue: Catalogue = Catalogue()
    views: Views = Views(per_model=8)
    render: Render = Render()
    controls: ControlOptions = ControlOptions()
    prompts: AnyPrompts = TemplatePromptOptions()
    generator: AnyGenerator = RenderGeneratorOptions()
    shards: Shards = Shards()
    limits: Limits = Limits()
    publishable: bool = Field(
        False, description="true: refuse sources, and leave out models, whose terms forbid giving pictures of them on"
    )
    acknowledge: tuple[str, ...] = Field((), description="sources whose terms you have seen to yourself")
    scores: tuple[str, ...] = Field((), description="filters whose scores the release carries")
    release: Release = Release()

    @field_validator("scores")
    @classmethod
    def _scorers_exist(cls, scores: tuple[str, ...]) -> tuple[str, ...]:
        known = table("scores")
        for name in scores:
            if name not in known:
                raise ValueError(f"there is no scorer {name!r}; known: {', '.join(sorted(known)) or 'none yet'}")
        return scores

    @model_validator(mode="after")
    def _names_are_unique(self) -> Recipe:
        names = [source.name or source.kind for source in self.sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"sources: two are called {name!r}; give each its own `name`")
        return self

    @model_validator(mode="after")
    def _terms_are_kept(self) -> Recipe:
        known = {text for source in self.sources for text in (source.name or source.kind, source.kind)}
        for name in self.acknowledge:
            if name not in known:
                raise ValueError(f"acknowledge: there is no source {name!r}; known: {', '.join(sorted(known))}")
        for source in self.sources if self.publishable else ():
            if not {source.name, source.kind} & set(self.acknowledge):
                _refuse_unpublishable(source)
        return self


def _refuse_unpublishable(source: SourceOptions | PluginOptions) -> None:
    """Raise ValueError if pictures of a source's models may not be given on, or nobody has said that they may."""
    name = source.name or source.kind
    way_out = f"write acknowledge: [{name}] if you have seen to it, or publishable: false"
    terms = terms_of(source.kind)
    if terms is None:
        raise ValueError(f"publishable: the source {name!r} states no terms; {way_out}")
    if terms.derived == "no":
        raise ValueError(
            f"publishable: the terms of {terms.name} do not say that pictures of its models may be given on "
            f"(see {terms.access}); {way_out}"
        )
    licence = getattr(source, "licence", "")
    if licence and (not is_known(licence) or forbids_derived(licence)):
        raise ValueError(f"publishable: the licence of {name!r} is {licence!r}: state one that allows it, or {way_out}")
