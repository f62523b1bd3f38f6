"""Terms of the generators' weights: stated once, enforced by the recipe and the release, told by the card."""

from __future__ import annotations

from importlib import resources

import pytest
from _fake_run import fake_run

from dst3d_datasets import licences
from dst3d_datasets.attribution import model_texts
from dst3d_datasets.card import render_card
from dst3d_datasets.errors import RecipeError, ReleaseError
from dst3d_datasets.licences import generator_models, model_terms
from dst3d_datasets.recipe import builtin_recipes, dump, fingerprint, load_recipe, validate
from dst3d_datasets.release import make_release, open_release
from dst3d_datasets.release_terms import check_terms

FLUX = "black-forest-labs/FLUX.1-dev"
UNION = "InstantX/FLUX.1-dev-Controlnet-Union"
SD = "stable-diffusion-v1-5/stable-diffusion-v1-5"
CANNY = "lllyasviel/control_v11p_sd15_canny"


def drawn(pipeline, *nets, **more):
    generator = {"kind": "controlnet", "pipeline": pipeline, "controlnet": list(nets)}
    return {"sources": [{"kind": "primitives"}], "generator": generator, **more}


def test_every_card_of_weights_states_its_terms_under_its_own_name():
    cards = list((resources.files("dst3d_datasets.cards") / "models").iterdir())
    assert len(cards) > 20
    for place in cards:
        name = place.name.removesuffix(".md").replace("--", "/")
        terms = model_terms(name)
        assert terms is not None, name
        assert terms.id.lower() == name
        assert terms.licence_link.startswith("https://")
        assert len(terms.text) > 40
        assert all((terms.title, terms.licence, terms.outputs, terms.source))


def test_weights_are_found_by_any_spelling_and_strangers_are_not():
    assert model_terms(FLUX) == model_terms(FLUX.lower())
    assert model_terms(f"{UNION}/diffusion_pytorch_model.safetensors") == model_terms(UNION)
    assert model_terms("tiny").licence == "Apache-2.0"
    for name in ("me/mine", "../sources/shapenet", "/weights/sd15", "", "models"):
        assert model_terms(name) is None
    assert generator_models({"kind": "render"}) == []
    assert generator_models({"kind": "controlnet", "pipeline": "a/b", "controlnet": ("c/d", "c/d")}) == ["a/b", "c/d"]
    with pytest.raises(ValueError, match="'maybe': write yes, no or conditions"):
        licences._model_answer("maybe")


@pytest.mark.parametrize("name", [name for name in builtin_recipes() if name != "render"])
def test_the_terms_of_the_ready_recipes_are_known_and_allow_publishing(name):
    recipe = load_recipe(name, ["publishable=true"])
    assert all(model_terms(weights) for weights in generator_models(dump(recipe)["generator"]))


def test_recipes_that_are_to_be_published():
    with pytest.raises(RecipeError, match=rf"terms of FLUX.1 dev \(.*https://.*acknowledge: \[{FLUX}\]"):
        validate(drawn(FLUX, UNION, publishable=True))
    with pytest.raises(RecipeError, match="ControlNet Union"):
        validate(drawn("black-forest-labs/FLUX.1-schnell", UNION, publishable=True))
    with pytest.raises(RecipeError, match=r"weights 'me/mine' are not known here; write acknowledge: \[me/mine\]"):
        validate(drawn("me/mine", CANNY, publishable=True))
    with pytest.raises(RecipeError, match=f"no source 'flux'; known: primitives, {FLUX}, {UNION}"):
        validate(drawn(FLUX, UNION, acknowledge=["flux"]))
    said = validate(drawn(FLUX, UNION, publishable=True, acknowledge=[FLUX, UNION]))
    assert fingerprint(said) == fingerprint(validate(drawn(FLUX, UNION)))
    assert validate(drawn(SD, CANNY, publishable=True)).publishable


def test_releases_of_pictures_by_restricted_weights():
    recipe = validate(drawn(FLUX, UNION))
    with pytest.raises(ReleaseError, match=rf"drawn with FLUX.1 dev.*--acknowledge {FLUX}"):
        check_terms(recipe, [])
    with pytest.raises(ReleaseError, match=rf"--acknowledge {UNION}"):
        check_terms(recipe, [], [FLUX])
    with pytest.raises(ReleaseError, match=f"no source 'moon'; it has: primitives, {FLUX}"):
        check_terms(recipe, [], ["moon"])
    assert check_terms(recipe, [], [FLUX, UNION])["terms"]["acknowledged"] == sorted([FLUX, UNION])
    assert check_terms(validate(drawn("me/mine")), [])["terms"]["acknowledged"] == []


def test_the_card_tells_each_meaning_once_and_what_nobody_knows():
    texts = model_texts(dump(validate(drawn(SD, CANNY))))
    assert len(texts) == 2  # a table, and one meaning for both
    assert f"| Stable Diffusion 1.5 | [CreativeML Open RAIL-M]({model_terms(SD).licence_link}) | yours |" in texts[0]
    assert texts[1].startswith("**Stable Diffusion 1.5, ControlNet 1.1 Canny (SD 1.5):** ")
    assert "| me/mine | not known here: see its page |" in model_texts(dump(validate(drawn("me/mine"))))[0]
    assert model_texts(dump(validate({}))) == []


def test_they_reach_the_release(tmp_path):
    fake_run(tmp_path / "run")
    make_release(tmp_path / "run", tmp_path / "out")
    manifest = open_release(tmp_path / "out").manifest
    manifest["recipe"] = dump(validate(drawn(FLUX, UNION)))
    card = render_card(manifest, [], [])
    assert "> **Not for every use.** The terms of FLUX.1 dev restrict what the pictures may train." in card
    assert "FLUX.1 \\[dev\\] Non-Commercial License" in card
    assert "train ... other models for commercial use" in card
