"""The tiny generator that ships: it loads like any other, follows its edges, is trained, small and deterministic."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("diffusers")
pytest.importorskip("transformers")

from dst3d_datasets.bench import tiny
from dst3d_datasets.bench.generate import FAST
from dst3d_datasets.bench.tiny_edges import agreement, grown
from dst3d_datasets.bench.tiny_judge import CLASSES, colour_of, load_judge
from dst3d_datasets.bench.tiny_shots import held_out
from dst3d_datasets.generate.controlnet import ControlNetGenerator
from dst3d_datasets.generate.weights import TINY, place_of
from dst3d_datasets.nouns import Shot
from dst3d_datasets.recipe import Recipe, load_recipe
from dst3d_datasets.sources.shapes import FAMILIES
from dst3d_datasets.sources.shapes.kit import Dice
from dst3d_datasets.sources.shapes.paint import PAINTS
from dst3d_datasets.weights import folder_digest


@pytest.fixture(scope="module")
def shots() -> tuple[Recipe, list[Shot]]:
    """Four held-out instances of different classes."""
    recipe, found = held_out(1)
    return recipe, found[1:23:6]


def _generator(recipe: Recipe, **changes: object) -> ControlNetGenerator:
    return ControlNetGenerator(recipe.generator.model_copy(update=changes))


def test_it_is_small_and_ordinary() -> None:
    """At most 16 MiB of safetensors in float16, every component in its folder, and the name leads there."""
    weights = sorted(TINY.rglob("*.safetensors"))
    assert [path.parent.name for path in weights] == ["controlnet", "text_encoder", "unet", "vae"]
    assert sum(path.stat().st_size for path in weights) <= 16 * 2**20
    assert place_of("tiny", "main", "generator.pipeline").folder == TINY


def test_labels_carry_the_digest_of_its_weights() -> None:
    recipe = load_recipe("quickstart")
    assert _generator(recipe).revision == f"sha256:{folder_digest(TINY)}"


def test_it_follows_its_edges_is_trained_and_deterministic(shots: tuple[Recipe, list[Shot]]) -> None:
    """Far better than another picture's edges; the same bytes from a second generator and in another order."""
    recipe, four = shots
    generator = _generator(recipe, steps=6, guidance_scale=1.0, batch_size=4, device="cpu")
    assert generator.untrained == ""
    pictures = generator.generate(four)
    own = tiny.edges_of(four, pictures).mean(0)
    other = tiny.edges_of(four, pictures, shift=1).mean(0)
    assert own[2] > 0.6
    assert own[2] > other[2] + 0.3
    again = _generator(recipe, steps=6, guidance_scale=1.0, batch_size=4, device="cpu").generate(four[::-1])
    for first, second in zip(pictures, again[::-1], strict=True):
        assert np.array_equal(first, second)


def test_noise_with_eta_is_no_trouble(shots: tuple[Recipe, list[Shot]]) -> None:
    """The reference's eta of 1 once gave black pictures: a root of a rounding error below zero."""
    recipe, four = shots
    picture = _generator(recipe, steps=4, eta=1.0, guidance_scale=1.0, batch_size=1, device="cpu").generate(four[:1])[0]
    assert picture.std() > 5


def test_fast_mode_is_the_ready_recipes_and_keeps_edges(shots: tuple[Recipe, list[Shot]]) -> None:
    """At most 0.02 of the edges' recall is lost to the quickstart's 20 steps."""
    assert dict(load_recipe("sd15_fast").generator) | FAST == dict(load_recipe("sd15_fast").generator)
    recipe, four = shots
    exact, fast = (
        tiny.edges_of(four, tiny.drawn(recipe, four, device="cpu", **levers).pictures)[:, 1].mean()
        for levers in ({}, FAST)
    )
    assert exact > 0.85
    assert fast > exact - 0.02


def test_every_word_of_the_prompts_is_one_token() -> None:
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(TINY / "tokenizer")
    words = {word for family in FAMILIES for word in family.name.split()} | {w for p in PAINTS for w in p.split()}
    for family in FAMILIES:
        for keyword in family.facts(Dice(family.name, 3)).keywords:
            words |= {word for word in keyword.replace("-", " ").split() if word.isalpha()}
    words |= {"image", "best", "quality", "extremely", "detailed", "background", "plain", "blurred"}
    assert {word: len(tokenizer(word).input_ids) - 2 for word in words} == dict.fromkeys(words, 1)
    unknown = tokenizer("zyzzyva").input_ids
    assert len(unknown) > 3  # falls apart into letters


def test_edge_agreement_by_hand() -> None:
    line = np.zeros((20, 20), bool)
    line[10] = True
    assert grown(line).sum() == 5 * 20
    assert agreement(np.roll(line, 2, 0), line) == (1.0, 1.0, 1.0)
    assert agreement(np.roll(line, 3, 0), line) == (0.0, 0.0, 0.0)
    assert agreement(np.zeros_like(line), line) == (1.0, 0.0, 0.0)
    everything = np.ones_like(line)
    precision, recall, both = agreement(everything, line)
    assert recall == 1.0
    assert precision == 0.25
    assert both == pytest.approx(0.4)


def test_the_judge_knows_renders() -> None:
    """On held-out renders it sees most classes; a class by chance would be 1 in 23."""
    _, found = held_out(1)
    classes, _ = tiny.words_of(found, [shot.controls.render for shot in found], load_judge())
    assert classes.mean() > 0.85
    assert len(CLASSES) == len(FAMILIES)


def test_failures_are_counted_by_where_the_camera_stood(shots: tuple[Recipe, list[Shot]]) -> None:
    places = [(0.0, 0.0), (90.0, 80.0), (181.0, -80.0), (300.0, 29.0)]
    seen = [
        replace(shot, view=replace(shot.view, azimuth=azimuth, elevation=elevation))
        for shot, (azimuth, elevation) in zip(shots[1], places, strict=True)
    ]
    found = tiny.by_view(seen, [True, False, True, False])
    assert found == {
        "above": (0, 1), "back": (1, 1), "below": (1, 1), "front": (1, 1),
        "left": (0, 1), "level": (1, 2), "right": (0, 1),
    }  # fmt: skip


def test_perceptual_distance_by_hand(shots: tuple[Recipe, list[Shot]]) -> None:
    """None between equal pictures; more between different objects than between a picture and its noisy self."""
    judge, pictures = load_judge(), [shot.controls.render for shot in shots[1]]
    noise = np.random.default_rng(0).integers(-6, 7, (4, 128, 128, 3))
    worn = [np.clip(picture + grain, 0, 255).astype(np.uint8) for picture, grain in zip(pictures, noise, strict=True)]
    pairs = [picture for pair in zip(pictures, worn, strict=True) for picture in pair]
    within, between = tiny.diversity(pairs, 2, judge)
    assert 0 < within < between
    assert tiny.diversity([pictures[0]] * 2 + [pictures[1]] * 2, 2, judge)[0] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("keywords", "name"), [(("dark red", "x"), "dark red"), (("red glass shade",), "red"), (("oak",), ""), ((), "")]
)
def test_main_colours(keywords: tuple[str, ...], name: str) -> None:
    assert colour_of(keywords) == (list(PAINTS).index(name) if name else -1)


def test_the_folder_is_where_the_wheel_takes_it_from() -> None:
    assert TINY.relative_to(Path(tiny.__file__).parents[1]).as_posix() == "generate/tiny"
