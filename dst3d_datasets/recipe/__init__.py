"""Recipes: the typed, validated, fingerprinted description of a data set."""

from .distribution import Distribution
from .fields import Limits, Recipe
from .io import (
    builtin_recipes,
    builtin_text,
    difference,
    dump,
    fingerprint,
    load_recipe,
    overridden,
    sample_fingerprint,
    scene,
    to_yaml,
    validate,
)
from .rendering import ALL_CONTROLS
from .score_options import Keep
from .views import Prior, Quota, Sampling, Views

__all__ = [
    "ALL_CONTROLS",
    "Distribution",
    "Keep",
    "Limits",
    "Prior",
    "Quota",
    "Recipe",
    "Sampling",
    "Views",
    "builtin_recipes",
    "builtin_text",
    "difference",
    "dump",
    "fingerprint",
    "load_recipe",
    "overridden",
    "sample_fingerprint",
    "scene",
    "to_yaml",
    "validate",
]
