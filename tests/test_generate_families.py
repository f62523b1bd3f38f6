"""Every family of the table on a tiny random pipeline of its class: the true code path of diffusers, on a CPU."""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers", reason="needs the extra [controlnet]")

from _generate_shots import ball_shot, with_seed  # noqa: E402
from _tiny_families import WRITE  # noqa: E402
from _tiny_generators import far  # noqa: E402

from dst3d_datasets.errors import RecipeError  # noqa: E402
from dst3d_datasets.generate.controlnet import ControlNetGenerator  # noqa: E402
from dst3d_datasets.generate.families import ROWS  # noqa: E402
from dst3d_datasets.recipe.options import ControlNetOptions  # noqa: E402

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
    before = drawing.options
    drawing.options = before.model_copy(update=options)
    yield drawing
    drawing.options = before


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


# --- what holds for every family ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", WRITE)
def test_a_picture_is_its_own_shots_alone_and_follows_all_of_it(usual, name):
    drawing = usual(name)
    assert drawing.untrained == ""  # and loads
    wanted, longer, longest = shots(3)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    alone = drawing.generate([wanted])[0]
    torch.testing.assert_close(torch.get_rng_state(), before, rtol=0, atol=0)
    assert alone.shape == (SIZE, SIZE, 3)
    assert alone.std() > 3
    torch.manual_seed(2)
    for batch in ([wanted, longer], [longest, wanted]):
        picture = drawing.generate(batch)[batch.index(wanted)]
        np.testing.assert_allclose(picture.astype(int), alone, atol=name == "union", rtol=0)  # 0.4 % of values by one
    blank = np.zeros((SIZE, SIZE), np.uint8)
    others = [with_seed(wanted, 9), changed(wanted, edge=blank), changed(wanted, text="zebra crossing")]
    negative = changed(wanted, negative="zebra crossing")
    *pictures, other_negative = drawing.generate([*others, negative])
    for picture in pictures:
        assert not np.array_equal(picture, alone)
    assert np.array_equal(other_negative, alone) == (name in NO_NEGATIVE)


@pytest.mark.parametrize("name", WRITE)
def test_our_call_is_the_stock_pipelines(usual, name):
    """Pictures handed over as PIL images, as the pipelines' documentation does it, give the same picture."""
    from PIL import Image

    drawing, shot = usual(name), shots(1)[0]
    ours = drawing.generate([shot])[0]
    pipeline, row = drawing._pipeline, drawing._family.row
    edges = Image.fromarray(np.repeat(shot.controls.edge[..., None], 3, axis=2))
    call = {"control_image": [edges], "control_mode": [3]} if name == "union" else {"control_image": edges}
    call |= {"guidance_scale": 3.0} if name != "qwen" else {"true_cfg_scale": 3.0}
    call |= {"true_cfg_scale": 3.0} if name in GUIDANCE else {}
    call |= {} if name in NO_NEGATIVE else {"negative_prompt": shot.prompt.negative}
    call |= {"eta": 1.0} if name in ("union", "hunyuan") else {}
    call |= {"controlnet_conditioning_scale": 1.0} if name == "zimage" else {}
    stock = pipeline(
        prompt=shot.prompt.text, height=SIZE, width=SIZE, num_inference_steps=2,
        generator=[torch.Generator("cpu").manual_seed(shot.seed)], **row.fixed, **call,
    ).images[0]  # fmt: skip
    np.testing.assert_allclose(ours.astype(int), np.asarray(stock, int), atol=1)


def test_every_class_of_the_table_is_one():
    """A misspelt name would never be found; a class that this diffusers is too old for is left out of the check."""
    for row in ROWS:
        if hasattr(diffusers, row.pipeline):
            for other in (row.net, row.multi, *row.base):
                assert not other or hasattr(diffusers, other), other
    assert {needed for needed, _ in WRITE.values()} < {row.pipeline for row in ROWS}


# --- several controls -----------------------------------------------------------------------------------------------

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


# --- refusals, files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("zimage", {"ends": (0.5,)}, r"generator\.starts, ends: ZImageControlNetPipeline steers all steps"),
        ("flux_control", {"scales": (0.5,)}, r"generator\.scales: FluxControlPipeline takes no scale"),
        ("flux_control", PAIR, "controls has 2 entries and the pipeline 1"),
        ("zimage", PAIR, "controls has 2 entries and the pipeline 1"),
        ("sd3", {"true_cfg": 2.0}, r"generator\.true_cfg: StableDiffusion3ControlNetPipeline does not take it"),
        ("sd3", {"control_modes": (1,)}, r"generator\.control_modes: .* has no Union net"),
        ("union", {"control_modes": (6,)}, r"generator\.control_modes: 6 is not one of the net's 0 to 5"),
        ("union", {"controls": ("mask",)}, r"generator\.control_modes: .*no usual mode for 'mask'"),
        ("sana", {"size": 40}, r"generator\.size: it is 40 x 40 pixels and this pipeline draws multiples of 32"),
    ],
)  # fmt: skip
def test_what_a_family_cannot_do_is_refused(written, name, options, words):
    with pytest.raises(RecipeError, match=words):
        draw_with(written(name), **options).generate(shots(1))


def test_a_union_nets_modes_may_be_given(usual):
    pictures = []
    for modes in ((), (3,), (0,)):
        with told(usual("union"), control_modes=modes) as drawing:
            pictures += drawing.generate(shots(1))
    np.testing.assert_array_equal(pictures[1], pictures[0])
    assert not np.array_equal(pictures[2], pictures[0])


def test_a_controlnet_may_be_one_file(usual, written):
    whole = usual("zimage")
    file = draw_with(written("zimage"), ("net/diffusion_pytorch_model.safetensors",))
    np.testing.assert_array_equal(file.generate(shots(1))[0], whole.generate(shots(1))[0])
    assert file.revision.count("sha256:") == 2
    assert file.revision != whole.revision
