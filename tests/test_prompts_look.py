"""Words measured from the render, and that a sample's words are its own."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from dst3d_datasets.nouns import CadModel, Material, ModelRef, Part
from dst3d_datasets.prompts.look import _lab, colour_of, material_of

REF = ModelRef(source="s", model_id="m", class_name="teapot")


def flat(*colours):
    return np.array(colours, dtype=np.uint8).reshape(1, -1, 3), np.ones((1, len(colours)), dtype=bool)


@pytest.mark.parametrize(
    ("colour", "name"),
    [((255, 0, 0), "red"), ((0, 0, 255), "blue"), ((255, 255, 255), "white"), ((0, 0, 0), "black"),
     ((128, 128, 128), "grey"), ((255, 220, 0), "yellow"), ((0, 128, 0), "green"), ((255, 140, 0), "orange"),
     ((120, 75, 40), "brown"), ((255, 160, 190), "pink"), ((10, 20, 80), "navy blue"), ((64, 200, 190), "turquoise")],
)  # fmt: skip
def test_colours_have_their_usual_names(colour, name):
    assert colour_of(*flat(colour)) == name


def test_two_colours_many_and_none():
    red, white, blue, green = (200, 20, 20), (240, 240, 240), (30, 60, 200), (40, 150, 40)
    assert colour_of(*flat(*[red] * 6, *[white] * 4)) == "red and white"
    assert colour_of(*flat(*[red] * 9, white)) == "red"
    assert colour_of(*flat(red, white, blue, green)) == ""
    picture, mask = flat(red, white)
    assert colour_of(picture, np.array([[False, True]])) == "white"
    assert colour_of(picture, np.zeros_like(mask)) == ""


def test_lab_agrees_with_opencv():
    cv2 = pytest.importorskip("cv2")
    pixels = np.random.default_rng(0).integers(0, 256, (200, 3), dtype=np.uint8)
    theirs = cv2.cvtColor(pixels[None].astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    assert np.abs(_lab(pixels) - theirs).max() < 0.5


def test_the_material_is_that_of_what_is_seen():
    def part(material):
        zero = np.zeros((3, 3), dtype=np.float32)
        return Part(vertices=zero, faces=np.zeros((1, 3), dtype=np.int32), normals=zero, material=material)

    glass = Material(base_colour=(1, 1, 1, 0.3), alpha_mode="blend")
    parts = (part(Material()), part(Material(metallic=1.0)), part(glass))
    model = CadModel(ref=REF, parts=parts, size=(1, 1, 1))
    assert material_of(model, np.array([[0, 1, 1], [-1, 1, 2]], dtype=np.int32)) == "metal"
    assert material_of(model, np.array([[0, 1, 2], [-1, 2, 2]], dtype=np.int32)) == "glass"
    assert material_of(model, np.array([[0, 1, 2], [-1, -1, 0]], dtype=np.int32)) == ""
    assert material_of(model, np.full((2, 2), -1, dtype=np.int32)) == ""


def labels(plain):
    pytest.importorskip("torch")
    from dst3d_datasets.build import plan_for
    from dst3d_datasets.recipe import validate
    from dst3d_datasets.run import settled
    from dst3d_datasets.shard import iter_samples

    recipe = settled(validate(plain))
    plan, _ = plan_for(recipe)
    found = {}
    for spec in plan:
        for sample in iter_samples(recipe, spec.jobs):
            found[sample.key] = json.loads(dict(sample.members)["json"])
    return found


def plain(**prompts):
    return {
        "sources": [{"kind": "primitives", "models_per_class": 1}],
        "catalogue": {"classes": ["teapot", "park bench"]},
        "views": {"per_model": 3},
        "render": {"size": 64, "engine": "torch"},
        "prompts": prompts,
    }


def test_the_render_names_its_colour():
    found = labels(plain(kind="template", text="{article} {colour} {name}"))
    texts = [label["prompt"] for label in found.values()]
    assert len(texts) == 6
    assert all(text.endswith(("teapot", "park bench")) and "{" not in text for text in texts)
    assert any(word in text for text in texts for word in ("red", "blue", "green", "white", "brown", "grey", "yellow",
                                                           "black", "orange", "beige", "pink", "purple"))  # fmt: skip


def test_changing_one_class_changes_no_sample_of_another(tmp_path, monkeypatch):
    monkeypatch.setenv("DST3D_HOME", str(tmp_path / "home"))

    def made(name, teapots):
        with (tmp_path / name).open("w", newline="") as file:
            rows = [("class", "caption"), *(("teapot", text) for text in teapots)]
            csv.writer(file).writerows([*rows, *(("park bench", f"a park bench, number {i}") for i in range(9))])
        return labels(plain(kind="captions", file=str(tmp_path / name)))

    before, after = made("a.csv", ["a teapot one", "a teapot two"]), made("b.csv", ["teapot, all new"] * 5)
    assert before.keys() == after.keys()
    for key, label in before.items():
        is_teapot = label["class_name"] == "teapot"
        assert (label["prompt"] == after[key]["prompt"]) != is_teapot
        assert {**label, "prompt": ""} == {**after[key], "prompt": ""}
    assert len({label["prompt"] for label in before.values() if label["class_name"] == "park bench"}) > 1
