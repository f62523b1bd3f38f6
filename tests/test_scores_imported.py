"""The reference's own losses as scores."""

from __future__ import annotations

import json

import numpy as np
import pytest

from dst3d_datasets.errors import UsageError
from dst3d_datasets.recipe.options import ImportedScoreOptions
from dst3d_datasets.scores import NOT_JUDGED
from dst3d_datasets.scores.imported import ImportedLosses


class Samples:
    """A class of labels without pictures."""

    class_id = "n02690373"

    def __init__(self, *labels):
        self.labels = [dict(zip(("synset", "cad_id", "view"), label, strict=True)) for label in labels]

    def __len__(self):
        return len(self.labels)


def scorer(path, losses):
    path.write_text(json.dumps(losses))
    return ImportedLosses(ImportedScoreOptions(file=str(path)))


def test_losses_become_scores_by_path(tmp_path):
    losses = {"train/n02690373/a1/image_dst/007_00.png": 3.0, "n02690373/a1/image_dst/008_00.png": 0.0}
    judged = scorer(tmp_path / "kcf_losses.json", losses).judge(
        Samples(("n02690373", "a1", 7), ("n02690373", "a1", 8), ("n02690373", "a1", 9), ("n02690373", "b", 7)), None
    )
    np.testing.assert_allclose(judged.scores["imported"], [np.exp(-1), 1.0, NOT_JUDGED, NOT_JUDGED])
    assert [bool(reason) for reason in judged.reasons] == [False, False, True, True]
    np.testing.assert_array_equal(judged.details["imported_loss"], [3.0, 0.0, np.nan, np.nan])


def test_several_pictures_of_a_view_have_the_numbers_that_an_import_gives_them(tmp_path):
    losses = {"n02690373/a1/x/007_00.png": 3.0, "n02690373/a1/x/007_01.png": 6.0}
    judged = scorer(tmp_path / "l.json", losses).judge(Samples(("n02690373", "a1", 701), ("n02690373", "a1", 7)), None)
    np.testing.assert_allclose(judged.scores["imported"], [np.exp(-2), NOT_JUDGED])


def test_revisions_follow_the_content_and_other_files_are_refused(tmp_path):
    first = scorer(tmp_path / "a.json", {"n02690373/a1/x/007_00.png": 3.0}).revision
    assert first == scorer(tmp_path / "b.json", {"n02690373/a1/x/007_00.png": 3.0}).revision
    assert first != scorer(tmp_path / "a.json", {"n02690373/a1/x/007_00.png": 3.1}).revision
    with pytest.raises(UsageError, match="not a table of losses"):
        scorer(tmp_path / "a.json", [1, 2]).judge(Samples(("n02690373", "a1", 1)), None)
    with pytest.raises(UsageError, match="cannot be read"):
        _ = ImportedLosses(ImportedScoreOptions(file=str(tmp_path / "none.json"))).revision
