"""What a recipe says of scores: names and options, one bar, and that none of it changes a sample."""

from __future__ import annotations

import pytest
from _scorers import install_scorers

from dst3d_datasets.errors import RecipeError
from dst3d_datasets.recipe import (
    Keep,
    dump,
    fingerprint,
    load_recipe,
    overridden,
    sample_fingerprint,
    to_yaml,
    validate,
)

IMPORTED = {"kind": "imported", "file": "losses.json"}


def test_bare_names_are_short_for_options(tmp_path, monkeypatch):
    install_scorers(tmp_path / "site", monkeypatch)
    recipe = validate({"scores": ["toy", {"kind": "toy_late", "anything": [1, 2]}, IMPORTED]})
    assert [scorer.kind for scorer in recipe.scores] == ["toy", "toy_late", "imported"]
    assert recipe.scores[1].model_extra == {"anything": [1, 2]}
    assert validate(dump(recipe)) == recipe
    (tmp_path / "recipe.yaml").write_text(to_yaml(recipe))
    assert load_recipe(tmp_path / "recipe.yaml").scores[2].file == str(tmp_path / "losses.json")


def test_scores_keep_and_release_change_no_sample():
    plain = validate({})
    scored = validate({"scores": [IMPORTED], "keep": {"rate": 0.9}, "release": {"rejected": "keep"}})
    assert fingerprint(plain) == fingerprint(scored)
    assert sample_fingerprint(plain) == sample_fingerprint(scored)


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"scores": ["kfc"]}, r"scores: there is no scorer 'kfc'; known: .*imported"),
        ({"scores": [{"file": "x"}]}, r"scores: there is no scorer ''; known: "),
        ({"scores": ["imported"]}, r"scores\.0\.file: Field required"),
        (
            {"scores": [{**IMPORTED, "fold": 5}]},
            r"scores\.0\.fold: unknown field; did you mean|scores\.0\.fold: unknown",
        ),
        ({"scores": [IMPORTED, IMPORTED]}, "imported is there twice"),
        ({"keep": {"rate": 0.9}}, "no score to decide by"),
        ({"scores": [IMPORTED], "keep": {}}, "give one of rate, threshold and precision; got none"),
        ({"scores": [IMPORTED], "keep": {"rate": 0.9, "precision": 0.9}}, "got rate and precision"),
        ({"scores": [IMPORTED], "keep": {"rate": 1.5}}, r"keep\.rate: .*less than or equal to 1"),
        ({"scores": [IMPORTED], "keep": {"rate": 0.5, "per": ["views"]}}, r"keep\.per\.0: .*'class' or 'view'"),
        ({"scores": [IMPORTED], "keep": {"rate": 0.5, "per": ["view", "view"]}}, "a word is given twice"),
        ({"release": {"rejected": "hide"}}, r"release\.rejected: .*'drop' or 'keep'"),
    ],
)
def test_what_is_wrong_is_told_with_its_path(sections, said):
    with pytest.raises(RecipeError, match=said):
        validate(sections)


def test_single_fields_are_replaced_also_where_there_was_nothing():
    recipe = validate({"scores": [IMPORTED]})
    changed = overridden(recipe, ["keep.rate=0.8", "keep.at_least=0"])
    assert changed.keep == Keep(rate=0.8, at_least=0.0)
    assert overridden(changed, ["keep.rate=null", "keep.threshold=0.5"]).keep == Keep(threshold=0.5, at_least=0.0)
    assert overridden(changed, ["keep=null"]) == recipe
