"""Families of procedural shapes, one table of all; see `kit.Family`."""

from __future__ import annotations

from . import airliner, mug, signs

FAMILIES = (airliner.FAMILY, mug.FAMILY, signs.STREET_SIGN)
