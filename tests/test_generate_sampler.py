"""Our sampler against the stock pipelines of diffusers: the same maths, and what is left out only where it may be."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="needs the extra [controlnet]")

from _tiny_generators import CASES, far, folders, generator, shots  # noqa: E402, F401

from dst3d_datasets.errors import RecipeError  # noqa: E402
from dst3d_datasets.generate import controlnet as controlnet_module  # noqa: E402
from dst3d_datasets.generate import draw as drawing_module  # noqa: E402
from dst3d_datasets.generate import sampler as sampler_module  # noqa: E402
from dst3d_datasets.generate.compiling import Compiled  # noqa: E402
from dst3d_datasets.generate.norms import ChannelsLastGroupNorm  # noqa: E402
from dst3d_datasets.generate.upsample import UpsampledConv  # noqa: E402
from dst3d_datasets.recipe import validate  # noqa: E402

# `folders` is a fixture: its name is imported here and again an argument there
# ruff: noqa: F811

SETTINGS = [
    {"scheduler": "ddim", "eta": 1.0},
    {"scheduler": "ddim", "eta": 0.0, "guidance_scale": 1.0},
    {"scheduler": "dpmpp", "steps": 4},
    {"scheduler": "unipc", "steps": 4},
    {"scheduler": "euler", "steps": 3},
    {"scheduler": "lcm", "steps": 3, "guidance_scale": 1.0},
    {"steps": 4, "ends": (0.5,)},
]


def stock(monkeypatch, folders, *arguments, **options):
    """The same generator, drawing by the pipeline's own call."""
    with monkeypatch.context() as patch:
        patch.setattr(drawing_module, "why_no_sampler", lambda pipeline: "for comparison")
        other = generator(folders, *arguments, **options)
        pictures = other.generate(shots(3))
        assert other.drawing().sampler is None
        return pictures


@pytest.mark.parametrize(("pipeline", "nets"), CASES)
@pytest.mark.parametrize("settings", SETTINGS, ids=lambda s: "-".join(f"{v}" for v in s.values()))
def test_the_sampler_draws_what_the_stock_pipeline_draws(monkeypatch, folders, pipeline, nets, settings):
    """Up to the rounding by which two batch sizes of the stock pipeline differ, too."""
    ours = generator(folders, pipeline, nets, batch_size=3, **settings)
    pictures = ours.generate(shots(3))
    assert ours.drawing().sampler is not None
    for mine, theirs in zip(
        pictures, stock(monkeypatch, folders, pipeline, nets, batch_size=3, **settings), strict=True
    ):
        difference = np.abs(mine.astype(int) - theirs)
        assert difference.max() <= 1
        assert difference.mean() < 0.01
        assert mine.std() > 5


def test_the_shipped_model_too(monkeypatch):
    """The trained weights, where a wrong half or a lost residual would be seen: v-prediction, guidance 2."""
    from dst3d_datasets.generate.controlnet import ControlNetGenerator
    from dst3d_datasets.recipe.options import ControlNetOptions

    options = ControlNetOptions(
        kind="controlnet", pipeline="tiny", controlnet=(), guidance_scale=2.0, steps=3, batch_size=2, device="cpu"
    )
    pair = shots(2, size=128)
    ours = ControlNetGenerator(options).generate(pair)
    monkeypatch.setattr(drawing_module, "why_no_sampler", lambda pipeline: "for comparison")
    theirs = ControlNetGenerator(options).generate(pair)
    assert max(np.abs(a.astype(int) - b).max() for a, b in zip(ours, theirs, strict=True)) <= 1


@pytest.mark.parametrize(("pipeline", "nets"), CASES)
def test_what_is_compiled_draws_the_same(monkeypatch, folders, pipeline, nets):
    """Without a compiler: channels-last weights, norms and halves; `test_generate_gpu` has the compiler too."""
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)
    ours = generator(folders, pipeline, nets, batch_size=3, compile="always")
    pictures = ours.generate(shots(3))
    denoiser = ours.drawing().sampler.denoiser
    norms = [module for module in denoiser.modules() if isinstance(module, torch.nn.GroupNorm)]
    assert norms
    assert {type(norm) for norm in norms} == {ChannelsLastGroupNorm}
    for network in (denoiser, ours.drawing().pipeline.vae):
        doubled = [module for module in network.modules() if type(module).__name__ == "Upsample2D"]
        assert doubled == [module.plain for module in network.modules() if type(module) is UpsampledConv] != []
    assert denoiser.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    theirs = stock(monkeypatch, folders, pipeline, nets, batch_size=3)
    assert np.abs(np.stack(pictures).astype(int) - np.stack(theirs)).max() <= 1
    again = ours.generate(shots(3))
    np.testing.assert_array_equal(again, pictures)
    assert [module for module in denoiser.modules() if isinstance(module, torch.nn.GroupNorm)] == norms


def test_shared_layers_run_for_one_half(folders):
    """Before the first cross-attention a layer sees B rows, after it 2 B; ControlNet and UNet alike."""
    drawing = generator(folders, batch_size=2)
    drawing.generate(shots(2))
    denoiser = drawing.drawing().sampler.denoiser
    rows = {}

    def note(name):
        return lambda module, inputs, output: rows.update({name: inputs[0].shape[0]})

    for name, net in [("unet", denoiser.unet), ("net", denoiser.nets[0])]:
        net.conv_in.register_forward_hook(note(f"{name} in"))
        block = net.down_blocks[1].attentions[0].transformer_blocks[0]
        block.attn1.to_q.register_forward_hook(note(f"{name} self"))
        block.attn2.to_q.register_forward_hook(note(f"{name} cross"))
    hints = []
    denoiser.nets[0].controlnet_cond_embedding.register_forward_hook(lambda *_: hints.append(1))
    drawing.generate(shots(2))
    assert rows == {
        f"{name} {at}": 4 if at == "cross" else 2 for name in ("unet", "net") for at in ("in", "self", "cross")
    }
    assert len(hints) == 1  # and not once a step


def test_nets_out_of_their_range_and_of_scale_zero_are_not_run(folders):
    calls = []
    drawing = generator(
        folders, "base", ("cn", "cn2"), controls=("edge", "depth"), scales=(1.0, 0.0), steps=4, ends=(0.5, 1.0)
    )
    drawing.generate(shots(1))
    denoiser = drawing.drawing().sampler.denoiser
    assert len(denoiser.nets) == 1
    denoiser.nets[0].conv_in.register_forward_hook(lambda *_: calls.append(1))
    drawing.generate(shots(1))
    assert len(calls) == 2


def test_outside_the_guidance_interval_one_half_is_drawn(folders):
    rows = []
    drawing = generator(folders, steps=4, mode="fast", guidance_interval=(0.0, 0.5), batch_size=1)
    picture = drawing.generate(shots(1))[0]
    denoiser = drawing.drawing().sampler.denoiser
    denoiser.unet.conv_out.register_forward_hook(lambda module, inputs, output: rows.append(output.shape[0]))
    np.testing.assert_array_equal(drawing.generate(shots(1))[0], picture)
    assert rows == [2, 2, 1, 1]
    assert far(picture, generator(folders, steps=4, batch_size=1).generate(shots(1))[0]) > 0.3


def test_levers_that_change_pictures_are_named():
    recipe = {"schema": "dst3d-recipe/1", "generator": {"kind": "controlnet", "guidance_interval": [0.0, 0.5]}}
    with pytest.raises(RecipeError, match="write mode: fast"):
        validate(recipe)
    recipe["generator"] |= {"mode": "fast"}
    assert validate(recipe).generator.mode == "fast"
    recipe["generator"] |= {"guidance_interval": [0.5, 0.5]}
    with pytest.raises(RecipeError, match="no interval"):
        validate(recipe)


def test_batches_follow_each_other_and_memory_that_runs_out_halves_them(folders, monkeypatch):
    """Same seeds, same pictures, whatever happens on the way; the receipt is told."""
    wanted = generator(folders, batch_size=4).generate(shots(4))
    drawing = generator(folders, batch_size=4)
    begin = drawing_module.Drawing.begin
    tries = []

    def short_of_memory(self, prepared):
        tries.append(len(prepared.shots))
        if len(prepared.shots) > 2:
            raise torch.cuda.OutOfMemoryError("planted")
        return begin(self, prepared)

    monkeypatch.setattr(drawing_module.Drawing, "begin", short_of_memory)
    many = [[*shots(4)], [*shots(4)]]
    found = [picture for _, pictures, seconds in drawing.stream(many) for picture in pictures if seconds > 0]
    assert tries == [4, 2, 2, 2, 2]
    assert len(found) == 8
    for mine, theirs in zip(found, [*wanted, *wanted], strict=True):
        assert np.abs(mine.astype(int) - theirs).max() <= 1  # another batch size
    assert drawing.counts()["batch_halved"] >= 1
    assert drawing.counts() == {}


def test_a_stream_prepares_before_its_turn_and_waits_for_its_last_pictures_after_it(folders, monkeypatch):
    """So another stream can go on with the device at once, with a batch that is ready."""
    drawing, log = generator(folders, batch_size=2), []

    def noted(name, function):
        return lambda *arguments: log.append(name) or function(*arguments)

    @contextmanager
    def turn():
        log.append("turn")
        yield
        log.append("left")

    monkeypatch.setattr(drawing_module.Drawing, "prepare", noted("prepare", drawing_module.Drawing.prepare))
    monkeypatch.setattr(drawing_module.Drawing, "begin", noted("begin", drawing_module.Drawing.begin))
    monkeypatch.setattr(drawing_module.Pending, "wait", noted("wait", drawing_module.Pending.wait))
    drawing.drawing()
    monkeypatch.setattr(controlnet_module, "_device", lambda options: "cuda")  # one batch is always begun ahead
    many = shots(4)
    assert sum(len(pictures) for _, pictures, _ in drawing.stream([many[:2], many[2:]], turn())) == 4
    assert log.index("prepare") < log.index("turn") < log.index("begin")
    assert [what for what in log if what != "prepare"] == ["turn", "begin", "begin", "wait", "left", "wait"]


def test_nothing_is_prepared_on_the_stream_on_which_batches_are_recorded(folders, monkeypatch):
    """It would be recorded with the batch, and not be done."""
    drawing, used = generator(folders, batch_size=2).drawing(), []
    drawing._stream, drawing._beside = "drawing", "beside"

    @contextmanager
    def stream(which):
        used.append(which)
        yield

    class Ready:
        def wait(self):
            used.append("waited")

    monkeypatch.setattr(torch.cuda, "stream", stream)
    prepared = drawing.prepare(shots(2), 2)
    assert used == ["beside"]
    drawing.begin(replace(prepared, ready=Ready()))
    assert used == ["beside", "drawing", "waited"]


def test_a_compiled_function_is_compiled_once_a_shape_and_machine(monkeypatch, tmp_path):
    monkeypatch.setenv("DST3D_HOME", str(tmp_path))
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda function, **options: compiled.append(options) or function)
    twice = Compiled(lambda x, factor: x * factor)
    assert twice(torch.ones(2), 2.0).tolist() == [2.0, 2.0]
    twice.compile("key")
    twice.compile("key")
    assert twice(torch.ones(3), 2.0).tolist() == [2.0] * 3
    assert twice(torch.ones(3), 3.0).tolist() == [3.0] * 3
    assert compiled == [{"fullgraph": True, "dynamic": False}]
    from dst3d_datasets.generate.compiling import pays

    assert pays(500, "key")  # this machine has done it
    assert not pays(500, "another")
    assert pays(2000, "another")
    assert not pays(100, "key")


def test_few_pictures_never_wait_for_a_compiler(folders, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda *_, **__: pytest.fail("compiled"))
    monkeypatch.setattr(drawing_module, "pays", lambda count, key: count >= 1000)
    drawing = generator(folders)
    drawing.expect(10)
    drawing.drawing()._cuda = True  # as on a GPU
    drawing.drawing()
    drawing.drawing()._cuda = False
    assert len(drawing.generate(shots(2))) == 2


def test_unknown_networks_are_left_to_their_pipeline(folders):
    pipeline = generator(folders)._loaded()
    assert sampler_module.why_no_sampler(pipeline) == ""
    pipeline.unet.register_to_config(class_embed_type="timestep")
    assert "class_embed_type" in sampler_module.why_no_sampler(pipeline)


@pytest.mark.parametrize(("size", "batch"), [(0, 32), (512, 32), (768, 8), (1024, 8), (2048, 2), (4096, 1)])
def test_a_gpus_batch_suits_the_size(folders, monkeypatch, size, batch):
    """A power of two of no more pixels than 32 pictures of 512 have; what the recipe says goes before."""
    assert generator(folders, size=size).batch_size == 4
    assert generator(folders, size=size, device="cuda").batch_size == batch
    assert generator(folders, size=size, device="cuda", batch_size=5).batch_size == 5
