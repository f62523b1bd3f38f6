"""One number's distribution, as a recipe writes it down."""

from __future__ import annotations

from pydantic import Field, model_validator

from .base import Strict


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

    @property
    def bounds(self) -> tuple[float, float]:
        """The least and the greatest value that it can give."""
        if self.fixed is not None:
            return self.fixed, self.fixed
        if self.choice is not None:
            return min(self.choice), max(self.choice)
        pair = self.uniform or self.sphere or (self.truncated_normal and self.truncated_normal[2:])
        assert pair
        return pair[0], pair[1]


def refuse_outside(name: str, distribution: Distribution, low: float, high: float) -> None:
    """Raise ValueError unless all that a distribution can give lies in [low, high]."""
    least, most = distribution.bounds
    if least < low or most > high:
        raise ValueError(f"{name}: gives {least:g} to {most:g}; stay in [{low:g}, {high:g}]")
