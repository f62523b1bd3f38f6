"""Every family of the table on a tiny random pipeline of its class: the true code path of diffusers, on a CPU."""

from __future__ import annotations

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers", reason="needs the extra [controlnet]")

from _families import GUIDANCE, NO_NEGATIVE, SIZE, changed, draw_with, shots, told, usual, written  # noqa: E402, F401
from _generate_shots import with_seed  # noqa: E402
from _tiny_families import WRITE  # noqa: E402
from test_generate_several import PAIR  # noqa: E402

from dst3d_datasets.errors import RecipeError  # noqa: E402
from dst3d_datasets.generate.controlnet import ControlNetGenerator  # noqa: E402
from dst3d_datasets.generate.conventions import convention_of  # noqa: E402
from dst3d_datasets.generate.families import ROWS  # noqa: E402
from dst3d_datasets.generate.loading import load_pipeline  # noqa: E402
from dst3d_datasets.generate.weights import untrained_reason  # noqa: E402
from dst3d_datasets.weights import WeightsError  # noqa: E402

# `usual` and `written` are fixtures: their names are imported here and again arguments there
# ruff: noqa: F811

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
    pipeline, row = drawing._pipeline, drawing._drawn._family.row
    edges = Image.fromarray(np.repeat(shot.controls.edge[..., None], 3, axis=2))
    call = {"control_image": [edges], "control_mode": [3]} if name == "union" else {"control_image": edges}
    call |= {"guidance_scale": 3.0} if name != "qwen" else {"true_cfg_scale": 3.0}
    call |= {"true_cfg_scale": 3.0} if name in GUIDANCE else {}
    call |= {} if name in NO_NEGATIVE else {"negative_prompt": shot.prompt.negative}
    call |= {"eta": 1.0} if name in ("pag", "union", "hunyuan") else {}
    if name == "pag":
        call["image"] = call.pop("control_image")
    call |= {"controlnet_conditioning_scale": 1.0} if name == "zimage" else {}
    stock = pipeline(
        prompt=shot.prompt.text, height=SIZE, width=SIZE, num_inference_steps=2,
        generator=[torch.Generator("cpu").manual_seed(shot.seed)], **row.fixed, **call,
    ).images[0]  # fmt: skip
    np.testing.assert_allclose(ours.astype(int), np.asarray(stock, int), atol=1)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("name", WRITE)
def test_on_a_gpu_in_its_own_precision(written, name):
    """Half or bfloat16, as the table says: a picture, the same one again, whoever its neighbour is."""
    drawing = draw_with(written(name), device="cuda", **GUIDANCE.get(name, {}))
    wanted, *others = shots(3)
    first = drawing.generate([wanted, others[0]])[0]
    assert drawing._loaded().vae.dtype != torch.float32
    assert first.std() > 3
    np.testing.assert_array_equal(drawing.generate([wanted, others[1]])[0], first)


def test_every_class_of_the_table_is_one():
    """A misspelt name would never be found; a class that this diffusers is too old for is left out of the check."""
    for row in ROWS:
        if hasattr(diffusers, row.pipeline):
            for other in (row.net, row.multi, *row.base):
                assert not other or hasattr(diffusers, other), other
    assert {needed for needed, _ in WRITE.values()} < {row.pipeline for row in ROWS}


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


def test_a_controlnet_of_z_image_that_was_never_trained_is_known(usual):
    net = usual("zimage")._loaded().controlnet
    assert untrained_reason({"controlnet": net}) == ""
    outputs = [p for name, p in net.named_parameters() if name.startswith("control_layers") and "after_proj" in name]
    kept = [parameter.detach().clone() for parameter in outputs]
    with torch.no_grad():
        for parameter in outputs:
            parameter.zero_()
        assert "output layers are all zero" in untrained_reason({"controlnet": net})
        for parameter, value in zip(outputs, kept, strict=True):
            parameter.copy_(value)


def test_the_official_canny_net_of_sd35_gets_its_own_range(usual):
    assert convention_of("edge", "auto", ("stabilityai/stable-diffusion-3.5-large-controlnet-canny", "")) == "sd35"
    usual("sd3").generate(shots(1))
    family, guide = usual("sd3")._drawn._family, torch.tensor([0.0, 1.0]).reshape(1, 1, 1, 2).expand(1, 3, 1, 2)
    for convention, expected in (("sd35", [0.5, 128.0]), ("plain", [-1.0, 1.0])):
        seen = family.arguments(usual("sd3").options, [guide], [convention])["control_image"]
        assert seen[0, 0, 0].tolist() == expected


def test_a_class_that_diffusers_lacks_is_named(usual):
    base, *nets = usual("zimage")._pinned()
    logging = SimpleNamespace(
        is_progress_bar_enabled=lambda: False, get_verbosity=lambda: 0, set_verbosity=lambda level: None
    )
    old = SimpleNamespace(__version__="0.33.1", utils=SimpleNamespace(logging=logging))
    with pytest.raises(WeightsError, match=r"needs ZImageControlNetPipeline, which diffusers 0.33.1 lacks.*pip"):
        load_pipeline(old, base, nets, dtype=torch.float32, scheduler="pipeline")


def test_a_controlnet_may_be_one_file(usual, written):
    whole = usual("zimage")
    file = draw_with(written("zimage"), ("net/diffusion_pytorch_model.safetensors",))
    np.testing.assert_array_equal(file.generate(shots(1))[0], whole.generate(shots(1))[0])
    assert file.revision.count("sha256:") == 2
    assert file.revision != whole.revision


def test_a_controlnets_file_on_the_hub_is_pinned_to_its_commit(usual, written, tmp_path, monkeypatch):
    """A cache as the Hub's client lays it out, and no network."""
    constants = pytest.importorskip("huggingface_hub").constants
    commit = "0123456789abcdef0123456789abcdef01234567"
    repo = tmp_path / "models--me--net"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text(commit)
    shutil.copytree(written("zimage") / "net", repo / "snapshots" / commit / "part")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    options = usual("zimage").options
    name = "me/net/part/diffusion_pytorch_model.safetensors"
    drawing = ControlNetGenerator(options.model_copy(update={"controlnet": (name,)}))
    assert drawing.revision.endswith(f"+{name}@{commit}")
    np.testing.assert_array_equal(drawing.generate(shots(1))[0], usual("zimage").generate(shots(1))[0])
    missing = ControlNetGenerator(options.model_copy(update={"controlnet": ("me/net/other.safetensors",)}))
    with pytest.raises(
        WeightsError, match=r"generator\.controlnet\.0: me/net/other.*OFFLINE.*hf download me/net other"
    ):
        missing.generate(shots(1))
