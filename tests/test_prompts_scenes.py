"""Composed captions: no two phrases of one contradict each other, in any combination that can be composed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import pytest

from dst3d_datasets import imagenet
from dst3d_datasets.errors import RecipeError
from dst3d_datasets.prompts import scenes
from dst3d_datasets.prompts.gate import Subject, faults
from dst3d_datasets.prompts.scenes import WORLD, Suited, compose, joined
from dst3d_datasets.prompts.tokens import estimate

# What a reader takes from the words alone; written without the facts of the table, to test them.
SAYS = {
    "sunshine": r"\bsun\b|sunshine|sunlight|sunlit|sunrise|dappled shade|evening shadows|golden evening|\bnoon light",
    "blue sky": r"clear blue sky|cloudless|pale empty sky",
    "clouds": r"white clouds|silvery clouds|towering clouds|high clouds|storm clouds|overcast|under clouds|stormy",
    "no sun": r"overcast|storm|falling snow|\brain\b(?<!after rain)|drizzle|fog|pale grey|dull|faint|under clouds",
    "night": r"moonlight|night|stars in|in the dark|dark sky",
    "daylight": r"\bsun\b|sunshine|daylight|midday|afternoon|morning|noon|sunrise|rainbow|blue sky|white clouds|shade",
    "morning": r"morning|sunrise",
    "evening": r"evening|dusk|last light|blue hour|night|moonlight",
    "winter": r"winter|(?<!melting )snow|frost on|frozen",
    "spring": r"spring sunshine|wild flowers|field of flowers|meadow",
    "summer": r"summer|heat|humid|wheat|rose garden|rainforest",
    "autumn": r"autumn|fallen leaves",
    "leaves": r"tall green trees|green grass|thick bushes|vines|ivy",
    "dry": r"\bdry\b|drifting dust|desert|canyon|savanna",
    "wet": r"\bwet\b|\brain\b|drizzle|puddles|shower|swamp",
    "at sea": r"open sea|calm lake|high in the air",
    "solid ground": r"\bground\b|asphalt|puddles|snow on|untouched snow|fence|buildings|houses|grass|pebbles|gravel",
    "calm": r"\bcalm\b|still",
    "rough": r"strong wind|white foam|small waves",
    "falling water": r"light rain|heavy rain|drizzle",
    "mist": r"fog|mist",
    "far sight": r"distant|horizon|snowy peaks|rolling",
    "no window": r"basement|underground|server room|concert stage|theatre|supermarket",
    "window light": r"window|blinds|through curtains|striped curtains|sunlight|daylight|morning light|afternoon",
    "dark": r"dim|candlelight|fire light|dark background|deep black",
    "bright": r"bright|harsh|fluorescent",
    "tidy": r"clean minimal|modern kitchen|hospital|laboratory|gallery",
    "messy": r"cluttered|cardboard|scattered paper|full of dust|worn paint|faded posters|dust in the air",
}
WALLS = r"brick|white plaster|panelling|blue walls|wallpaper|concrete walls|green tiles|cream|yellow walls|white walls"
FLOORS = r"floorboards|chequered|concrete floor|carpet|tiled bathroom floor|stone floor|wooden floor"
SAME = ({"white plaster", "white walls"}, {"floorboards", "wooden floor"})
AGAINST = (
    ("sunshine", "no sun"), ("blue sky", "clouds"), ("blue sky", "no sun"), ("night", "daylight"),
    ("night", "sunshine"),
    ("morning", "evening"), ("winter", "summer"), ("winter", "autumn"), ("summer", "autumn"), ("winter", "leaves"),
    ("spring", "autumn"), ("spring", "winter"), ("dry", "wet"), ("at sea", "solid ground"),
    ("calm", "rough"), ("falling water", "winter"), ("falling water", "blue sky"), ("mist", "far sight"),
    ("no window", "window light"), ("dark", "bright"), ("tidy", "messy"),
)  # fmt: skip


def combinations() -> Iterator[tuple[str, str, str]]:
    """(place, light, what is behind or none) of everything that can be composed."""
    for place in scenes.places():
        for light in scenes.lights(place):
            yield place, light, ""
            for pool in scenes.behind(place, light):
                yield from ((place, light, more) for more in pool)


def test_no_combination_contradicts_itself() -> None:
    says = {name: re.compile(pattern) for name, pattern in SAYS.items()}
    texts = {text for triple in combinations() for text in triple}
    meant = {text: frozenset(name for name, pattern in says.items() if pattern.search(text)) for text in texts}
    far = re.compile("snowy peaks")  # on the horizon: it says nothing of the season here
    found, count = Counter[str](), 0
    for triple in combinations():
        count += 1
        all_said = frozenset().union(*(meant[text] - ({"winter"} if far.search(text) else set()) for text in triple))
        for one, other in AGAINST:
            if one in all_said and other in all_said:
                found[f"{one} / {other}: {', '.join(triple)}"] += 1
    assert count > 20_000
    assert not found, f"{len(found)}: " + "\n".join(list(found)[:20])


@pytest.mark.parametrize("pattern", [WALLS, FLOORS])
def test_a_room_has_one_kind_of_walls_and_floor(pattern: str) -> None:
    kind = re.compile(pattern)
    for triple in combinations():
        said = {match for text in triple for match in kind.findall(text)}
        assert len(said) <= 1 or said in SAME, (triple, said)


def test_under_water_and_indoors_have_no_weather() -> None:
    weather = set(scenes.phrases("weather"))
    for place, _, more in combinations():
        assert scenes.setting_of(place) == "out" or more not in weather, (place, more)


def test_every_place_leaves_a_choice() -> None:
    for place in scenes.places():
        choices = scenes.lights(place)
        assert len(choices) >= 4, place
        for light in choices:
            assert sum(map(len, scenes.behind(place, light))) >= 3, (place, light)


def test_every_phrase_is_used() -> None:
    used = {text for triple in combinations() for text in triple}
    for kind in scenes.table():
        if kind not in ("look", "frame"):
            assert set(scenes.phrases(kind)) <= used, set(scenes.phrases(kind)) - used


def test_facts_are_joined_value_by_value() -> None:
    one, other = {"sky": frozenset({"clear", "fog"})}, {"sky": frozenset({"fog"}), "time": frozenset({"day"})}
    assert joined(one, other) == joined(other, one) == {"sky": frozenset({"fog"}), "time": frozenset({"day"})}
    assert joined(other, {"time": frozenset({"night"})}) is None
    assert joined({}, {}) == {}
    named = {name for rows in scenes.table().values() for facts in rows.values() for name in facts}
    assert set(WORLD) == named
    with pytest.raises(RecipeError, match="sky=green"):
        scenes._facts("sky=green", "a green sky")
    with pytest.raises(RecipeError, match="weather=wet"):
        scenes._facts("weather=wet", "rain")


def said_of(name: str) -> set[str]:
    entry = imagenet.find(name)
    assert entry is not None, name
    return set(scenes.places_for(scenes.class_facts(entry.synset)))


@pytest.mark.parametrize(
    ("name", "may", "may_not"),
    [
        ("teapot", "on a kitchen counter;on a picnic blanket;in a snowy field", "high in the air;on the open sea"),
        ("park bench", "in a hallway;on a lawn", "on a leather sofa;on a marble worktop;on a tree branch"),
        ("golden retriever", "on a leather sofa;on a lawn", "on a bookshelf;in a coral reef"),
        ("tench", "in clear blue water;on a cutting board", "on a city street;high in the air;in a bedroom"),
        ("airliner", "on a runway;high in the air", "in a garage;on the open sea;in a kelp forest"),
        ("container ship", "on the open sea;in a harbour", "on a lawn;in a barn"),
        ("castle", "on a hillside;in a mountain valley", "on a desk by a window;in a driveway"),
        ("school bus", "on a city street;in a garage", "in a bedroom;on a wooden bench"),
        ("goldfinch", "on a tree branch;high in the air", "on the open sea;in a kelp forest"),
    ],
)
def test_a_class_is_where_it_may_be(name: str, may: str, may_not: str) -> None:
    allowed = said_of(name)
    assert set(may.split(";")) <= allowed
    assert set(may_not.split(";")) <= set(scenes.places()) - allowed


def test_every_class_has_a_choice_of_places() -> None:
    few = {entry.name: len(said_of(entry.name)) for entry in imagenet.classes() if len(said_of(entry.name)) < 5}
    assert not few
    assert set(scenes._classes()) == {entry.synset for entry in imagenet.classes()}
    assert scenes.places_for(scenes.class_facts("")) == scenes.places()


def test_captions_are_made_of_what_goes_together() -> None:
    """`compose` takes nothing but the combinations above, and every sentence passes the gate."""
    suited = Suited(tuple((place, 1.0) for place in scenes.places()), (("dusty", 1.0), ("brass", 1.0)))
    allowed = {frozenset(filter(None, triple)) for triple in combinations()}
    kinds = [kind for kind in scenes.table() if kind not in ("look", "frame")]
    known = {text for kind in kinds for text in scenes.phrases(kind)}
    subject, dusty = Subject(("teapot",), estimate), 0
    for seed in range(1500):
        caption = compose("teapot", "a", suited, seed)
        said = {text for text in known if re.search(rf"(?<!\w){re.escape(text)}(?!\w)", caption)}
        assert any(parts <= said for parts in allowed), caption
        assert [reason for reason in faults(caption, subject) if reason != "repeats"] == [], caption
        if "dusty teapot" in caption:
            dusty += 1
            assert not re.search(r"\brain\b|drizzle|snow(?!y peaks)|wet|shower", caption), caption
    assert dusty > 100


def test_a_name_with_a_comma_is_closed_by_one() -> None:
    suited = Suited((("in a swamp", 1.0),))
    for seed in range(60):
        caption = compose("crane, a wading bird", "a", suited, seed)
        assert re.search(r"a crane, a wading bird(,|$)", caption), caption
