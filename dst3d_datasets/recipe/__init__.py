"""Recipes: the typed, validated, fingerprinted description of a data set."""

from .fields import Limits, Recipe
from .io import (
    builtin_recipes,
    builtin_text,
    difference,
    dump,
    fingerprint,
    load_recipe,
    sample_fingerprint,
    scene,
    to_yaml,
    validate,
)
from .rendering import ALL_CONTROLS
from .views import Distribution, Sampling, Views

__all__ = [
    "ALL_CONTROLS",
    "Distribution",
    "Limits",
    "Recipe",
    "Sampling",
    "Views",
    "builtin_recipes",
    "builtin_text",
    "difference",
    "dump",
    "fingerprint",
    "load_recipe",
    "sample_fingerprint",
    "scene",
    "to_yaml",
    "validate",
]
