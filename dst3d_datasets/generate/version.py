"""The installed package's version, as generators write it into their revision."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache
def package_version() -> str:
    """E.g. "0.1.0"; "0+unknown" when the package runs from a folder that was never installed."""
    try:
        return version("dst3d-datasets")
    except PackageNotFoundError:
        return "0+unknown"
