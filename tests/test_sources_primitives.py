"""The procedural source: identity, determinism, geometry, and labels that tell the truth."""

from __future__ import annotations

import math
import re
from types import SimpleNamespace

import numpy as np
import pytest

from dst3d_datasets import imagenet
from dst3d_datasets.camera import alignment
from dst3d_datasets.errors import ModelRefused, RecipeError
from dst3d_datasets.nouns import CadModel
from dst3d_datasets.registry import lookup
from dst3d_datasets.sources.primitives import Primitives
from dst3d_datasets.sources.shapes import FAMILIES

NAMES = [family.name for family in FAMILIES]
SYNSETS = {  # WordNet 3.0, written down here again so that a slip of the table shows
    "airliner": ("n02690373", 404),
    "convertible": ("n03100240", 511),
    "coffee mug": ("n03063599", 504),
    "teapot": ("n04398044", 849),
    "street sign": ("n06794110", 919),
    "park bench": ("n03891251", 703),
    "fire engine": ("n03345487", 555),
}


def source(classes: tuple[str, ...] = (), count: int = 3, name: str = "") -> Primitives:
    return Primitives(SimpleNamespace(name=name, models_per_class=count, classes=classes))


def model_of(name: str, number: int) -> CadModel:
    primitives = source()
    ref = primitives.find("", f"{name.replace(' ', '-')}-{number:05d}")
    assert ref is not None
    return primitives.open(ref)


def digest(model: CadModel) -> bytes:
    out = [repr((model.ref, model.size)).encode()]
    for part in model.parts:
        out += [part.vertices.tobytes(), part.faces.tobytes(), part.normals.tobytes(), part.uv.tobytes()]
        material = part.material
        out.append(repr((material.base_colour, material.metallic, material.roughness)).encode())
        out.append(b"" if material.texture is None else material.texture.tobytes())
    return b"".join(out)


def test_it_is_the_registered_source() -> None:
    assert lookup("sources", "primitives") is Primitives


def test_lists_models_per_class_of_at_least_fourteen_imagenet_classes() -> None:
    refs = list(source(count=2).models())
    assert len(NAMES) == len(set(NAMES)) >= 14
    assert len(refs) == 2 * len(NAMES)
    assert len({ref.uid for ref in refs}) == len(refs)
    for ref in refs:
        entry = imagenet.find(ref.class_name)
        assert entry is not None
        assert (ref.synset, ref.class_index, ref.class_name) == (entry.synset, entry.index, entry.name)
        assert ref.licence == "CC0-1.0"
        assert ref.keywords
        assert ref.title.endswith(ref.class_name)
        assert 1 <= ref.sampling <= 5


@pytest.mark.parametrize(("name", "expected"), SYNSETS.items())
def test_synsets_are_imagenets(name: str, expected: tuple[str, int]) -> None:
    (ref,) = source((name,), 1).models()
    assert (ref.synset, ref.class_index) == expected


def test_classes_are_chosen_by_name_or_synset_once_each() -> None:
    refs = list(source(("n02690373", "coffee_mug", "airliner"), 1).models())
    assert [ref.class_name for ref in refs] == ["airliner", "coffee mug"]


@pytest.mark.parametrize("wrong", ["aeroplanes", "n99999999", "tabby"])
def test_an_unknown_class_is_refused_with_the_choices(wrong: str) -> None:
    with pytest.raises(RecipeError, match=rf"{wrong}.*airliner.*umbrella"):
        source((wrong,))


def test_more_models_begin_with_the_same_ones() -> None:
    few, many = list(source(("teapot",), 3).models()), list(source(("teapot",), 30).models())
    assert many[:3] == few


def test_find_knows_any_instance_and_nothing_else() -> None:
    primitives = source(("teapot",), 1, name="shapes")
    ref = primitives.find("n03063599", "coffee-mug-1234567")
    assert ref is not None
    assert (ref.source, ref.model_id, ref.class_name) == ("shapes", "coffee-mug-1234567", "coffee mug")
    assert primitives.open(ref).num_faces > 500
    for synset, model_id in [
        ("n02690373", "coffee-mug-00012"),
        ("n03063599", "coffee-mug-12"),
        ("n03063599", "coffee-mug-000012"),
        ("", "spaceship-00001"),
        ("", "18d7341c8ea90b137d06d6a7ed8e2571"),
    ]:
        assert primitives.find(synset, model_id) is None


def test_a_foreign_id_is_refused() -> None:
    primitives = source()
    (ref,) = source(("teapot",), 1).models()
    from dataclasses import replace

    with pytest.raises(ModelRefused, match="missing"):
        primitives.open(replace(ref, model_id="93face00deb70aa788f141d861452480"))


@pytest.mark.parametrize("name", NAMES)
def test_same_bytes_again_in_any_order(name: str) -> None:
    first = {number: digest(model_of(name, number)) for number in (0, 1, 2)}
    again = {number: digest(model_of(name, number)) for number in (2, 0, 1)}
    assert first == again
    assert len(set(first.values())) == 3


@pytest.mark.parametrize("name", NAMES)
def test_instances_differ_in_shape_and_in_look(name: str) -> None:
    models = [model_of(name, number) for number in range(6)]
    assert len({model.size for model in models}) == 6
    assert len({model.ref.keywords for model in models}) >= 3


@pytest.mark.parametrize("name", NAMES)
def test_parts_are_sound(name: str) -> None:
    for number in (0, 3, 41):
        model = model_of(name, number)
        assert 400 <= model.num_faces <= 40_000
        points = np.concatenate([part.vertices for part in model.parts]).astype(np.float64)
        low, high = points.min(0), points.max(0)
        np.testing.assert_allclose(low + high, 0.0, atol=2e-6)
        np.testing.assert_allclose(high - low, model.size, atol=2e-6)
        assert max(model.size) == pytest.approx(1.0, abs=1e-9)
        reach = float(np.sqrt((points**2).sum(1)).max())
        assert model.ref.distance >= reach / math.sin(math.atan(16.0 / 35.0))
        for part in model.parts:
            assert part.vertices.dtype == part.normals.dtype == part.uv.dtype == np.float32
            assert part.faces.dtype == np.int32
            assert part.faces.min() >= 0
            assert part.faces.max() < len(part.vertices)
            assert np.isfinite(part.vertices).all()
            assert np.isfinite(part.uv).all()
            np.testing.assert_allclose(np.linalg.norm(part.normals, axis=1), 1.0, atol=1e-4)
            a, b, c = (part.vertices[part.faces[:, k]].astype(np.float64) for k in range(3))
            assert (np.linalg.norm(np.cross(b - a, c - a), axis=1) > 0).all()
            material = part.material
            assert all(0.0 <= value <= 1.0 for value in (*material.base_colour, material.metallic, material.roughness))
            if material.texture is not None:
                assert material.texture.dtype == np.uint8
                assert material.texture.shape[2] == 4
                assert material.texture.size <= 1024 * 512 * 4


@pytest.mark.parametrize("name", NAMES)
def test_normals_agree_with_the_winding(name: str) -> None:
    model = model_of(name, 2)
    for part in model.parts:
        corner = part.vertices[part.faces].astype(np.float64)
        face = np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0])
        mean = part.normals[part.faces].astype(np.float64).mean(1)
        against = (face * mean).sum(1) < 0
        area = np.linalg.norm(face, axis=1)
        assert area[against].sum() <= 0.01 * area.sum()


def test_alignment_turns_the_model_and_brings_its_box_back() -> None:
    from dataclasses import replace

    primitives = source()
    (ref,) = source(("airliner",), 1).models()
    straight, turned = primitives.open(ref), primitives.open(replace(ref, azimuth=90.0, elevation=20.0))
    assert max(turned.size) == pytest.approx(1.0, abs=1e-9)
    turn = alignment(90.0, 20.0)
    before = np.concatenate([part.vertices for part in straight.parts]).astype(np.float64) @ turn.T
    after = np.concatenate([part.vertices for part in turned.parts]).astype(np.float64)
    extent = np.ptp(before, axis=0)
    expected = (before - (before.min(0) + before.max(0)) / 2) / extent.max()
    np.testing.assert_allclose(after, expected, atol=3e-6)


def test_keys_are_fit_for_shards() -> None:
    for ref in source(count=1).models():
        assert re.fullmatch(r"[a-z0-9_-]+", ref.key(7))
