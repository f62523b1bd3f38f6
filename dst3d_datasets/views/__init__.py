"""View sampling: from a recipe's distributions to views, by name, not by order.

View i of a model depends on the recipe's seed, the model's uid and i alone: adding a view or a model moves no other.
`draw` gives the numbers of many views as columns, `sample_views` the same as `View`s.

Only `+ - * /`, comparisons and look-ups are done on whole columns. Sines, logarithms and the normal distribution go
through `math`, a value at a time: NumPy takes them from whatever vector unit a machine has, and their last bit with it.
"""

from __future__ import annotations

from ..nouns import ModelRef, View
from ..recipe import Recipe
from .angles import STRATEGIES
from .columns import Columns
from .distributions import quantile, quantiles
from .draw import draw
from .prior import inputs

__all__ = ["STRATEGIES", "Columns", "draw", "inputs", "quantile", "quantiles", "sample_views"]


def sample_views(recipe: Recipe, ref: ModelRef, first: int, count: int) -> list[View]:
    """Views `first` to `first + count - 1` of a model.

    Raises:
        RecipeError: the table of a prior is missing or wrong.
    """
    return draw(recipe, ref, first, count).views()
