"""The `objaverse` package as a downloader: it fills a folder of its own layout, which it never empties."""

from __future__ import annotations

import contextlib
import fcntl
import importlib
import io
import urllib.error
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..errors import MissingDependency, ModelRefused, Reason, SourceError


class Package:
    """The package, pointed at a folder.

    Args:
        folder: what it calls `hf-objaverse-v1`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def index(self, name: str) -> None:
        """Have an index file (object-paths, the LVIS annotations, one shard of metadata) lie in the folder.

        Raises:
            SourceError: it cannot be downloaded.
        """
        if (self.folder / name).is_file():
            return
        try:
            if name.startswith("object-paths"):
                self._call(lambda module: module.load_uids())
            elif name.startswith("lvis"):
                self._call(lambda module: module.load_lvis_annotations())
        except (OSError, ValueError) as error:
            raise SourceError(f"the objaverse package cannot download {name}: {_why(error)}") from error

    def metadata(self, shard: str, uid: str) -> None:
        """Have a shard of the metadata lie in the folder; one of its models says which."""
        if (self.folder / "metadata" / f"{shard}.json.gz").is_file():
            return
        try:
            self._call(lambda module: module.load_annotations(uids=[uid]))
        except (OSError, ValueError) as error:
            raise SourceError(f"the objaverse package cannot download metadata/{shard}: {_why(error)}") from error

    def fetch(self, uid: str) -> Path:
        """Have a model lie in the folder, and say where.

        Raises:
            ModelRefused: MISSING, ACCESS_DENIED or UNREACHABLE.
        """
        try:
            paths = self._call(lambda module: module.load_objects(uids=[uid], download_processes=1))
            return Path(paths[uid])
        except (KeyError, FileNotFoundError):
            raise ModelRefused(Reason.MISSING, f"the objaverse package knows no {uid!r}") from None
        except urllib.error.HTTPError as error:
            reasons = {401: Reason.ACCESS_DENIED, 403: Reason.ACCESS_DENIED, 404: Reason.MISSING}
            reason = reasons.get(error.code, Reason.UNREACHABLE)
            raise ModelRefused(reason, f"the objaverse package: {_why(error)}") from None
        except (OSError, ValueError) as error:
            raise ModelRefused(Reason.UNREACHABLE, f"the objaverse package: {_why(error)}") from None

    def _call(self, action: Callable[[Any], Any]) -> Any:
        try:
            module = importlib.import_module("objaverse")
        except ImportError as error:
            raise MissingDependency(
                "downloader: package needs the Python package 'objaverse'; "
                'run: pip install "dst3d-datasets[objaverse]"'
            ) from error
        # It reads this name at every call, and prints its progress.
        module._VERSIONED_PATH = str(self.folder)  # type: ignore[attr-defined]
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".dst3d-lock").open("a") as lock, contextlib.redirect_stdout(io.StringIO()):
            fcntl.flock(lock, fcntl.LOCK_EX)  # two processes would write to the same .tmp file
            return action(module)


def _why(error: Exception) -> str:
    code = getattr(error, "code", None)
    return f"HTTP {code}" if code else type(error).__name__
