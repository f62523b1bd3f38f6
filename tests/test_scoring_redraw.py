"""Models drawn again for filters: at the label's own view it is the stored render."""

from __future__ import annotations

import numpy as np

from dst3d_datasets.build import build
from dst3d_datasets.camera import camera_of
from dst3d_datasets.nouns import View
from dst3d_datasets.recipe import validate
from dst3d_datasets.run import read_run
from dst3d_datasets.scoring.jobs import classes_of
from dst3d_datasets.scoring.redraw import RunRedraw
from dst3d_datasets.scoring.samples import RunSamples
from dst3d_datasets.store import Store


def test_the_labels_own_view_is_the_stored_render(tmp_path):
    recipe = validate(
        {
            "sources": [{"kind": "primitives", "models_per_class": 2, "classes": ["coffee mug"]}],
            "views": {"per_model": 2},
            "render": {"size": 64},
            "shards": {"jpeg_quality": 100},
        }
    )
    build(recipe, tmp_path, workers=1)
    store = Store(tmp_path)
    shards = next(iter(classes_of(store, read_run(store)[1]).whole.values()))
    redraw = RunRedraw(recipe)
    for candidate in RunSamples(store, shards, ("mask", "render")):
        label = candidate.label
        pose = {name: label[name] for name in ("elevation", "theta", "distance")}
        views = [View(index=0, azimuth=(label["azimuth"] + turn) % 360, **pose) for turn in (0, 90)]
        drawn = redraw(label, [camera_of(view, 64, 64) for view in views])
        own, turned = (picture.astype(float) for picture, _ in drawn)
        assert (drawn[0][1] == candidate.controls["mask"]).all()
        stored = candidate.controls["render"].astype(float)
        assert np.abs(own - stored).mean() < 1.0, "the stored one is a JPEG"
        assert np.abs(turned - stored).mean() > 3.0
