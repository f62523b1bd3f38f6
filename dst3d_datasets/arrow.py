"""pyarrow, or the message that says how to install it."""

from __future__ import annotations

from typing import Any

from .errors import MissingDependency


def arrow(what: str) -> tuple[Any, Any]:
    """`pyarrow` and `pyarrow.parquet`.

    Args:
        what: needs it, for the message.

    Raises:
        MissingDependency: pyarrow is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise MissingDependency(f'{what} need pyarrow: pip install "dst3d-datasets[hub]"') from error
    return pyarrow, pyarrow.parquet
