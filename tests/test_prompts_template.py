"""Templates: the reference's words, the fields, and tidy sentences."""

from __future__ import annotations

import pytest

from dst3d_datasets.errors import RecipeError
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.prompts.template import MAX_KEYWORDS, Template, article
from dst3d_datasets.recipe.options import TemplatePromptOptions


def ref(**fields):
    return ModelRef(**{"source": "shapenet", "model_id": "m", "class_name": "airliner", **fields})


def words(text, **fields):
    return Template(TemplatePromptOptions(text=text)).prompt(ref(**fields), 7).text


def test_the_references_prompt_word_for_word():
    prompt = Template(TemplatePromptOptions(text="reference")).prompt(ref(keywords=("jet",), title="A380"), 1)
    assert prompt.text == "An image of airliner, best quality, extremely detailed"
    assert prompt.negative == (
        "longbody, lowres, bad anatomy, bad hands, missing fingers, extra digit, fewer digits, cropped, "
        "worst quality, low quality"
    )


def test_the_seed_and_earlier_prompts_play_no_part():
    template = Template(TemplatePromptOptions())
    assert template.prompt(ref(), 1) == template.prompt(ref(), 2)
    assert template.counts() == {}


@pytest.mark.parametrize(
    ("text", "fields", "expected"),
    [
        ("{article} {keywords} {class_name}", {"keywords": ("red", "open roof")}, "A red, open roof airliner"),
        ("{article} {keywords} {class_name}", {}, "An airliner"),
        ("a photo of {article} {class_name}, {keywords}, sharp", {}, "a photo of an airliner, sharp"),
        ("a photo of {article} {class_name} ({keywords})", {}, "a photo of an airliner"),
        ("{title}, {class_name}", {}, "airliner"),
        ("{class_name}, {keywords}.", {}, "airliner."),
        ("{title}: {class_name}", {"title": " My\n  Plane\t2 "}, "My Plane 2: airliner"),
        ("{class_name} {{raw}}", {}, "airliner {raw}"),
        ("{article} {class_name}", {"class_name": "park_bench"}, "A park bench"),
        ("{keywords}", {"keywords": ("Airliner", "jet", "JET", " ", "wide_body")}, "jet, wide body"),
        ("{title}", {"title": "{class_name} {0} {x!r}"}, "{class_name} {0} {x!r}"),
    ],
)
def test_fields_are_filled_and_the_sentence_tidied(text, fields, expected):
    assert words(text, **fields) == expected


def test_keywords_are_bounded():
    assert words("{keywords}", keywords=tuple(f"k{i}" for i in range(50))).count(",") == MAX_KEYWORDS - 1


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("airliner", "an"), ("teapot", "a"), ("unicycle", "a"), ("umbrella", "an"), ("unusual", "an"),
        ("unmarked", "an"), ("unidentified", "an"), ("hourglass", "an"), ("house", "a"), ("European", "a"),
        ("one-eyed", "a"), ("onion", "an"), ("SUV", "an"), ("UFO", "a"), ("X-ray", "an"), ("T-shirt", "a"),
        ("ukulele", "a"), ("iPod", "an"), ("ewer", "a"), ("oboe", "an"), ("8", "a"),
    ],
)  # fmt: skip
def test_articles_follow_the_sound(word, expected):
    assert article(word) == expected


@pytest.mark.parametrize(
    "text", ["a {klass}", "{class_name!r}", "{class_name:>10}", "{class_name.x}", "{}", "{0}", "a {"]
)
@pytest.mark.parametrize("field", ["text", "negative"])
def test_unknown_fields_are_refused_with_the_choices(text, field):
    with pytest.raises(RecipeError, match=r"class_name\}.*keywords.*title") as caught:
        Template(TemplatePromptOptions(**{field: text}))
    assert f"prompts.{field}" in str(caught.value)
