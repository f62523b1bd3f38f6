"""`inspect`: what the loader makes of a model or archive, in bounded time and memory whatever the file holds."""

from __future__ import annotations

import os
import time
from typing import Any

from ..errors import ModelRefused, Reason, UsageError
from ..recipe import Limits
from .limits import Loader


def inspect(address: str, limits: Limits | None = None) -> dict[str, Any]:
    """The facts of `inspection.inspect_path` about one file, and `seconds`; always with `ok`, `reason` and `detail`.

    Args:
        address: a file on this machine.
        limits: processor time and memory that may be spent on it; none: the defaults of a recipe.

    Raises:
        UsageError: there is no such file.
    """
    path = os.path.expanduser(address)
    if "://" in address:
        raise UsageError(f"{address}: only files of this machine are inspected; download it first")
    if os.path.isdir(path):
        raise UsageError(f"{address}: a folder; name one model or archive (or list the folder: dst3d catalogue)")
    if not os.path.exists(path):
        raise UsageError(f"{address}: no such file")
    loader = Loader(limits or Limits())
    start = time.perf_counter()
    try:
        if not os.path.isfile(path):
            raise ModelRefused(Reason.UNREADABLE, "not a regular file")
        facts: dict[str, Any] = loader.call(f"{__package__}.inspection:inspect_path", path)
    except ModelRefused as error:
        facts = {"what": "file", "ok": False, "reason": error.reason.value, "detail": error.detail}
    finally:
        loader.close()
    return {"address": address, **facts, "seconds": round(time.perf_counter() - start, 3)} | {"address": address}
