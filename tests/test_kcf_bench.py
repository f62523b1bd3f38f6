"""What `bench kcf` measures with: planted labels, ranks, rendered classes, and figures that say when extrapolated."""

from __future__ import annotations

import numpy as np
import pytest
from _kcf import toy

from dst3d_datasets.bench import kcf
from dst3d_datasets.bench.kcf_data import auroc, plant, rendered
from dst3d_datasets.recipe.score_options import KcfReferenceOptions


def test_planted_labels_are_off_as_they_say() -> None:
    """About the share asked for, flips by 180 degrees, random ones by 40 to 320, the rest untouched."""
    right = toy(10, 30, 32)
    wrong = plant(right, 0.3)
    off = np.array([(b["azimuth"] - a["azimuth"]) % 360.0 for a, b in zip(right.labels, wrong.labels, strict=True)])
    assert 0.2 < (wrong.planted != "").mean() < 0.4
    assert np.allclose(off[wrong.planted == "flip"], 180.0)
    assert ((off >= 39.9) & (off <= 320.1))[wrong.planted == "random"].all()
    assert not off[wrong.planted == ""].any()
    assert set(plant(right, 0.3, ("flip",)).planted) == {"", "flip"}
    assert (plant(right, 0.3).planted == wrong.planted).all()


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    """Against counting every pair, ties half; and nothing to count is an error."""
    draws = np.random.default_rng(0)
    score, bad = draws.integers(0, 6, 60).astype(float), draws.random(60) < 0.3
    pairs = [(a > b) + 0.5 * (a == b) for a in score[~bad] for b in score[bad]]
    assert auroc(score, bad) == pytest.approx(np.mean(pairs))
    with pytest.raises(ValueError, match="both"):
        auroc(score, np.zeros(60, bool))


def test_rendered_classes_carry_what_a_scorer_reads() -> None:
    """Sorted by key, all models, the views' own angles."""
    pictures = rendered("coffee mug", 2, 2, 32, "cpu")
    assert pictures.images.shape == (4, 32, 32, 3)
    keys = [label["key"] for label in pictures.labels]
    assert keys == sorted(keys)
    assert len({label["cad_id"] for label in pictures.labels}) == 2
    assert len({label["azimuth"] for label in pictures.labels}) == 4
    assert [candidate.key for candidate in pictures] == keys


def test_the_row_of_the_reference_says_what_is_extrapolated() -> None:
    """One of two epochs: twice the seconds, told; both of them: nothing to tell."""
    pictures = plant(toy(3, 10, 32), 0.3)
    options = KcfReferenceOptions(backbone="small", size=32, epochs=2, folds=2, min_samples=4, device="cpu")
    name, told, seconds, *figures = kcf._reference("reference", pictures, options, 1)
    assert (name, told) == ("reference", "2 epochs, 32 px; ran 1, seconds extrapolated")
    assert seconds > 0
    assert all(0.0 <= value <= 1.0 for value in figures)
    assert kcf._reference("reference", pictures, options, 2)[1] == "2 epochs, 32 px"
