"""The recipe: everything that can change a pixel or a label, typed and validated."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator, model_validator

from ..licences import forbids_derived, generator_models, is_known, model_terms, terms_of
from .base import Fraction, Strict, amount, location
from .options import (
    AnyGenerator,
    AnyPrompts,
    AnyScorer,
    AnySource,
    PluginOptions,
    PrimitivesOptions,
    RenderGeneratorOptions,
    SourceOptions,
    TemplatePromptOptions,
)
from .rendering import ALL_CONTROLS, ControlName, ControlOptions, Render
from .score_options import Keep
from .views import Views

SCHEMA: Literal["dst3d-recipe/1"] = "dst3d-recipe/1"


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
    subsets: tuple[Literal["imagenet-100", "imagenet-200"], ...] = Field(
        (), description="parts of ImageNet-1k that the release offers as configs, of whole tars"
    )
    rejected: Literal["drop", "keep"] = Field(
        "drop", description="what becomes of samples that `keep` rejects; keep: their labels say `keep: false`"
    )
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
        False,
        description="true: refuse sources and a generator's weights, and leave out models, whose terms forbid giving "
        "pictures on",
    )
    acknowledge: tuple[str, ...] = Field(
        (), description="sources, and weights of the generator, whose terms you have seen to yourself"
    )
    scores: tuple[AnyScorer, ...] = Field((), description="the filters; in YAML a bare name is short for {kind: name}")
    keep: Keep | None = Field(None, description="which samples are kept, by their scores; none: all of them")
    release: Release = Release()

    @model_validator(mode="after")
    def _scores_decide(self) -> Recipe:
        kinds = [scorer.kind for scorer in self.scores]
        if doubles := sorted({kind for kind in kinds if kinds.count(kind) > 1}):
            raise ValueError(f"scores: {doubles[0]} is there twice")
        if self.keep is not None and not kinds:
            raise ValueError("keep: there is no score to decide by; name a scorer in `scores`")
        return self

    @model_validator(mode="after")
    def _names_are_unique(self) -> Recipe:
        names = [source.name or source.kind for source in self.sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"sources: two are called {name!r}; give each its own `name`")
        return self

    @model_validator(mode="after")
    def _panorama_and_light_agree(self) -> Recipe:
        generator = self.generator
        if not isinstance(generator, RenderGeneratorOptions) or generator.background != "panorama":
            return self
        if bool(generator.folder) == (self.render.light == "environment"):
            raise ValueError(
                "generator: background: panorama shows what lights the object: write render: {light: environment}, "
                "with render.panoramas for a folder of your own, and no generator.folder; or, for another light "
                "than the panorama's, give generator.folder and no light: environment"
            )
        return self

    @model_validator(mode="after")
    def _terms_are_kept(self) -> Recipe:
        known = {text for source in self.sources for text in (source.name or source.kind, source.kind)}
        weights = generator_models(self.generator.model_dump())
        for name in self.acknowledge:
            if name not in (*known, *weights):
                choices = ", ".join([*sorted(known), *weights])
                raise ValueError(f"acknowledge: there is no source {name!r}; known: {choices}")
        for name in weights if self.publishable else ():
            if name not in self.acknowledge:
                _refuse_unpublishable_weights(name)
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


def _refuse_unpublishable_weights(name: str) -> None:
    """Raise ValueError if a data set of pictures by these weights may not be given on, or nobody has said so."""
    way_out = f"write acknowledge: [{name}] if you have seen to it, or publishable: false"
    terms = model_terms(name)
    if terms is None:
        raise ValueError(f"publishable: the terms of the generator's weights {name!r} are not known here; {way_out}")
    if terms.refused:
        raise ValueError(
            f"publishable: the terms of {terms.title} ({terms.licence}, {terms.licence_link}) rule out a data set that "
            f"anybody may use; {way_out}"
        )
