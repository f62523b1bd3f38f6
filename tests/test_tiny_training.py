"""The training command, end to end at toy size on a CPU, and its parts."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from dst3d_datasets.training import leg, look, networks, twin, views, words  # noqa: E402
from dst3d_datasets.training.mix import Mixer, Views  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file of training views, of street signs, which are quick to render."""
    place = tmp_path_factory.mktemp("views")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "MODELS", 2)
        patch.setattr(views, "VIEWS", 4)
        views.render_job(2, place)
        views.render_job(2, place)  # there already: nothing to do
    return place


def test_pictures_fit_their_edges(folder: Path) -> None:
    """A training picture shows the edges of its control, and its prompt names its class."""
    found = Views(folder, torch.device("cpu"))
    assert found.ingest() == 8
    pictures = Mixer(found, 1).draw(8, collage=0.0)
    assert pictures.image.shape == (8, 3, 128, 128)
    assert pictures.image.abs().max() <= 1
    assert look.scores((pictures.image + 1) / 2, pictures.edge)[2] > 0.85
    assert look.scores((pictures.image + 1) / 2, pictures.edge.roll(3, 0))[2] < 0.7
    assert all("street sign" in text for text in pictures.prompts)
    collage = Mixer(found, 1).draw(8, collage=1.0)
    assert all(" and a " in text for text in collage.prompts)
    again = Mixer(found, 1).draw(8, collage=0.0)
    assert torch.equal(again.image, pictures.image)
    assert again.prompts == pictures.prompts


def test_prompts_are_tidy() -> None:
    dice = np.random.default_rng(0)
    for _ in range(300):
        text = words.prompt_of("teapot", ("teal", "ceramic"), "plain", "red", dice)
        assert "teapot" in text
        assert "  " not in text and ", ," not in text and "{" not in text and not text.endswith(",")  # noqa: PT018


def test_merges_make_one_token_of_each_word() -> None:
    assert words.merges(["ab", "cab"]) == [("a", "b</w>"), ("c", "ab</w>")]
    pieces = {word: [*word[:-1], word[-1] + "</w>"] for word in ("teapot", "tea", "pot")}
    for pair in words.merges(pieces):
        pieces = {word: words._merged(piece, pair) for word, piece in pieces.items()}
    assert pieces == {word: [f"{word}</w>"] for word in pieces}


def test_a_twin_computes_what_its_model_does_and_hands_over_its_gradients(folder: Path, tmp_path: Path) -> None:
    """One step of the twin moves the model as its own step would; the twin follows."""
    torch.manual_seed(0)
    model = networks.Denoiser(words.write_tokenizer(tmp_path), (16, 16, 112))
    batch = (torch.randn(2, 8, 8, 8), torch.tensor([3, 800]), torch.full((2, 77), 5), torch.rand(2, 32, 32) < 0.1)
    copied = twin.Twin(model)
    assert torch.equal(copied(*batch), model(*batch))
    model(*batch).square().mean().backward()
    own = [parameter.grad.clone() for parameter in model.parameters()]
    copied(*batch).square().mean().backward()
    copied.hand_over()
    for parameter, grad in zip(model.parameters(), own, strict=True):
        assert torch.allclose(parameter.grad, grad, atol=1e-6)
    torch.optim.SGD(model.parameters(), 0.1).step()
    assert not torch.equal(copied(*batch), model(*batch))
    copied.follow()
    assert torch.equal(copied(*batch), model(*batch))


def test_guidance_adds_what_the_words_change(tmp_path: Path) -> None:
    """Nothing for a picture without text; otherwise a share of the difference that the text makes."""
    torch.manual_seed(0)
    model = networks.Denoiser(words.write_tokenizer(tmp_path), (16, 16, 112)).eval()
    empty, told = torch.full((77,), 5), torch.full((77,), 9)
    batch = (torch.randn(2, 8, 8, 8), torch.tensor([3, 800]), torch.stack([empty, told]), torch.zeros(2, 32, 32) > 0)
    added = twin.guided(twin.Twin(model), batch, empty, 0.5)
    assert added[0].abs().max() < 1e-6
    with torch.no_grad():
        apart = model(*batch) - model(batch[0], batch[1], empty.expand(2, -1), batch[3])
    assert torch.allclose(added, 0.5 * apart, atol=1e-6)
    assert added[1].abs().max() > 1e-5


def test_a_leg_runs_end_to_end(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything but the size is as on the GPU; the second leg goes on where the first ended."""
    monkeypatch.setattr(networks, "CHANNELS", (16, 16, 16))
    monkeypatch.setattr(networks.Denoiser.__init__, "__defaults__", ((16, 16, 112),))
    monkeypatch.setattr(words, "vocabulary", lambda instances=0: ["street", "sign", "a"])
    monkeypatch.setattr(leg, "_workers", lambda settings, place: [])
    monkeypatch.setattr(look, "drawn", lambda pipeline, pictures, *rest: (pictures.image + 1) / 2)
    (tmp_path / "views").symlink_to(folder)
    common = {"work": tmp_path, "whole": 1.0, "autoencoder": 0.2, "judge": 0.01, "look": 1.0, "wait": 8, "jobs": 1}
    sizes = {"workers": 1, "batch": 4, "pool": 4, "seed": 0, "guide": 0.5, "guide_from": 0.3}
    for number in (1, 2):
        leg.run(leg.Settings(out=tmp_path / f"leg{number}", seconds=12.0, **common, **sizes))
    first, second = (json.loads((tmp_path / f"leg{n}/figures.json").read_text()) for n in (1, 2))
    assert second["steps"] >= first["steps"] > 0
    assert np.isfinite(second["loss"])
    with tarfile.open(tmp_path / "leg2/tiny.tar") as tar:
        names = tar.getnames()
    assert {"tiny/model_index.json", "tiny/unet/config.json", "tiny/tokenizer/merges.txt"} <= set(names)
    assert (tmp_path / "leg2/grid.png").stat().st_size > 1000
