"""Verdicts: view bins, bars, the floor under each bin, what is not judged, and what several attempts come to."""

from __future__ import annotations

import numpy as np
import pytest

from dst3d_datasets.errors import UsageError
from dst3d_datasets.recipe import Keep
from dst3d_datasets.scores import NOT_JUDGED
from dst3d_datasets.scoring.bins import azimuth_bins, bins_of, name_of
from dst3d_datasets.scoring.ratings import Z, read_ratings, threshold_for, wilson
from dst3d_datasets.scoring.verdicts import SMALL, Population, decide
from dst3d_datasets.store import Store


def bins(*rows: tuple[float, float, int]) -> list[str]:
    azimuth, elevation, symmetry = (np.array(column) for column in zip(*rows, strict=True))
    return [name_of(number) for number in bins_of(azimuth, elevation, symmetry).tolist()]


def population(score, *, key=None, attempt=None, class_id=None, view_bin=None) -> Population:
    count = len(score)

    def column(values, default):
        return np.array(default if values is None else values, np.int64)

    return Population(
        key=column(key, range(count)),
        attempt=column(attempt, [0] * count),
        class_id=column(class_id, [0] * count),
        view_bin=column(view_bin, [0] * count),
        score=np.array(score, np.float64),
    )


def test_bins_are_about_the_eight_directions():
    assert bins((0, -1, 1), (22, 0, 1), (23, 29, 1), (338, 30, 1), (337, 90, 1)) == [
        "front below", "front level", "front-left level", "front above", "front-right above",
    ]  # fmt: skip
    assert bins((90, 0, 1), (180, 0, 1), (270, 0, 1)) == ["left level", "rear level", "right level"]
    everywhere = bins_of(np.arange(0, 360, 0.5), np.zeros(720), np.ones(720, np.int64))
    assert np.unique(everywhere, return_counts=True)[1].tolist() == [90] * 8


@pytest.mark.parametrize("order", [2, 3, 4, 5, 6, 8, 12])
def test_views_that_look_the_same_share_a_bin(order):
    azimuth = np.arange(0, 360, 0.25) + 0.1
    symmetry = np.full(len(azimuth), order)
    found = bins_of(azimuth, np.zeros_like(azimuth), symmetry)
    turned = bins_of((azimuth + 360 / order) % 360, np.zeros_like(azimuth), symmetry)
    assert (found == turned).all()
    counts = np.unique(found, return_counts=True)[1]
    assert len(counts) == azimuth_bins(order) == max(1, round(8 / order))
    assert counts.max() - counts.min() <= 2 * order, "bins of one object are equally wide"


def test_a_body_of_revolution_has_one_bin_of_azimuth():
    assert set(bins((0, 10, 0), (90, 10, 0), (200, 10, 0))) == {"front level"}


def test_rate_keeps_the_best_share_of_every_group():
    score = np.linspace(0.01, 0.99, 80)
    class_id = np.repeat([0, 1], 40)
    found = decide(population(score, class_id=class_id), Keep(rate=0.75, per=("class",), at_least=0.0))
    assert [int(found.keep[class_id == number].sum()) for number in (0, 1)] == [30, 30]
    for number in (0, 1):
        own = class_id == number
        assert score[own & found.keep].min() > score[own & ~found.keep].max()
        assert (found.threshold[own] == score[own & found.keep].min()).all()
    together = decide(population(score, class_id=class_id), Keep(rate=0.75, per=(), at_least=0.0))
    assert [int(together.keep[class_id == number].sum()) for number in (0, 1)] == [20, 40]


def test_small_view_bins_of_a_class_are_judged_together():
    view_bin = np.repeat([0, 1, 2, 3], [SMALL, SMALL - 1, 10, 30])
    score = np.arange(len(view_bin)) / 100
    found = decide(population(score, view_bin=view_bin), Keep(rate=0.5, at_least=0.0))
    kept = [int(found.keep[view_bin == number].sum()) for number in range(4)]
    assert kept == [10, 5, 10, 15], "bins 1 and 2 are one group of 29, of which 15 are kept, the best"
    assert len(set(found.threshold.tolist())) == 3


def test_a_rate_of_nothing_and_of_everything():
    score = [0.0, 0.5, 1.0]
    assert decide(population(score), Keep(rate=0.0, at_least=0.0)).keep.tolist() == [False] * 3
    assert decide(population(score), Keep(rate=1.0, at_least=0.0)).keep.tolist() == [True] * 3
    assert decide(population(score), None).keep.tolist() == [True] * 3


def test_equal_scores_pass_together():
    found = decide(population([0.5] * 10 + [0.1]), Keep(rate=0.3, at_least=0.0))
    assert found.keep.tolist() == [True] * 10 + [False]


def test_the_floor_holds_in_every_bin_and_is_told():
    view_bin = [0] * 6 + [1] * 3 + [2]
    score = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, 0.05]
    found = decide(population(score, view_bin=view_bin), Keep(threshold=0.65, at_least=0.5))
    assert found.keep.tolist() == [True, True, True, False, False, False, True, True, False, True]
    assert np.flatnonzero(found.rescued).tolist() == [6, 7, 9]
    without = decide(population(score, view_bin=view_bin), Keep(threshold=0.65, at_least=0.0))
    assert np.flatnonzero(without.keep).tolist() == [0, 1, 2]
    assert not without.rescued.any()


def test_the_floor_holds_whatever_the_scores():
    random = np.random.default_rng(0)
    for _ in range(20):
        samples = population(
            random.random(300), class_id=random.integers(0, 3, 300), view_bin=random.integers(0, 24, 300)
        )
        keep = Keep(rate=float(random.random()), at_least=float(random.random()))
        found = decide(samples, keep)
        for class_id in range(3):
            for view_bin in range(24):
                own = (samples.class_id == class_id) & (samples.view_bin == view_bin)
                if own.any():
                    assert found.keep[own].mean() >= keep.at_least - 1e-9
                    low, high = samples.score[own & ~found.keep], samples.score[own & found.keep]
                    assert not len(low) or not len(high) or low.max() <= high.min(), "the best of a bin are kept"


def test_what_is_not_judged_is_kept_and_moves_no_bar():
    score = [0.1, 0.2, NOT_JUDGED, 0.3, 0.4, NOT_JUDGED]
    found = decide(population(score), Keep(rate=0.5, at_least=0.0))
    assert found.keep.tolist() == [False, False, True, True, True, True]
    assert found.threshold[0] == 0.3
    assert decide(population([NOT_JUDGED] * 3), Keep(rate=0.1)).keep.all()


def test_a_retry_is_measured_by_the_bar_of_the_first_attempts_and_the_best_kept_one_is_chosen():
    key = [0, 0, 1, 1, 1, 2, 3]
    attempt = [0, 1, 0, 1, 2, 0, 0]
    score = [0.1, 0.85, 0.2, 0.15, 0.1, 0.9, 0.8]
    found = decide(population(score, key=key, attempt=attempt), Keep(rate=0.5, at_least=0.0))
    assert set(found.threshold) == {0.8}
    assert found.keep.tolist() == [False, True, False, False, False, True, True]
    assert np.flatnonzero(found.chosen).tolist() == [1, 2, 5, 6], "of key 1 none is kept: its best stands for it"
    floor = decide(population(score, key=key, attempt=attempt), Keep(rate=0.5, at_least=1.0))
    assert np.flatnonzero(floor.rescued).tolist() == [2], "one attempt of the key that lost all"
    tie = decide(population([0.5, 0.5], key=[0, 0], attempt=[1, 0]), Keep(threshold=0.1))
    assert np.flatnonzero(tie.chosen).tolist() == [1]


def test_wilson_against_a_hand_worked_case():
    assert wilson(0, 0) == 0.0
    centre, half = 0.8 + Z**2 / 20, Z * np.sqrt(0.16 / 10 + Z**2 / 400)
    assert wilson(8, 10) == pytest.approx((centre - half) / (1 + Z**2 / 10)) == pytest.approx(0.6016, abs=1e-4)
    assert wilson(80, 100) > wilson(8, 10)


def test_precision_takes_the_lowest_score_that_shows_it():
    score = np.arange(200) / 200
    good = (score >= 0.4).astype(float)
    bar = threshold_for(0.9, score, good)
    kept = score >= bar
    assert wilson(good[kept].sum(), int(kept.sum())) >= 0.9
    below = score >= np.sort(score[score < bar])[-1]
    assert wilson(good[below].sum(), int(below.sum())) < 0.9
    samples = population([*score, 0.99])
    found = decide(samples, Keep(precision=0.9, at_least=0.0), dict(enumerate(good.tolist())))
    assert (found.keep[:200] == kept).all()
    with pytest.raises(UsageError, match=r"cannot be shown with 200 rated samples: the best lower bound is 0\.98"):
        threshold_for(0.999, score, good)
    with pytest.raises(UsageError, match="needs rated samples"):
        decide(samples, Keep(precision=0.9), {})


def test_ratings_are_read_and_checked(tmp_path):
    store = Store(tmp_path)
    assert read_ratings(store) == {}
    (tmp_path / "ratings.tsv").write_text("key\tgood\tpass\na\t1\t1\nb\t0\t1\na\t0\t2\n")
    assert read_ratings(store) == {"a": 0.5, "b": 0.0}
    (tmp_path / "ratings.tsv").write_text("key\tgood\na\tyes\n")
    with pytest.raises(UsageError, match="line 2: good is 'yes'"):
        read_ratings(store)
    (tmp_path / "ratings.tsv").write_text("key,good\na,1\n")
    with pytest.raises(UsageError, match="must name the columns"):
        read_ratings(store)
