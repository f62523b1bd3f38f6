"""Captions put together from phrases: what is around the object, as far as it suits its class.

A small language model writes poor sentences, and knows well what belongs where: it is asked which of the phrases in
`data/prompt_scenes.tsv` suit a class (see `writer`), and the sentence is put together here, by seeds. Nothing here says
from where the object is seen.

A row of that table is kind, phrase and facts, tab between. A fact `season=winter` or `land=sea,shore` says in which
worlds a phrase is true: the attribute has one of these values (`sky!=fog`: any but these); what is not said may be
anything. Phrases go together when one world makes them all true: for every attribute, what they allow has a value in
common. So no caption has falling snow under a low sun, sunshine at night, or brick walls behind a tiled kitchen's.
`data/prompt_classes.tsv` says of every class of ImageNet-1k how large it is and where it may be, so that no park bench
stands on a sofa and no carp flies; other classes may be anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TypeVar

from ..errors import RecipeError
from ..seeds import uniform
from . import english

KEPT = 0.18  # share of the places that a class is shown in: those that suit it best
LOOKS_KEPT = 0.25
SETTINGS = ("in", "out", "under")  # of places: indoors, outdoors, under water
_LOOK, _MORE = 0.6, 0.8  # share of captions that say a look, and that say what is behind

WORLD: dict[str, tuple[str, ...]] = {
    "time": ("morning", "day", "evening", "dusk", "night"),
    "sky": ("clear", "some", "grey", "storm", "fog", "rain", "snow"),
    "tint": ("blue", "warm", "grey", "dark"),  # of the sky
    "season": ("spring", "summer", "autumn", "winter"),
    "ground": ("dry", "wet", "snow", "water"),
    "water": ("calm", "rough"),
    "surface": ("asphalt", "stone", "earth", "gravel", "grass", "wood", "table", "sand", "pebbles", "ice"),
    "trees": ("pine", "birch"),
    "land": (
        "town", "road", "garden", "farm", "field", "wood", "jungle", "swamp", "river", "lake", "shore", "sea",
        "harbour", "desert", "savanna", "mountain", "air", "airfield", "sport", "site", "fair", "ruin",
    ),
    "room": ("home", "eat", "shop", "hall", "work", "clinic", "farm", "church", "stage", "studio", "tank"),
    "walls": (
        "brick", "white", "wood", "blue", "paper", "concrete", "tiles", "cream", "yellow", "books", "glass",
        "backdrop",
    ),
    "floor": ("wood", "tiled", "chequered", "concrete", "rug", "stone"),
    "window": ("yes", "no"),
    "order": ("tidy", "plain", "messy"),
    "tone": ("bright", "soft", "dark"),
    "sun": ("yes", "no"),  # whether it shines
    "size": ("small", "lap", "medium", "large", "huge"),  # of the object: up to a table's, a sofa's, a room's, a road's
    "realm": ("land", "air", "water", "under", "catch"),  # where it may be; under water; where a catch is brought
}  # fmt: skip

Item = TypeVar("Item")
Facts = Mapping[str, frozenset[str]]  # attribute -> the values that it may have; any where it is not said


@dataclass(frozen=True, slots=True)
class Suited:
    """Phrases that suit a class, each with a weight; the weights of each tuple are positive."""

    places: tuple[tuple[str, float], ...]
    looks: tuple[tuple[str, float], ...] = ()


@cache
def table() -> dict[str, dict[str, Facts]]:
    """kind -> phrase -> facts. Kinds: place-, light- and behind- with a setting, weather, look, frame.

    Raises:
        RecipeError: a fact that `WORLD` does not know.
    """
    text = (resources.files("dst3d_datasets") / "data" / "prompt_scenes.tsv").read_text(encoding="utf-8")
    found: dict[str, dict[str, Facts]] = {}
    for line in text.splitlines():
        kind, phrase, facts = (*line.split("\t"), "")[:3]
        found.setdefault(kind, {})[phrase] = _facts(facts, phrase)
    return found


def phrases(kind: str) -> tuple[str, ...]:
    """The phrases of one kind."""
    return tuple(table()[kind])


def places() -> tuple[str, ...]:
    """Every place: indoors, outdoors, under water."""
    return tuple(place for setting in SETTINGS for place in phrases(f"place-{setting}"))


def class_facts(synset: str) -> Facts:
    """What is known of a class of ImageNet-1k: its size and realm; nothing of others."""
    return _classes().get(synset, {})


def places_for(facts: Facts) -> tuple[str, ...]:
    """The places where an object with these facts may be."""
    return tuple(place for place in places() if joined(facts, _of_place(place)) is not None)


@cache
def lights(place: str) -> tuple[str, ...]:
    """The lights that a place may have."""
    return _fitting(f"light-{setting_of(place)}", _of_place(place))


@cache
def behind(place: str, light: str) -> tuple[tuple[str, ...], ...]:
    """What may be behind an object at a place in a light: surroundings and, outdoors, weather; none of them empty."""
    setting = setting_of(place)
    world = joined(_of_place(place), table()[f"light-{setting}"][light])
    assert world is not None, (place, light)
    kinds = (f"behind-{setting}", "weather") if setting == "out" else (f"behind-{setting}",)
    return tuple(found for kind in kinds if (found := _fitting(kind, world)))


@cache
def setting_of(place: str) -> str:
    """The setting that a place is in."""
    return next(setting for setting in SETTINGS if place in table()[f"place-{setting}"])


def joined(one: Facts, other: Facts) -> Facts | None:
    """The facts of two phrases together; None where they contradict each other."""
    both = {name: one.get(name, values) & values for name, values in other.items()}
    return {**one, **both} if all(both.values()) else None


def best(scored: Sequence[tuple[str, float]], share: float) -> tuple[tuple[str, float], ...]:
    """The best-scored share of the phrases (at least one), the first weighing three times as much as the last.

    Weights go by rank and not by score, so that a model's last bits decide nothing but the order of near equals.
    """
    ranked = sorted(scored, key=lambda item: (-item[1], item[0]))[: max(1, round(share * len(scored)))]
    last = max(1, len(ranked) - 1)
    return tuple((phrase, 3.0 - 2.0 * rank / last) for rank, (phrase, _) in enumerate(ranked))


def compose(name: str, article: str, suited: Suited, seed: int, look: str | None = None) -> str:
    """One caption.

    Args:
        name: the class's name.
        article: "a", "a pair of" or "": what the name takes (the sound of the next word is seen to).
        suited: phrases to choose from.
        seed: chooses.
        look: the object's colour or material where it is known, empty for none; None: one that suits the class.
    """
    place = _chosen(suited.places, seed, "place")
    light = _one(lights(place), seed, "light")
    pools = behind(place, light)
    more = _one(_one(pools, seed, "sky"), seed, "behind") if pools and uniform(seed, "more") < _MORE else ""
    if look is None:
        world = _together(place, light, more)
        looks = tuple(
            (text, weight) for text, weight in suited.looks if joined(world, table()["look"].get(text, {})) is not None
        )
        look = _chosen(looks, seed, "look") if looks and uniform(seed, "has look") < _LOOK else ""
    thing = " ".join(part for part in (_article(article, look or name), look, name) if part)
    frame = _one(phrases("frame"), seed, "frame")
    if not more:
        for gap in (", {more}", " and {more}", " with {more}"):
            frame = frame.replace(gap, "")
    if "," in name:  # "a crane, a wading bird, in a swamp"
        frame = frame.replace("{thing} ", "{thing}, ")
    return " ".join(frame.format(thing=thing, place=place, light=light, more=more).split())


def _together(place: str, light: str, more: str) -> Facts:
    """The facts of phrases that go together."""
    setting, rows = setting_of(place), table()
    world = joined(_of_place(place), rows[f"light-{setting}"][light]) or {}
    of_more = rows[f"behind-{setting}"].get(more) or (rows["weather"].get(more) if setting == "out" else None) or {}
    return joined(world, of_more) or {}


def _of_place(place: str) -> Facts:
    return table()[f"place-{setting_of(place)}"][place]


def _fitting(kind: str, world: Facts) -> tuple[str, ...]:
    return tuple(phrase for phrase, facts in table()[kind].items() if joined(world, facts) is not None)


def _facts(text: str, phrase: str) -> Facts:
    found: dict[str, frozenset[str]] = {}
    for fact in text.split():
        name, _, values = fact.partition("=")
        told, known = frozenset(values.split(",")), frozenset(WORLD.get(name.rstrip("!"), ()))
        if not told or not told <= known:
            raise RecipeError(f"prompt_scenes.tsv: {phrase}: {fact}: known are {', '.join(sorted(known)) or 'no such'}")
        found[name.rstrip("!")] = known - told if name.endswith("!") else told
    return found


@cache
def _classes() -> dict[str, Facts]:
    text = (resources.files("dst3d_datasets") / "data" / "prompt_classes.tsv").read_text(encoding="utf-8")
    rows = (line.partition("\t") for line in text.splitlines())
    return {synset: _facts(facts, synset) for synset, _, facts in rows}


def _article(article: str, following: str) -> str:
    return english.article(following) if article == "a" else article


def _one(choices: Sequence[Item], seed: int, what: str) -> Item:
    return choices[int(uniform(seed, what) * len(choices))]


def _chosen(weighted: Sequence[tuple[str, float]], seed: int, what: str) -> str:
    point = uniform(seed, what) * sum(weight for _, weight in weighted)
    for phrase, weight in weighted:
        point -= weight
        if point < 0:
            return phrase
    return weighted[-1][0]
