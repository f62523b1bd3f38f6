"""The quality gate: what passes, what does not, and for which reason."""

from __future__ import annotations

import pytest

from dst3d_datasets.prompts.gate import REASONS, Doubles, Subject, faults
from dst3d_datasets.prompts.tokens import counter, estimate

CAR = Subject(("convertible", "drop top"), estimate)

GOOD = (
    "a photo of a red convertible on a coastal road, golden evening light, distant hills",
    "a dark green convertible in a driveway in soft morning light",
    "Convertibles on a wet asphalt road under dark storm clouds",
    "a weathered drop-top outside a brick house, fallen leaves, pale grey daylight",
    "a photo of a convertible by a lake, thin morning fog and low winter sun",
    "a silver convertible with leather seats in an underground car park, neon light",
    "in a town square, a convertible in dappled shade with colourful market stalls",
    "a vintage cream coloured convertible on the side of a country road at dusk",
    "a convertible in front of a glass office tower, crisp cold light",
    "a convertible near a forest, snow on the ground, a café across the road",
)

BAD = {
    "no_class": (
        "a photo of a red car on a coastal road at dusk",
        "a photo of a convertibly red thing in the rain",
        "an open road with golden evening light and hills",
    ),
    "too_long": ("a convertible " + "on a very long and winding coastal road in the evening light " * 6,),
    "too_short": ("a red convertible", "convertible on a road"),
    "list": (
        "1. a convertible on a road in the evening light",
        "a convertible on a road\na convertible in a garage at night",
        "- a convertible on a coastal road in the evening",
        "a convertible, red, open, new, fast, low, on a road",
    ),
    "chat": (
        "Sure, here is a caption of a convertible on a coastal road",
        "Here's a photo of a convertible on a coastal road",
        "I can describe a convertible on a coastal road for this",
        "Caption: a convertible on a coastal road at dusk",
        "a convertible on a coastal road, as you asked for",
        "What about a convertible on a coastal road at dusk?",
        "a convertible on a coastal road <|im_end|> at dusk",
    ),
    "second": (
        "a convertible and a school bus on a coastal road at dusk",
        "a convertible with a woman in a red dress at dusk",
        "a man in a convertible on a coastal road at dusk",
        "a convertible next to a parking meter in the evening light",
        "a convertible on a road with two golden retrievers",
        "a dog in a convertible in warm summer light",
        "a convertible near a fire engine on a wet road",
    ),
    "language": (
        "un convertible rojo en la mesa con los perros de casa",
        "ein convertible mit der das und die im haus",
        "a convertible on a дорога with машина and небо",
        "a convertible 在 海岸 公路 上 at dusk light",
    ),
    "viewpoint": (
        "a side view of a convertible on a coastal road",
        "a convertible seen from above on a coastal road",
        "a convertible on a coastal road, close-up, evening light",
        "a convertible facing left on a coastal road at dusk",
        "a convertible facing the camera on a wet road",
        "aerial view of a convertible on a desert road",
        "a convertible photographed from behind in the evening light",
        "a convertible from a low angle on a wet road",
        "bird's eye view of a convertible in a car park",
        "a three-quarter view of a convertible in a driveway",
        "a convertible in profile on a coastal road at dusk",
        "a convertible shown from the front in a garage",
        "a wide shot of a convertible on a mountain road",
        "the silhouette of a convertible against a red sunset sky",
        "a convertible in the distance on a desert road",
        "a macro photo of a convertible on a white table",
        "an upside-down convertible on a desert road at noon",
        "a convertible turned away on a village road at dusk",
        "a rear-view photo of a convertible on a road",
    ),
    "brand": (
        "a Ferrari convertible on a coastal road at dusk",
        "a convertible outside a Starbucks on a rainy evening",
        "a Mercedes-Benz convertible in warm evening light",
    ),
    "profanity": ("a fucking fast convertible on a coastal road", "a convertible with a naked statue on a road"),
    "repeats": (
        "a convertible on a mountain mountain road at dusk",
        "a convertible in snow and snow on a cold road",
        "a convertible by a fire, a fire, a fire, a fire at night",
        "a convertible in the moon light by moon light of a moon",
        "a convertible by a lake road on a lake road in summer",
        "a convertible on a road behind the other convertible",
    ),
    "broken": (
        "a convertible on a coastal road at dusk with",
        "a convertible on a coastal road at dusk and the",
        "a convertible on a coastal road, in soft light,",
    ),
}  # fmt: skip


@pytest.mark.parametrize("caption", GOOD)
def test_good_captions_pass(caption):
    assert faults(caption, CAR) == []


@pytest.mark.parametrize(("reason", "caption"), [(reason, text) for reason, texts in BAD.items() for text in texts])
def test_bad_captions_are_named(reason, caption):
    assert reason in faults(caption, CAR)


def test_every_reason_has_an_example():
    assert set(BAD) | {"double"} == set(REASONS)


@pytest.mark.parametrize(
    ("names", "caption"),
    [
        (("sports car", "sport car"), "a red sports car in a car park, soft morning light"),
        (("side chair",), "a wooden side chair on a carpet in soft morning light"),
        (("lens cap",), "a black lens cap on a desk by a window, cool daylight"),
        (("golden retriever",), "a golden retriever on a lawn in warm summer light"),
        (("apple", "granny smith"), "a green apple on a kitchen counter, soft morning light"),
        (("baseball player", "ballplayer"), "a baseball player on a lawn in hazy sunshine"),
        (("hand-held computer",), "a silver hand-held computer on a glass table in lamp light"),
    ],
)
def test_words_of_the_class_are_never_held_against_it(names, caption):
    assert faults(caption, Subject(names, estimate)) == []


def test_doubles_by_content_words():
    doubles = Doubles()
    assert doubles.add("a red convertible on a coastal road at dusk")
    assert not doubles.add("A red convertible at dusk, on the coastal road")
    assert not doubles.add("a blue convertible on a coastal road at dusk")
    assert not doubles.add("a shiny red convertible on a coastal road at dusk")
    assert doubles.add("a blue convertible on a coastal road in fog")


def test_the_token_bound_is_the_encoders():
    exact = Subject(CAR.names, lambda text: len(text.split()) + 2, most=11)
    assert faults("a red convertible on a coastal road at dusk", exact) == []
    assert faults("a red convertible on a wet coastal road at dusk", exact) == ["too_long"]


def test_tokens_of_a_pipelines_own_tokenizer():
    pytest.importorskip("transformers")
    from dst3d_datasets.generate import controlnet

    folder = controlnet.__file__.replace("controlnet.py", "tiny")
    count, how = counter(folder)
    assert how == "the pipeline's tokenizer"
    assert 4 <= count("a red car") <= 12
    assert counter("owner/name") == (estimate, "upper estimate") == counter("")


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 2), ("a", 3), ("car", 3), ("cars", 4), ("a red car, 1:18", 10), ("é", 5), ("ok ☕", 6)]
)
def test_the_estimate(text, tokens):
    assert estimate(text) == tokens
