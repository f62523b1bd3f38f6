"""Every sampler there is, as the views it gives one model: for documentation."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..nouns import ModelRef
from ..plan import ModelViews
from ..recipe import Distribution, Prior, Quota, Recipe, Sampling, Views
from .survey import Survey, of_one

# A made-up table: a person's photographs of something car-sized, mostly of its front quarters and from eye height.
_TABLE = """azimuth,elevation,theta,count
35,8,0,30
325,8,0,30
0,6,1,12
90,5,0,8
270,5,0,8
145,10,0,7
215,10,0,7
180,8,-1,6
30,35,4,3
"""


def samplers(recipe: Recipe, ref: ModelRef, count: int = 20_000) -> list[Survey]:
    """The views that each sampler would give a model, titled `name: what it is`; all else is the recipe's."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "table.csv"
        file.write_text(_TABLE, encoding="utf-8")
        found = []
        for title, fields in _samplers(str(file)):
            views = Views(per_model=count, **fields)
            found.append(of_one(recipe.model_copy(update={"views": views}), ModelViews(ref, 0, count), title))
    return found


def _samplers(file: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "sampling 1: the reference's, all around, level", {"sampling": 1}
    yield "sampling 2: the reference's, front half, level", {"sampling": 2}
    yield "sampling 3: the reference's, all around, from above", {"sampling": 3}
    yield "sampling 4: the reference's, front half, from above", {"sampling": 4}
    yield "sampling 5: the reference's, even in degrees", {"sampling": 5}
    yield "sampling sphere: even in area", {"sampling": "sphere"}
    yield "sampling so3: the same, every in-plane rotation", {"sampling": "so3"}
    own = Sampling(
        azimuth=Distribution(uniform=(-60.0, 60.0)),
        elevation=Distribution(sphere=(-10.0, 45.0)),
        theta=Distribution(truncated_normal=(0.0, 8.0, -30.0, 30.0)),
    )
    yield "distributions: azimuth -60 to 60, elevation -10 to 45", {"sampling": own}
    yield "sampling prior: a (made-up) table of photographs", {"sampling": "prior", "prior": Prior(file=file)}
    blend = Prior(file=file, sphere=0.3)
    yield "prior, sphere 0.3: blended with the whole sphere", {"sampling": "prior", "prior": blend}
    quotas = (Quota(share=0.2, region="below"), Quota(share=0.1, region="right_side"))
    yield "quotas: sampling 2, 20% from below, 10% right side", {"sampling": 2, "quotas": quotas}
    roll = Distribution(truncated_normal=(0.0, 20.0, -60.0, 60.0))
    yield "roll: sampling 1, turned by up to 60°", {"sampling": 1, "roll": roll}
