"""What the tests of the families share: each is written and loaded once, and may be told other options for a while."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager

import diffusers
import pytest
from _generate_shots import ball_shot
from _tiny_families import WRITE

from dst3d_datasets.generate.controlnet import ControlNetGenerator
from dst3d_datasets.recipe.options import ControlNetOptions

SIZE = 64
GUIDANCE = {"flux": {"true_cfg": 3.0}}  # what turns the negative prompt on, where guidance_scale does not
NO_NEGATIVE = ("flux_control",)  # takes none


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Folder of a family by name, written when first asked for."""
    done = {}

    def write(name):
        needed, writer = WRITE[name]
        if not hasattr(diffusers, needed):
            pytest.skip(f"diffusers {diffusers.__version__} has no {needed}")
        if name not in done:
            done[name] = tmp_path_factory.mktemp(name)
            writer(done[name])
        return done[name]

    return write


@pytest.fixture(scope="module")
def usual(written):
    """A family's generator with the usual options, loaded once; `told` changes its options for a while."""
    done = {}

    def load(name):
        if name not in done:
            done[name] = draw_with(written(name), **GUIDANCE.get(name, {}))
        return done[name]

    return load


@contextmanager
def told(drawing, **options):
    """The same networks under other options."""
    before = drawing.options, drawing._drawn
    drawing.options, drawing._drawn = drawing.options.model_copy(update=options), None
    yield drawing
    drawing.options, drawing._drawn = before


def draw_with(folder, nets=("net",), **options):
    """A generator of a family's folder; families without a ControlNet have no `net` there."""
    places = tuple(str(folder / name) for name in nets if (folder / name).exists())
    scheduler = "ddim" if (folder / "base" / "unet").exists() else "pipeline"
    options = {"steps": 2, "device": "cpu", "scheduler": scheduler, "guidance_scale": 3.0, "batch_size": 2, **options}
    return ControlNetGenerator(
        ControlNetOptions(kind="controlnet", pipeline=str(folder / "base"), controlnet=places, **options)
    )


def shots(count):
    """Prompts of different lengths: where the text is padded to the longest, neighbours would be felt."""
    return [ball_shot(100 + i, azimuth=50.0 * i, size=SIZE, text="a ball" + " of wood" * 4 * i) for i in range(count)]


def changed(shot, **fields):
    """The shot with another prompt, or with an empty edge map."""
    if "edge" in fields:
        return dataclasses.replace(shot, controls=dataclasses.replace(shot.controls, **fields))
    return dataclasses.replace(shot, prompt=dataclasses.replace(shot.prompt, **fields))
