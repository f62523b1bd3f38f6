"""Drawers: tables from a short name to a class, imported on first use and open to third parties.

A third party adds a source, renderer, prompter, generator, scorer or engine by an entry point in its own package::

    [project.entry-points."dst3d_datasets.sources"]
    mysource = "my_package.module:MySource"
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

from .errors import MissingDependency, RecipeError

DRAWERS = ("sources", "render", "prompts", "generate", "scores", "engines")
EXTRAS = {  # package -> the extra of ours that installs it
    "cv2": "render",
    "torch": "render",
    "trimesh": "render",
    "datasets": "datasets",
    "diffusers": "controlnet",
    "transformers": "controlnet",
    "gguf": "llm",
    "pyrender": "pyrender",
    "moderngl": "moderngl",
    "timm": "scores",
    "torchvision": "scores",
}


def plugins(drawer: str) -> dict[str, str]:
    """Third-party entries of a drawer: name -> "module:Class"."""
    return {point.name: point.value for point in entry_points(group=f"dst3d_datasets.{drawer}")}


def table(drawer: str) -> dict[str, str]:
    """All entries of a drawer, ours first: a plug-in can add a name but not take one."""
    own: Mapping[str, str] = importlib.import_module(f"dst3d_datasets.{drawer}").TABLE
    return {**plugins(drawer), **own}


def lookup(drawer: str, name: str) -> Any:
    """Import and return the class that `name` stands for.

    Raises:
        RecipeError: no such name; the message lists the known ones.
        MissingDependency: the class needs a package that is not installed.
    """
    known = table(drawer)
    if name not in known:
        raise RecipeError(f"{drawer}: there is no {name!r}; known: {', '.join(sorted(known))}")
    module, _, attribute = known[name].partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"{drawer}: {name!r} needs the Python package {error.name!r}, which is not installed; "
            f'run: pip install "dst3d-datasets[{EXTRAS.get((error.name or "").partition(".")[0], "all")}]"'
        ) from error
