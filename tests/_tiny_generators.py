"""What the tests of the ControlNet generator share: tiny folders, written once, and how to make a generator of them."""

from __future__ import annotations

import numpy as np
import pytest
from _generate_shots import ball_shot
from _tiny_pipeline import write_controlnet, write_sd, write_sdxl

from dst3d_datasets.generate.controlnet import ControlNetGenerator
from dst3d_datasets.recipe.options import ControlNetOptions

SIZE = 64


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("pipelines")
    write_sd(root / "own")
    write_sd(root / "base", own_controlnet=False)
    write_sdxl(root / "xl")
    write_controlnet(root / "cn")
    write_controlnet(root / "cn2", seed=6)
    write_controlnet(root / "zero", trained=False)
    write_controlnet(root / "xlcn", xl=True)
    return root


def generator(folders, pipeline="own", controlnet=(), **options):
    nets = tuple(str(folders / name) for name in controlnet)
    options = {"steps": 2, "device": "cpu", **options}
    return ControlNetGenerator(
        ControlNetOptions(kind="controlnet", pipeline=str(folders / pipeline), controlnet=nets, **options)
    )


def shots(count=6, size=SIZE):
    return [ball_shot(100 + i, azimuth=50.0 * i, size=size, text=f"a ball number {i}") for i in range(count)]


def far(a, b):
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


CASES = [("own", ()), ("base", ("cn",)), ("xl", ("xlcn",))]
