"""Weights of the ControlNet generator: what pins them, whether they were trained, and what can go wrong with them."""

from __future__ import annotations

import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers", reason="needs the extra [controlnet]")

from _tiny_generators import CASES, folders, generator, shots  # noqa: E402, F401
from _tiny_pipeline import unet  # noqa: E402

from dst3d_datasets.errors import MissingDependency, RecipeError  # noqa: E402
from dst3d_datasets.generate.controlnet import ControlNetGenerator  # noqa: E402
from dst3d_datasets.generate.families import family_of  # noqa: E402
from dst3d_datasets.generate.weights import untrained_reason  # noqa: E402
from dst3d_datasets.recipe.options import ControlNetOptions  # noqa: E402
from dst3d_datasets.weights import Place, WeightsError, explain  # noqa: E402

# ruff: noqa: F811


# --- memory ---------------------------------------------------------------------------------------------------------


def test_when_memory_runs_out_the_batch_is_halved_and_seeds_stay(folders):
    expected = generator(folders, batch_size=1).generate(shots(5))
    drawing = generator(folders, batch_size=4)
    sampler, sizes = drawing.drawing().sampler, []
    draw = sampler.draw

    def small(batch):
        sizes.append(batch.noise.shape[1])
        if sizes[-1] > 1:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return draw(batch)

    sampler.draw = small
    pictures = drawing.generate(shots(5))
    assert sizes == [4, 2, 1, 1, 1, 1, 1]
    assert drawing.counts() == {"batch_halved": 2}
    assert drawing.counts() == {}
    for a, b in zip(pictures, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_gpu_too_small_for_one_picture_is_an_error(folders):
    drawing = generator(folders, batch_size=2)

    def too_small(batch):
        raise torch.cuda.OutOfMemoryError("CUDA out of memory")

    drawing.drawing().sampler.draw = too_small
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


class _Hub(BaseHTTPRequestHandler):
    """Answers everything with the error that the repository's name asks for, as the Hub's servers word it."""

    def do_HEAD(self):
        code, word = {"gated": (403, "GatedRepo"), "none": (404, "RepoNotFound"), "rev": (404, "RevisionNotFound")}[
            self.path.split("/")[2]
        ]
        self.send_response(code)
        self.send_header("X-Error-Code", word)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_HEAD

    def log_message(self, *words):
        """Quiet."""


@pytest.fixture
def hub(monkeypatch, tmp_path):
    constants = pytest.importorskip("huggingface_hub").constants
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    yield url
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gated", r"is gated.*accept its terms on https://huggingface\.co/me/gated.*hf auth login.*HF_TOKEN"),
        ("none", r"no such model on the Hub; if it is private, .*HF_TOKEN"),
        ("rev", r"at revision v9: the Hub has no such branch, tag or commit"),
    ],
)
def test_what_the_hub_answers_becomes_advice(hub, name, expected):
    options = ControlNetOptions(kind="controlnet", pipeline=f"me/{name}", revision="v9", controlnet=())
    with pytest.raises(WeightsError, match=rf"generator\.pipeline: me/{name} .*{expected}"):
        _ = ControlNetGenerator(options).revision


def test_a_hub_out_of_reach_is_told_with_its_cause(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    outer = OSError("me/it does not appear to have a file named model_index.json")
    outer.__context__ = type("LocalEntryNotFoundError", (FileNotFoundError,), {})("not in the cache")
    outer.__context__.__cause__ = ConnectionError("Connection refused")
    told = str(explain(outer, Place("me/it", "main", None), "generator.pipeline"))
    assert re.search(r"the Hub cannot be reached \(Connection refused\).*hf download me/it", told)


def pipeline_like(name, call, **parts):
    """An object that looks like a loaded pipeline of class `name`."""
    scheduler = type("Euler", (), {"step": lambda self, model_output, timestep, sample: None})()
    return type(name, (), {"__call__": call, "scheduler": scheduler, **parts})()


def test_families_are_told_by_their_signature():
    def flux(self, prompt, control_image, height, width, guidance_scale, controlnet_conditioning_scale, generator):
        """As FluxControlNetPipeline less its control mode; a class that the table does not know."""

    family = family_of(pipeline_like("NewControlNetPipeline", flux, controlnet=object()))
    assert (family.control, family.scale, family.eta, family.negative, family.nets) == (
        "control_image", True, False, False, 1
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("NewControlNetUnionPipeline", "prompt, control_image, control_mode", "needs a control mode"),
        ("StableDiffusionControlNetImg2ImgPipeline", "prompt, image, control_image", "not a text-to-image pipeline"),
        ("KandinskyV22ControlnetPipeline", "image_embeds, hint", "needs image embeddings"),
    ],
)
def test_pipelines_that_need_more_are_refused(name, arguments, expected):
    call = eval(f"lambda self, {arguments}: None")
    with pytest.raises(WeightsError, match=rf"generator\.pipeline: {name} .*{expected}"):
        family_of(pipeline_like(name, call, controlnet=object()))
