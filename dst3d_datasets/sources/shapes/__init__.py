"""Families of procedural shapes, one table of all; see `kit.Family`."""

from __future__ import annotations

from . import (
    acoustic,
    airliner,
    bus,
    cars,
    chairs,
    desk,
    electric,
    fire,
    household,
    lamps,
    mug,
    seats,
    signs,
    street,
    tables,
    vessels,
)

FAMILIES = (
    airliner.FAMILY,
    mug.FAMILY,
    signs.STREET_SIGN,
    tables.DINING_TABLE,
    desk.DESK,
    chairs.FOLDING_CHAIR,
    seats.PARK_BENCH,
    seats.ROCKING_CHAIR,
    vessels.TEAPOT,
    vessels.WINE_BOTTLE,
    cars.SPORTS_CAR,
    cars.CONVERTIBLE,
    cars.MINIVAN,
    cars.CAB,
    bus.SCHOOL_BUS,
    fire.FIRE_ENGINE,
    lamps.TABLE_LAMP,
    street.TRAFFIC_LIGHT,
    street.MAILBOX,
    acoustic.ACOUSTIC,
    electric.ELECTRIC,
    household.BOOKCASE,
    household.UMBRELLA,
)
