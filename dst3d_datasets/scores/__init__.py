"""Scorers: numbers that tell whether a picture agrees with its label, each a `Scorer`."""

from __future__ import annotations

TABLE: dict[str, str] = {}
