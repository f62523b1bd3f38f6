"""Words of a prompt: keywords cleaned by a stated policy, class names that mean one thing, articles and plurals."""

from __future__ import annotations

import pytest

from dst3d_datasets import imagenet
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.prompts import english, names
from dst3d_datasets.prompts.keywords import clean_keywords, kind_of, listed
from dst3d_datasets.prompts.template import Template
from dst3d_datasets.recipe.options import TemplatePromptOptions


def ref(name, keywords=(), synset=""):
    return ModelRef(source="s", model_id="m", class_name=name, synset=synset, keywords=keywords)


def said(name, keywords=(), text="keywords"):
    entry = imagenet.find(name)
    model = ref(name, keywords, entry.synset if entry else "")
    return Template(TemplatePromptOptions(text=text)).prompt(model, 0).text


@pytest.mark.parametrize(
    ("name", "keywords", "expected"),
    [
        ("convertible", ("red sports car with open roof",), ["red sports car", "image of a convertible,"]),
        ("airliner", (), ["An image of an airliner"]),
        ("hay", ("dry",), ["An image of hay, dry"]),
        ("sunglasses", ("dark",), ["An image of a pair of sunglasses, dark"]),
        ("swimming_trunks", (), ["An image of a pair of swimming trunks"]),
        ("projectile", (), ["An image of an artillery projectile"]),
        ("hourglass", (), ["An image of an hourglass"]),
    ],
)
def test_the_default_says_class_and_keywords(name, keywords, expected):
    for part in expected:
        assert part in said(name, keywords)


@pytest.mark.parametrize(
    ("keyword", "reason"),
    [
        ("", "empty"), (" -- ", "empty"), ("машина", "script"), ("椅子", "script"), ("کرسی", "script"),
        ("🚗", "script"), ("red 🚗", "script"), ("coche", "language"), ("Chaise", "language"), ("küche", "language"),
        ("de la silla", "language"), ("car_v2.obj", "file"), ("https://x.y/z", "file"), ("#chair", "file"),
        ("@maker", "file"), ("textures/wood", "file"), ("001", "number"), ("1:18", "number"), ("mk2x4", "number"),
        ("2019", "number"), ("lowpoly", "spam"), ("Low_Poly", "spam"), ("Game-Ready", "spam"),
        ("FREE DOWNLOAD", "spam"),
        ("3D Model", "spam"), ("pbr", "spam"), ("CC0", "spam"), ("Ferrari", "brand"), ("red ferrari", "brand"),
        ("Coca-Cola bottle", "brand"), ("star wars", "brand"), ("sexy car", "profanity"), ("NSFW", "profanity"),
        ("side view", "view"), ("top-down", "view"), ("Close up", "view"),
        ("this is the first thing that I ever made for a friend", "long"), ("chair", "class"), ("Chairs", "class"),
    ],
)  # fmt: skip
def test_what_is_left_out_and_why(keyword, reason):
    kept, left_out = clean_keywords((keyword,), "chair")
    assert (kept, dict(left_out)) == ([], {reason: 1})


@pytest.mark.parametrize(
    ("keyword", "kept"),
    [
        ("Red_Sports-Car", "red sports-car"), ("open roof", "open roof"), ("SUV", "SUV"), ("café table", "café table"),
        ("19th century", "19th century"), ("free-standing", "free-standing"), ("free red car", "free red car"),
        ("black and white", "black and white"), ("wood", "wood"), ("folding chair", "folding chair"),
        ("T-shirt", "t-shirt"), ("mid-century", "mid-century"), ("class", "class"), ("grape", "grape"),
        ("therapist couch", "therapist couch"), ("Sussex", "sussex"), ("pineapple", "pineapple"),
    ],
)  # fmt: skip
def test_what_is_kept(keyword, kept):
    assert clean_keywords((keyword,), "chair")[0] == [kept]


def test_doubles_fall_together_and_the_number_is_bounded():
    kept, left_out = clean_keywords(("Jet", "JETs", "jet", *(f"word {c}" for c in "abcdefghij")))
    assert kept == ["jet", *(f"word {c}" for c in "abcdefg")]
    assert left_out == {"twice": 2, "many": 3}


def test_every_listed_word_has_one_kind_and_is_found():
    kinds = ("spam", "brand", "profanity", "language", "view")
    assert all(len(listed(kind)) > 5 for kind in kinds)
    for kind in ("brand", "profanity"):
        assert all(kind_of(word) == kind for word in listed(kind))


def test_keywords_of_our_own_models_are_all_kept():
    from dst3d_datasets.recipe.options import PrimitivesOptions
    from dst3d_datasets.sources.primitives import Primitives

    source = Primitives(PrimitivesOptions(kind="primitives"))
    for model in source.models():
        kept, left_out = clean_keywords(model.keywords, model.class_name)
        assert kept, model.keywords
        assert not set(left_out) - {"class", "twice", "many"}, (model.keywords, left_out)


def test_names_that_mean_two_things_are_told_apart():
    by_name = {}
    for entry in imagenet.classes():
        by_name.setdefault(names.name_of(ref(entry.name, synset=entry.synset)).text.lower(), []).append(entry.index)
    doubles = {name: found for name, found in by_name.items() if len(found) > 1}
    assert doubles == {"sunglasses": [836, 837], "ear of corn": [987, 998]}  # the same things twice in ImageNet
    cranes = [names.name_of(ref("crane", synset=synset)).text for synset in ("n02012849", "n03126707")]
    assert cranes == ["crane, a wading bird", "construction crane"]
    assert "drum" in said("drumstick")
    assert said("crane", ("yellow",)).startswith("An image of a crane, a wading bird")


def test_another_word_for_a_class_is_left_as_it_is():
    assert names.name_of(ref("tower crane", synset="n03126707")).text == "tower crane"
    assert names.name_of(ref("crane")).text == "crane"
    assert "tower crane" in names.synonyms(ref("tower crane", synset="n03126707"))


def test_the_table_of_changes_is_sound():
    rows = names.changed()
    assert len(rows) > 250
    assert len({row[0] for row in rows}) == len(rows)
    for _, before, after, number, source in rows:
        assert before != after or number != "one"
        assert number in ("one", "pair", "mass")
        assert source in ("clean", "own", "number")
        assert after == after.strip()
        assert not set("(/") & set(after)


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("teapot", "teapots"), ("church", "churches"), ("fox", "foxes"), ("fly", "flies"), ("monkey", "monkeys"),
        ("wolf", "wolves"), ("timber wolf", "timber wolves"), ("fireman", "firemen"), ("sheep", "sheep"),
        ("mouse", "mice"), ("cup of tea", "cups of tea"), ("glass of red wine", "glasses of red wine"),
        ("bus", "buses"), ("hay", "hay"), ("jeans", "jeans"), ("human", "humans"), ("potato", "potatoes"),
        ("warplane", "warplanes"), ("clownfish", "clownfish"), ("ox", "oxen"), ("box", "boxes"),
    ],
)  # fmt: skip
def test_plurals(one, many):
    assert english.plural(one) == many


@pytest.mark.parametrize(
    ("noun", "number"),
    [("lens", "one"), ("bus", "one"), ("glass", "one"), ("wine glasses", "pair"), ("flowers", "many"),
     ("abacus", "one"), ("toilet paper", "mass"), ("chain mail", "mass"), ("ear of corn", "one"), ("iris", "one"),
     ("scissors", "pair"), ("", "one")],
)  # fmt: skip
def test_numbers(noun, number):
    assert english.number(noun) == number
