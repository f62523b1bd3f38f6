"""The ControlNet generator on tiny pipelines: the true code path of diffusers, on a CPU."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="needs the extra [controlnet]")

from _generate_shots import ball_shot, with_seed  # noqa: E402
from _tiny_pipeline import scheduler, unet, write_controlnet, write_sd, write_sdxl  # noqa: E402

from dst3d_datasets.errors import MissingDependency, RecipeError  # noqa: E402
from dst3d_datasets.generate.controlnet import ControlNetGenerator  # noqa: E402
from dst3d_datasets.generate.guides import guide, resize  # noqa: E402
from dst3d_datasets.generate.weights import WeightsError, untrained_reason  # noqa: E402
from dst3d_datasets.recipe.options import ControlNetOptions  # noqa: E402

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


def test_a_pipeline_may_draw_at_another_size(folders):
    drawing = generator(folders, size=96, batch_size=2)
    picture = drawing.generate(shots(1))[0]
    assert picture.shape == (SIZE, SIZE, 3)
    assert far(picture, generator(folders).generate(shots(1))[0]) > 0.5


def test_a_size_the_pipeline_cannot_draw_is_refused(folders):
    with pytest.raises(RecipeError, match=r"generator\.size.*60 x 60.*multiples of 8"):
        generator(folders).generate(shots(1, size=60))


def test_guides_keep_lines_and_borders():
    controls = ball_shot(size=64).controls
    for name in ("edge", "mask", "depth", "normal", "render"):
        assert guide(controls, name, 64, 64).shape == (64, 64, 3)
        assert guide(controls, name, 96, 48).shape == (96, 48, 3)
    line = np.zeros((64, 64), np.uint8)
    line[:, 31] = 255
    small = guide(dataclasses.replace(controls, edge=line), "edge", 32, 32)
    assert (small[:, 15] == 255).all()
    assert (np.delete(small, 15, axis=1) == 0).all()
    depth = guide(controls, "depth", 64, 64)[..., 0]
    z = controls.depth_offset + controls.depth_scale * controls.depth
    seen = controls.depth > 0
    assert depth[seen].max() == 255
    assert (depth[~seen] == 0).all()
    np.testing.assert_allclose(depth[seen], 255 * z[seen].min() / z[seen], atol=0.51)
    assert set(np.unique(guide(controls, "mask", 96, 96))) == {0, 255}
    assert resize(controls.render, 32, 32).shape == (32, 32, 3)


# --- memory ---------------------------------------------------------------------------------------------------------


def test_when_memory_runs_out_the_batch_is_halved_and_seeds_stay(folders):
    expected = generator(folders, batch_size=1).generate(shots(5))
    drawing = generator(folders, batch_size=4)
    pipeline, sizes = drawing._loaded(), []

    class Small(type(pipeline)):
        def __call__(self, **arguments):
            sizes.append(len(arguments["prompt"]))
            if sizes[-1] > 1:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return super().__call__(**arguments)

    pipeline.__class__ = Small
    pictures = drawing.generate(shots(5))
    assert sizes == [4, 2, 1, 1, 1, 1, 1]
    assert drawing.counts() == {"batch_halved": 2}
    assert drawing.counts() == {}
    for a, b in zip(pictures, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_gpu_too_small_for_one_picture_is_an_error(folders):
    drawing = generator(folders, batch_size=2)
    pipeline = drawing._loaded()

    class Tiny(type(pipeline)):
        def __call__(self, **arguments):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    pipeline.__class__ = Tiny
    with pytest.raises(WeightsError, match="too little memory for one picture"):
        drawing.generate(shots(1))


# --- untrained weights ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pipeline", "nets"), CASES)
def test_weights_that_moved_are_taken_for_trained(folders, pipeline, nets):
    assert generator(folders, pipeline, nets).untrained == ""


def test_a_controlnet_that_steers_nothing_is_untrained(folders):
    assert "output layers are all zero" in generator(folders, "base", ("zero",)).untrained
    pair = {"controls": ("edge", "edge"), "scales": (1.0, 1.0)}
    assert "output layers are all zero" in generator(folders, "base", ("cn", "zero"), **pair).untrained


def test_fresh_networks_are_untrained_even_if_the_controlnet_is_not():
    reason = untrained_reason({"unet": unet(1)})
    assert "unet: every normalisation layer still holds its initial values" in reason


def test_one_moved_normalisation_is_enough_to_look_trained():
    network = unet(1)
    with torch.no_grad():
        next(p for n, p in network.named_parameters() if n.endswith("norm1.weight"))[0] = 1.01
    assert untrained_reason({"unet": network}) == ""


def test_a_marked_folder_is_untrained_without_loading(folders, tmp_path):
    shutil.copytree(folders / "cn", tmp_path / "cn")
    (tmp_path / "cn" / "UNTRAINED").write_text("random weights for a test\nmore")
    options = ControlNetOptions(
        kind="controlnet", pipeline=str(folders / "base"), controlnet=(str(tmp_path / "cn"),), device="cpu"
    )
    drawing = ControlNetGenerator(options)
    assert drawing.untrained == "the folder is marked UNTRAINED: random weights for a test"
    assert drawing._pipeline is None


# --- what pins the pictures -----------------------------------------------------------------------------------------


def test_the_revision_follows_contents_and_not_places(folders, tmp_path):
    first = generator(folders, "base", ("cn",))
    shutil.copytree(folders / "cn", tmp_path / "elsewhere")
    options = ControlNetOptions(
        kind="controlnet", pipeline=str(folders / "base"), controlnet=(str(tmp_path / "elsewhere"),), device="cpu"
    )
    assert ControlNetGenerator(options).revision == first.revision
    assert str(folders) not in first.revision
    assert first.revision.count("sha256:") == 2
    assert generator(folders, "base", ("cn2",)).revision != first.revision
    assert first._pipeline is None


def test_a_hub_model_is_pinned_to_its_commit(folders, tmp_path, monkeypatch):
    """A cache as the Hub's client lays it out, and no network."""
    constants = pytest.importorskip("huggingface_hub").constants
    commit = "0123456789abcdef0123456789abcdef01234567"
    for name in ("own", "cn"):
        repo = tmp_path / f"models--me--{name}"
        (repo / "refs").mkdir(parents=True)
        (repo / "refs" / "v1").write_text(commit)
        shutil.copytree(folders / name, repo / "snapshots" / commit)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    drawing = ControlNetGenerator(
        ControlNetOptions(
            kind="controlnet", pipeline="me/own", revision="v1", controlnet=("me/cn",), controlnet_revision=("v1",),
            steps=2, device="cpu",
        )
    )  # fmt: skip
    assert drawing.revision == f"me/own@{commit}+me/cn@{commit}"
    np.testing.assert_array_equal(drawing.generate(shots(1))[0], generator(folders).generate(shots(1))[0])
    missing = ControlNetGenerator(ControlNetOptions(kind="controlnet", pipeline="me/none", controlnet=()))
    with pytest.raises(WeightsError, match=r"generator\.pipeline: me/none.*HF_HUB_OFFLINE.*hf download me/none"):
        missing.generate(shots(1))


# --- errors ---------------------------------------------------------------------------------------------------------


def test_missing_folders_are_told_at_construction(folders):
    with pytest.raises(WeightsError, match=r"generator\.pipeline: there is no folder .*nowhere"):
        generator(folders, "nowhere")
    with pytest.raises(WeightsError, match=r"generator\.controlnet\.0: there is no folder"):
        generator(folders, "base", ("nowhere",))
    with pytest.raises(WeightsError, match="is a file"):
        generator(folders, "own/model_index.json")


def test_a_base_without_a_controlnet_is_refused(folders):
    with pytest.raises(WeightsError, match=r"StableDiffusionPipeline without a ControlNet.*generator\.controlnet"):
        generator(folders, "base").generate(shots(1))


def test_something_else_in_a_controlnets_place_is_refused(folders):
    with pytest.raises(WeightsError, match=r"generator\.controlnet\.0: .* UNet2DConditionModel, not a ControlNet"):
        generator(folders, "base", ("base/unet",)).generate(shots(1))
    with pytest.raises(WeightsError, match=r"generator\.controlnet\.0: .* holds no config\.json"):
        generator(folders, "base", ("base",)).generate(shots(1))
    with pytest.raises(WeightsError, match=r"generator\.pipeline: .* holds no model_index\.json"):
        generator(folders, "cn").generate(shots(1))


def test_pickled_weights_are_refused(folders, tmp_path):
    shutil.copytree(folders / "cn", tmp_path / "cn")
    weights = next((tmp_path / "cn").glob("*.safetensors"))
    torch.save({}, tmp_path / "cn" / "diffusion_pytorch_model.bin")
    weights.unlink()
    drawing = ControlNetGenerator(
        ControlNetOptions(kind="controlnet", pipeline=str(folders / "base"), controlnet=(str(tmp_path / "cn"),))
    )
    with pytest.raises(WeightsError, match=r"generator\.controlnet\.0.*pickled .bin files are refused"):
        drawing.generate(shots(1))


def test_counts_of_controls_and_nets_must_agree(folders):
    with pytest.raises(RecipeError, match="controls has 2 entries and the pipeline 1"):
        generator(folders, controls=("edge", "depth"), scales=(1.0, 1.0)).generate(shots(1))
    with pytest.raises(RecipeError, match="controlnet_revision has 2 entries"):
        generator(folders, "base", ("cn",), controlnet_revision=("a", "b"))


def test_without_diffusers_the_extra_is_named(folders, monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "diffusers" else found(name))
    with pytest.raises(MissingDependency, match=r"'diffusers'.*pip install \"dst3d-datasets\[controlnet\]\""):
        generator(folders)


def test_a_device_that_is_not_there_is_named(folders):
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(WeightsError, match=r"generator\.device.*'cuda'"):
        generator(folders, device="cuda", dtype="float32").generate(shots(1))
