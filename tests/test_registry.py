"""Drawers: known names, unknown names, plug-ins, and packages that are not installed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import dst3d_datasets.sources
from dst3d_datasets import registry
from dst3d_datasets.errors import MissingDependency, RecipeError
from dst3d_datasets.recipe import validate


@pytest.mark.parametrize("drawer", registry.DRAWERS)
def test_every_entry_of_every_drawer_can_be_imported(drawer: str) -> None:
    for name in registry.table(drawer):
        assert callable(registry.lookup(drawer, name))


def test_unknown_names_answer_with_the_known_ones() -> None:
    with pytest.raises(RecipeError, match=r"no 'shapnet'; known: .*primitives.*shapenet"):
        registry.lookup("sources", "shapnet")


@pytest.mark.parametrize(("package", "extra"), [("torch", "render"), ("diffusers.models", "controlnet"), ("x", "all")])
def test_a_missing_package_names_the_extra(monkeypatch: pytest.MonkeyPatch, package: str, extra: str) -> None:
    def fail(module: str) -> None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)

    known = registry.table("sources")
    monkeypatch.setattr(registry, "table", lambda drawer: known)
    monkeypatch.setattr(registry.importlib, "import_module", fail)
    with pytest.raises(MissingDependency, match=rf"dst3d-datasets\[{extra}\]"):
        registry.lookup("sources", "folder")


def test_a_plug_in_by_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of somebody else's, as pip would install it: its source is known to recipes and is built."""
    (tmp_path / "my_source.py").write_text("class Mine:\n    def __init__(self, options):\n        self.o = options\n")
    info = tmp_path / "my_source-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: my-source\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[dst3d_datasets.sources]\nmine = my_source:Mine\nfolder = my_source:Mine\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    recipe = validate({"sources": [{"kind": "mine", "depth": 3}]})
    source = registry.lookup("sources", "mine")(recipe.sources[0])
    assert type(source).__name__ == "Mine"
    assert source.o.depth == 3
    assert registry.lookup("sources", "folder").__module__ == "dst3d_datasets.sources.folder", "ours cannot be taken"
    assert dst3d_datasets.sources.TABLE.keys() < registry.table("sources").keys()
    sys.modules.pop("my_source")
