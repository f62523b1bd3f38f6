"""`register()`: makes `load_dataset("dst3d", "quickstart")` work. Opt-in, as `datasets` has no public way to do it."""

from __future__ import annotations

import inspect
from typing import Any

from datasets import load as datasets_load
from datasets.packaged_modules import _PACKAGED_DATASETS_MODULES, _hash_python_lines
from dst3d_datasets.builders import dst3d

NAME = "dst3d"


def register() -> None:
    """Let `datasets.load_dataset("dst3d", ...)` find the builder, in this process.

    Then `load_dataset("dst3d", "quickstart")`, `load_dataset("dst3d", recipe="recipe.yaml", limit=100)` and
    `load_dataset("dst3d", data_files="recipe.yaml")` work, streaming or not. May be called again.

    It puts an entry into a private table of `datasets`, and wraps the factory that would look for data files in the
    current folder, for this one name.
    """
    code = _hash_python_lines(inspect.getsource(dst3d).splitlines())
    _PACKAGED_DATASETS_MODULES[NAME] = (dst3d.__name__, code)
    factory = datasets_load.PackagedDatasetModuleFactory
    original = factory.get_module
    if getattr(original, "knows_dst3d", False):
        return

    def get_module(self: Any) -> Any:
        if self.name != NAME:
            return original(self)
        module_path, code_hash = _PACKAGED_DATASETS_MODULES[NAME]
        # an empty list and not None: `load_dataset` would refuse a packaged builder without data files
        kwargs = {"data_files": self.data_files or [], "dataset_name": NAME}
        return datasets_load.DatasetModule(module_path, code_hash, kwargs)

    get_module.knows_dst3d = True  # type: ignore[attr-defined]
    factory.get_module = get_module
