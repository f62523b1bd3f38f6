"""How many views, and from where."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from .base import Fraction, Strict, amount, later, location
from .distribution import Distribution, refuse_outside

RegionName = Literal["below", "above", "front", "rear", "left_side", "right_side", "sides", "upside_down"]


class Sampling(Strict):
    """A view distribution of one's own, in PASCAL3D+ angles (degrees)."""

    azimuth: Distribution = Distribution(uniform=(0.0, 360.0))
    elevation: Distribution = Distribution(sphere=(-90.0, 90.0))
    theta: Distribution = Distribution(fixed=0.0)


class Prior(Strict):
    """Views as they are in real pictures: drawn from the rows of a table of annotated objects, or of bins.

    The table is a CSV with the columns azimuth and elevation, and if it has them theta, distance, synset, class, and
    count or weight; other columns are passed over. A class draws from its own rows, all numbers of a row together.
    """

    file: str = location(description="a CSV; its content, not its place, is part of what a shard is")
    unit: Literal["degrees", "radians"] | None = Field(
        None, description="of the table's angles; none: degrees, and tables that look like radians are refused"
    )
    classes: dict[str, str] = Field({}, description="our synset or class name: the name that the table has for it")
    fallback: Literal["all", "sphere"] = Field(
        "all", description="for classes without rows: the whole table, or sphere"
    )
    kernel: float = Field(5.0, gt=0.0, le=90.0, description="degrees by which views spread around a row, theta too")
    bins: tuple[float, float, float] | None = Field(
        None, description="rows are middles of bins this wide in azimuth, elevation and theta: even within, no kernel"
    )
    sphere: Fraction = Field(0.0, description="share of views that come from anywhere on the sphere instead")
    distance_scale: float = Field(1.0, gt=0.0, description="longest box sides in the table's unit of distance")
    distance_spread: float = Field(0.05, ge=0.0, lt=1.0, description="views differ by up to this share from the row's")

    @model_validator(mode="after")
    def _bins_have_a_width(self) -> Prior:
        if self.bins and not all(0.0 < width <= 360.0 for width in self.bins):
            raise ValueError("bins: widths in degrees, above 0 and up to 360")
        return self


class Quota(Strict):
    """A guaranteed share of each model's views, from one region: a named one, or ranges of angles in degrees.

    Left and right are the object's own. A range may pass 0, as azimuth [330, 390] does. So many views are drawn for the
    quota, evenly over its region, whatever the sampling; `views.wheel.Wheel` says how exactly. Those that the sampling
    puts there by itself come on top.
    """

    share: float = Field(gt=0.0, le=1.0, description="of every model's views, with at most 4 decimals")
    region: RegionName | None = None
    azimuth: tuple[float, float] | None = Field(None, description="[low, high]; none: all around")
    elevation: tuple[float, float] | None = Field(None, description="[low, high]; none: from pole to pole")
    theta: tuple[float, float] | None = Field(None, description="[low, high]; none: as the sampling has it")

    @model_validator(mode="after")
    def _one_region(self) -> Quota:
        ranges = {"azimuth": self.azimuth, "elevation": self.elevation, "theta": self.theta}
        given = {name: bounds for name, bounds in ranges.items() if bounds is not None}
        if (self.region is None) == (not given):
            raise ValueError("give either a region or ranges of azimuth, elevation or theta")
        for name, (low, high) in given.items():
            if not low < high <= low + 360.0:
                raise ValueError(f"{name}: write [low, high] with low < high, at most 360 degrees apart")
        if self.elevation and not -90.0 <= self.elevation[0] < self.elevation[1] <= 90.0:
            raise ValueError("elevation: lies in [-90, 90]")
        if round(self.share, 4) != self.share:
            raise ValueError(f"share {self.share!r}: write at most 4 decimals")
        return self

    @property
    def name(self) -> str:
        """What to call it: the region, or its ranges."""
        ranges = {"azimuth": self.azimuth, "elevation": self.elevation, "theta": self.theta}
        said = [f"{name} {bounds[0]:g} to {bounds[1]:g}" for name, bounds in ranges.items() if bounds]
        return self.region or ", ".join(said)


class Principal(Strict):
    """Where the optical axis, and with it the object's centre, meets the picture: from its middle, in image widths.

    The lens is shifted, the camera is not turned: R, t and the angles stay those of the ray to the object's centre.
    """

    x: Distribution = Field(Distribution(fixed=0.0), description="to the right")
    y: Distribution = Field(Distribution(fixed=0.0), description="downwards")

    @model_validator(mode="after")
    def _in_the_picture(self) -> Principal:
        refuse_outside("x", self.x, -0.5, 0.5)
        refuse_outside("y", self.y, -0.5, 0.5)
        return self


class Truncation(Strict):
    """A share of views in which the object is partly outside the picture, by a shift of the principal point."""

    share: float = Field(gt=0.0, le=1.0, description="of every model's views, with at most 4 decimals")
    visible: Distribution = Field(
        Distribution(uniform=(0.4, 0.9)), description="share of the silhouette that stays in the picture, at least"
    )

    @model_validator(mode="after")
    def _visible_is_a_share(self) -> Truncation:
        refuse_outside("visible", self.visible, 0.01, 1.0)
        if round(self.share, 4) != self.share:
            raise ValueError(f"share {self.share!r}: write at most 4 decimals")
        return self


class Views(Strict):
    """How many views, and from where."""

    per_class: int | None = amount(None, ge=1, le=10_000_000, description="split evenly over the models of the class")
    per_model: int | None = amount(None, ge=1, le=1_000_000, description="the same for every model")
    sampling: Annotated[int, Field(ge=1, le=5)] | Literal["catalogue", "sphere", "so3", "prior"] | Sampling = Field(
        "catalogue",
        description="catalogue: each model's own strategy; 1-5: the reference's; sphere: from everywhere alike; "
        "so3: the same, with every in-plane rotation; prior: as in `prior`; or distributions",
    )
    prior: Prior | None = later(None, description="views of real pictures, for sampling: prior")
    quotas: tuple[Quota, ...] = later((), description="shares of views that are sure to come from some region")
    roll: Distribution | None = later(None, description="degrees of in-plane rotation, on top of the sampling's theta")
    distance: Literal["catalogue", "catalogue_random", "prior"] | Distribution = Field(
        "catalogue",
        description="catalogue: the model's distance; catalogue_random: truncated normal (d, 0.5, [d - 0.5, d + 1.5]); "
        "prior: the table's",
    )
    focal: Distribution | None = later(None, description="focal length in image widths; none: that of `render`")
    keep_size: bool = later(False, description="true: the distance follows the focal length (a dolly zoom)")
    scale: Distribution | None = later(None, description="times the apparent size at the object's centre")
    scale_by: Literal["distance", "focal"] = later("distance", description="what changes to make it so")
    principal: Principal | None = later(None, description="an off-centre principal point")
    truncation: Truncation | None = later(None, description="objects partly outside the picture")

    @model_validator(mode="after")
    def _one_count(self) -> Views:
        if (self.per_class is None) == (self.per_model is None):
            raise ValueError("give exactly one of per_class and per_model")
        if isinstance(self.distance, Distribution):
            _refuse_distances_inside(self.distance)
        return self

    @model_validator(mode="after")
    def _prior_is_meant(self) -> Views:
        used = "prior" in (self.sampling, self.distance)
        if used and self.prior is None:
            raise ValueError("sampling or distance: prior needs the field prior: {file: ...}")
        if self.prior is not None and self.sampling != "prior":
            raise ValueError("prior: is used with sampling: prior alone")
        if self.distance == "prior" and self.sampling != "prior":
            raise ValueError("distance: prior goes with sampling: prior")
        return self

    @model_validator(mode="after")
    def _bounds(self) -> Views:
        if round(sum(quota.share for quota in self.quotas), 4) > 1.0:
            raise ValueError("quotas: the shares add up to more than 1")
        if self.focal is not None:
            refuse_outside("focal", self.focal, 0.1, 20.0)
        if self.scale is not None:
            refuse_outside("scale", self.scale, 0.05, 20.0)
        return self


def _refuse_distances_inside(distance: Distribution) -> None:
    """The camera centre must stay in front of the object's centre."""
    if distance.sphere is not None:
        raise ValueError("distance: `sphere` is for elevations")
    if distance.bounds[0] <= 0.5:
        raise ValueError(f"distance: {distance.bounds[0]:g} puts the camera inside the object's box; stay above 0.5")
