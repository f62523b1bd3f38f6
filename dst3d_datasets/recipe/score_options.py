"""The options of the built-in scorers."""

from __future__ import annotations
