"""How many views, and from where."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import Strict, amount


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
