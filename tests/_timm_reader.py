"""A program of its own: read a release with timm's real WebDataset reader and print what it gives, as JSON.

timm imports torchvision, for transforms and layers that its reader never touches; a torchvision that does not match the
installed torch breaks at import, and diffusers with it. Where there is no working torchvision, empty modules stand in.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import json
import sys
from types import ModuleType
from typing import Any
from unittest.mock import MagicMock


class _StandIn(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers for every module below torchvision."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        return (
            importlib.machinery.ModuleSpec(name, self, is_package=True) if name.split(".")[0] == "torchvision" else None
        )

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        module = MagicMock(name=spec.name)
        module.__path__, module.__version__ = [], "0.0.0"
        module.__spec__, module.__name__ = spec, spec.name
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing to run."""


def main(root: str, split: str) -> None:
    """Print [[mode, width, height, class index], ...] in the reader's order."""
    try:
        import torchvision  # noqa: F401
    except (ImportError, RuntimeError):
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        sys.meta_path.insert(0, _StandIn())
    from timm.data import create_dataset

    images = create_dataset("wds/", root=root, split=split, is_training=False, batch_size=4)
    rows = [[image.mode, *image.size, int(target)] for image, target in images]
    print(json.dumps({"length": len(images), "rows": rows}))


if __name__ == "__main__":
    main(*sys.argv[1:])
