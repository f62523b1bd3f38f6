"""The ControlNet generator on tiny pipelines: the true code path of diffusers, on a CPU."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="needs the extra [controlnet]")

from _generate_shots import with_seed  # noqa: E402
from _tiny_generators import CASES, SIZE, far, folders, generator, shots  # noqa: E402, F401
from _tiny_pipeline import scheduler  # noqa: E402

from dst3d_datasets.errors import RecipeError  # noqa: E402
from dst3d_datasets.generate import controlnet as controlnet_module  # noqa: E402
from dst3d_datasets.generate import draw as drawing_module  # noqa: E402

# `folders` is a fixture: its name is imported here and again an argument there
# ruff: noqa: F811


# --- a picture depends on its own shot alone ------------------------------------------------------------------------


@pytest.mark.parametrize(("pipeline", "nets"), CASES)
def test_pixels_do_not_depend_on_place_neighbours_or_padding(folders, pipeline, nets):
    wanted, *others = shots(6)
    drawing = generator(folders, pipeline, nets, batch_size=4)
    alone = drawing.generate([wanted])[0]
    assert alone.shape == (SIZE, SIZE, 3)
    assert alone.dtype == np.uint8
    assert alone.std() > 5
    first = drawing.generate([wanted, *others[:3]])
    last = drawing.generate([others[3], others[4], others[0], wanted])
    short = drawing.generate([others[1], wanted])
    for picture in (first[0], last[3], short[1]):
        np.testing.assert_array_equal(picture, alone)
    np.testing.assert_array_equal(first[1], last[2])
    again = generator(folders, pipeline, nets, batch_size=4).generate([wanted])[0]
    np.testing.assert_array_equal(again, alone)
    assert far(first[1], alone) > 3
    assert far(drawing.generate([with_seed(wanted, 9)])[0], alone) > 3


def test_more_shots_than_a_batch_are_drawn_in_order(folders):
    drawing = generator(folders, batch_size=2)
    many = drawing.generate(shots(5))
    assert len(many) == 5
    for shot, picture in zip(shots(5), many, strict=True):
        np.testing.assert_array_equal(drawing.generate([shot])[0], picture)


def test_the_global_generator_is_neither_used_nor_moved(folders):
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = generator(folders).generate(shots(1))[0]
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)
    torch.manual_seed(2)
    np.testing.assert_array_equal(generator(folders).generate(shots(1))[0], first)


# --- every setting has its effect -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [{"eta": 0.0}, {"guidance_scale": 2.0}, {"scales": (0.0,)}, {"steps": 3}, {"controls": ("mask",)}],
    ids=lambda change: next(iter(change)),
)
def test_options_change_the_picture(folders, change):
    usual = generator(folders).generate(shots(1))[0]
    assert far(generator(folders, **change).generate(shots(1))[0], usual) > 0.5


@pytest.mark.parametrize("words", [{"text": "something else"}, {"negative": "zebra"}])
def test_both_prompts_change_the_picture(folders, words):
    shot = shots(1)[0]
    other = dataclasses.replace(shot, prompt=dataclasses.replace(shot.prompt, **words))
    drawing = generator(folders)
    assert far(drawing.generate([other])[0], drawing.generate([shot])[0]) > 0.3


def test_the_control_steers_unless_its_scale_is_zero(folders):
    shot = shots(1)[0]
    blank = dataclasses.replace(
        shot, controls=dataclasses.replace(shot.controls, edge=np.zeros((SIZE, SIZE), np.uint8))
    )
    on, off = generator(folders), generator(folders, scales=(0.0,))
    assert far(on.generate([blank])[0], on.generate([shot])[0]) > 0.3
    np.testing.assert_array_equal(off.generate([blank])[0], off.generate([shot])[0])


def test_our_call_is_the_stock_pipelines(folders):
    """The same pipeline called by hand, one sample, PIL out, gives the same bytes."""
    from diffusers import DDIMScheduler, StableDiffusionControlNetPipeline
    from PIL import Image

    pipeline = StableDiffusionControlNetPipeline.from_pretrained(folders / "own", safety_checker=None)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    shot = shots(1)[0]
    edges = Image.fromarray(np.repeat(shot.controls.edge[..., None], 3, axis=2))
    stock = pipeline(
        shot.prompt.text, image=edges, negative_prompt=shot.prompt.negative, num_inference_steps=2, eta=1.0,
        guidance_scale=9.0, generator=[torch.Generator("cpu").manual_seed(shot.seed)],
    ).images[0]  # fmt: skip
    ours = generator(folders, batch_size=1).generate([shot])[0]
    np.testing.assert_array_equal(ours, np.asarray(stock))


def test_a_pipelines_own_scheduler_may_stay(folders, tmp_path):
    from diffusers import EulerDiscreteScheduler

    shutil.copytree(folders / "own", tmp_path / "euler")
    EulerDiscreteScheduler.from_config(scheduler().config).save_pretrained(tmp_path / "euler" / "scheduler")
    index = tmp_path / "euler" / "model_index.json"
    index.write_text(index.read_text().replace("DDIMScheduler", "EulerDiscreteScheduler"))
    own = generator(tmp_path, "euler", scheduler="pipeline", batch_size=1)
    assert own.generate(shots(1))[0].std() > 5
    assert type(own._pipeline.scheduler).__name__ == "EulerDiscreteScheduler"
    assert own._family is not None
    assert not own._family.eta
    ddim = generator(tmp_path, "euler", batch_size=1)
    ddim.generate(shots(1))
    assert type(ddim._pipeline.scheduler).__name__ == "DDIMScheduler"


# --- several controls, sizes ----------------------------------------------------------------------------------------


def test_several_controlnets_each_get_their_control_and_scale(folders):
    pair = {"pipeline": "base", "controlnet": ("cn", "cn2"), "controls": ("edge", "depth")}
    shot = shots(1)[0]
    both = generator(folders, **pair, scales=(1.0, 1.0)).generate([shot])[0]
    edges = generator(folders, **pair, scales=(1.0, 0.0)).generate([shot])[0]
    single = generator(folders, "base", ("cn",)).generate([shot])[0]
    np.testing.assert_allclose(edges.astype(int), single, atol=1)
    assert far(both, edges) > 0.3


def test_the_net_sees_its_familys_convention_and_the_ground(folders):
    shot = shots(1)[0]

    def drawn(**options):
        return generator(folders, "base", ("cn",), controls=("depth",), **options).generate([shot])[0]

    plain = drawn()
    assert np.array_equal(plain, drawn(conventions=("midas",)))
    assert far(plain, drawn(conventions=("zoe",))) > 0.1
    assert far(plain, drawn(ground=True)) > 0.1
    shutil.copytree(folders / "cn", folders / "my-zoe-depth", dirs_exist_ok=True)
    by_name = generator(folders, "base", ("my-zoe-depth",), controls=("depth",))
    assert np.array_equal(by_name.generate([shot])[0], drawn(conventions=("zoe",)))


def test_a_pipeline_may_draw_at_another_size(folders):
    drawing = generator(folders, size=96, batch_size=2)
    picture = drawing.generate(shots(1))[0]
    assert picture.shape == (SIZE, SIZE, 3)
    assert far(picture, generator(folders).generate(shots(1))[0]) > 0.5


def test_a_size_the_pipeline_cannot_draw_is_refused(folders):
    with pytest.raises(RecipeError, match=r"generator\.size.*60 x 60.*multiples of 8"):
        generator(folders).generate(shots(1, size=60))


def test_weights_are_looked_at_once_and_before_anything_is_drawn(folders, monkeypatch):
    """On a GPU, beside a batch at work, it would take many times as long and hold up what comes after the shard."""
    done, begin = [], drawing_module.Drawing.begin
    look = controlnet_module.untrained_reason
    monkeypatch.setattr(controlnet_module, "untrained_reason", lambda nets: done.append("look") or look(nets))
    monkeypatch.setattr(drawing_module.Drawing, "begin", lambda *given: done.append("draw") or begin(*given))
    drawing = generator(folders, batch_size=2)
    drawing.generate(shots(4))
    for _ in range(2):  # as the receipt of every shard asks
        assert drawing.untrained == ""
    assert done == ["look", "draw", "draw"]
