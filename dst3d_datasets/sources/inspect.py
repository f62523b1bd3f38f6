"""`inspect`: what the loader makes of a model or archive, in bounded time and memory whatever the file holds."""

from __future__ import annotations

import os
import time
from typing import Any

from ..errors import ModelRefused, Reason, UsageError
from ..recipe import Limits
from .address import is_remote, local_path, shown_address
from .limits import Loader

_ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar")


def inspect(address: str, limits: Limits | None = None, loader: Loader | None = None) -> dict[str, Any]:
    """The facts of `inspection` about one file, and `seconds`; always with `ok`, `reason` and `detail`.

    Args:
        address: a file on this machine or any other (hf://, https://, s3://, ...), and for one model of an archive the
            archive's address, a `!` and the member's name: `02691156.zip!02691156/<id>/models/model_normalized.obj`.
        limits: processor time and memory that may be spent on it; none: the defaults of a recipe.
        loader: a process to do it in, instead of one of its own; it has its own limits.

    Raises:
        UsageError: there is no such file, or it can only be looked at after it has been downloaded.
        SourceError: a remote place cannot be read.
    """
    own = Loader(limits or Limits()) if loader is None else loader
    shown = shown_address(address)
    start = time.perf_counter()
    try:
        facts = _ask(own, address)
    except ModelRefused as error:
        facts = {"what": "file", "ok": False, "reason": error.reason.value, "detail": error.detail}
    finally:
        if loader is None:
            own.close()
    return {"address": shown} | facts | {"address": shown, "seconds": round(time.perf_counter() - start, 3)}


def _ask(loader: Loader, address: str) -> dict[str, Any]:
    archive, mark, member = address.partition("!")
    facts: dict[str, Any]
    if mark and archive.lower().endswith(_ARCHIVES) and not os.path.exists(address):
        _needs_file(archive)
        facts = loader.call(f"{__package__}.inspection_far:inspect_member", archive, member)
    elif is_remote(address):
        if address.lower().endswith((".tar.gz", ".tgz", ".tar")):
            raise UsageError(f"{shown_address(address)}: a tar is only listed by reading all of it; download it first")
        facts = loader.call(f"{__package__}.inspection_far:inspect_far", address)
    else:
        _needs_file(address)
        path = str(local_path(address))
        if not os.path.isfile(path):
            raise ModelRefused(Reason.UNREADABLE, "not a regular file")
        facts = loader.call(f"{__package__}.inspection:inspect_path", path)
    return facts


def _needs_file(address: str) -> None:
    if is_remote(address):
        return
    path = local_path(address)
    if path.is_dir():
        raise UsageError(f"{address}: a folder; name one model or archive (or list the folder: dst3d catalogue)")
    if not path.exists():
        raise UsageError(f"{address}: no such file")
