"""Several controls at once, their scales and ranges, and ControlNets that have nothing to say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="needs the extra [controlnet]")

from _families import SIZE, changed, draw_with, shots, told, usual, written  # noqa: E402, F401
from _tiny_generators import far  # noqa: E402
from _tiny_pipeline import write_controlnet, write_sd  # noqa: E402

from dst3d_datasets.generate.guides import guide  # noqa: E402

# `usual` and `written` are fixtures: their names are imported here and again arguments there
# ruff: noqa: F811

PAIR = {"controls": ("edge", "depth"), "scales": (1.0, 1.0)}


@pytest.mark.parametrize(
    ("name", "nets"),
    [
        ("sd3", ("net", "net2")),
        ("flux", ("net", "net2")),
        ("flux", ("union",)),
        ("union", ("net",)),
        ("qwen", ("net",)),
    ],
    ids=lambda value: value if isinstance(value, str) else "+".join(value),
)
def test_several_controls_each_have_their_picture_scale_and_range(written, name, nets):
    folder, shot = written(name), shots(1)[0]
    both = draw_with(folder, nets, **PAIR)
    picture = both.generate([shot])[0]
    assert not np.array_equal(both.generate([changed(shot, edge=np.zeros((SIZE, SIZE), np.uint8))])[0], picture)
    without = dataclasses.replace(
        shot, controls=dataclasses.replace(shot.controls, depth=np.zeros((SIZE, SIZE), np.uint16))
    )
    without = dataclasses.replace(without, buffers=dataclasses.replace(shot.buffers, mask=np.zeros((SIZE, SIZE), bool)))
    assert not np.array_equal(both.generate([without])[0], picture)
    for change in ({"starts": (0.5, 0.0)}, {"ends": (1.0, 0.5)}, {"scales": (1.0, 0.3)}):
        with told(both, **change):
            assert not np.array_equal(both.generate([shot])[0], picture)


def test_edges_depth_and_normals_are_the_stock_pipelines(tmp_path):
    """Three ControlNets of SD 1.5, each with its scale and range, drawn by whichever loop is ours."""
    from PIL import Image

    write_sd(tmp_path / "base", own_controlnet=False)
    nets = [write_controlnet(tmp_path / f"net{number}", seed=number).name for number in (5, 6, 7)]
    scales, starts, ends = (1.0, 0.5, 0.8), (0.0, 0.25, 0.0), (1.0, 1.0, 0.5)
    options = {"controls": ("edge", "depth", "normal"), "scales": scales, "starts": starts, "ends": ends, "steps": 4}
    drawing, shot = draw_with(tmp_path, nets, batch_size=1, **options), shots(1)[0]
    ours = drawing.generate([shot])[0]
    how = zip(options["controls"], ("plain", "midas", "bae"), strict=True)
    stock = drawing._pipeline(
        shot.prompt.text, [Image.fromarray(guide(shot, name, drawn, SIZE, SIZE)) for name, drawn in how],
        negative_prompt=shot.prompt.negative, num_inference_steps=4, eta=1.0, guidance_scale=3.0,
        generator=[torch.Generator("cpu").manual_seed(shot.seed)], controlnet_conditioning_scale=list(scales),
        control_guidance_start=list(starts), control_guidance_end=list(ends),
    ).images[0]  # fmt: skip
    np.testing.assert_allclose(ours.astype(int), np.asarray(stock, int), atol=1)


def counted(drawing):
    """How often each ControlNet runs, counted in its first layer; grows as pictures are drawn."""
    network = drawing._loaded().controlnet
    nets = list(getattr(network, "nets", [network]))
    counts = [0] * len(nets)
    for index, net in enumerate(nets):

        def count(module, inputs, index=index):
            counts[index] += 1

        next(module for module in net.modules() if not list(module.children())).register_forward_pre_hook(count)
    return counts


def test_a_controlnet_of_scale_zero_is_not_run_and_pictures_stay(usual, written):
    shot = shots(1)[0]
    single = usual("sd3").generate([shot])[0]
    drawing = draw_with(written("sd3"), ("net", "net2"), **PAIR | {"scales": (1.0, 0.0)})
    counts = counted(drawing)
    np.testing.assert_array_equal(drawing.generate([shot])[0], single)
    assert counts == [2, 1]  # its first call shows the shape of its answer
    np.testing.assert_array_equal(drawing.generate([shot])[0], single)
    assert counts == [4, 1]


@pytest.mark.parametrize(("name", "options"), [("flux", {}), ("union", PAIR)], ids=["flux", "union"])
def test_out_of_its_range_a_controlnet_is_not_run(written, name, options):
    ends = (0.5,) * len(options.get("controls", ("edge",)))
    drawing = draw_with(written(name), steps=4, ends=ends, **options)
    counts = counted(drawing)
    first = drawing.generate(shots(1))[0]
    assert counts == [3]
    np.testing.assert_array_equal(drawing.generate(shots(1))[0], first)
    assert counts == [5]
    with told(drawing, ends=()):
        assert far(drawing.generate(shots(1))[0], first) > 0.1
