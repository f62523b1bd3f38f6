"""The whole road, nothing faked: a built-in recipe, rendered, released, loaded; and the same through the builder."""

from __future__ import annotations

import datasets
import numpy as np
from _hf import isolate

import dst3d_datasets
from dst3d_datasets.build import build
from dst3d_datasets.recipe import load_recipe
from dst3d_datasets.release import make_release

OVERRIDES = ["render.size=96", "catalogue.classes=[airliner, coffee mug]", "views.per_model=2"]


def test_from_recipe_to_rows_and_the_builder_gives_the_same(monkeypatch, tmp_path):
    cache = isolate(monkeypatch, tmp_path)
    report = build(load_recipe("render", OVERRIDES), tmp_path / "run", workers=1)
    assert not report.failed
    release = make_release(tmp_path / "run", tmp_path / "out")
    assert release.num_samples == 8
    whole = datasets.load_dataset(str(tmp_path / "out"), split="train", cache_dir=str(cache))
    streamed = datasets.load_dataset(str(tmp_path / "out"), split="train", streaming=True)
    assert whole.features == streamed.features
    released = {row["json"]["key"]: row for row in whole}
    built = dst3d_datasets.load("render", "train", overrides=OVERRIDES, streaming=True)
    assert built.features == whole.features
    made = {row["json"]["key"]: row for row in built}
    assert made.keys() == released.keys()
    for key, row in made.items():
        assert row["json"] == released[key]["json"]
        for name in ("jpg", "depth.png", "edge.png"):
            assert np.array_equal(np.asarray(row[name]), np.asarray(released[key][name]))
    batch = dst3d_datasets.collate(list(streamed))
    assert batch["mask"].any(axis=(1, 2)).all()
    centre = batch["K"] @ batch["t"][:, :, None]
    np.testing.assert_allclose(centre[:, :2, 0] / centre[:, 2:, 0], 48.0)  # the box's centre is the image's
