"""Captions put together from phrases: what is around the object, as far as it suits its class.

A small language model writes poor sentences, and knows well what belongs where: it is asked which of the phrases in
`data/prompt_scenes.tsv` suit a class (see `writer`), and the sentence is put together here, by seeds. Nothing here says
from where the object is seen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from ..seeds import uniform
from . import english

KEPT = 0.18  # share of the places that a class is shown in: those that suit it best
LOOKS_KEPT = 0.25
_LOOK, _MORE = 0.6, 0.8  # share of captions that say a look, and that say what is behind


@dataclass(frozen=True, slots=True)
class Suited:
    """Phrases that suit a class, each with a weight; the weights of each tuple are positive."""

    places: tuple[tuple[str, float], ...]
    looks: tuple[tuple[str, float], ...] = ()


@cache
def phrases(kind: str) -> tuple[str, ...]:
    """The phrases of one kind: place-, light- and behind- with -in or -out, weather, look, frame."""
    text = (resources.files("dst3d_datasets") / "data" / "prompt_scenes.tsv").read_text(encoding="utf-8")
    rows = (line.partition("\t") for line in text.splitlines())
    return tuple(phrase for of, _, phrase in rows if of == kind)


def places() -> tuple[str, ...]:
    """Every place, indoors first."""
    return phrases("place-in") + phrases("place-out")


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
    inside = place in phrases("place-in")
    where = "in" if inside else "out"
    light = _one(phrases(f"light-{where}"), seed, "light")
    behind = phrases(f"behind-{where}") if inside or uniform(seed, "sky") < 0.5 else phrases("weather")
    if look is None:
        look = _chosen(suited.looks, seed, "look") if suited.looks and uniform(seed, "has look") < _LOOK else ""
    thing = " ".join(part for part in (_article(article, look or name), look, name) if part)
    frame = _one(phrases("frame"), seed, "frame")
    more = _one(behind, seed, "behind")
    if uniform(seed, "more") > _MORE:
        for gap in (", {more}", " and {more}", " with {more}"):
            frame = frame.replace(gap, "")
    return " ".join(frame.format(thing=thing, place=place, light=light, more=more).split())


def _article(article: str, following: str) -> str:
    return english.article(following) if article == "a" else article


def _one(choices: Sequence[str], seed: int, what: str) -> str:
    return choices[int(uniform(seed, what) * len(choices))]


def _chosen(weighted: Sequence[tuple[str, float]], seed: int, what: str) -> str:
    point = uniform(seed, what) * sum(weight for _, weight in weighted)
    for phrase, weight in weighted:
        point -= weight
        if point < 0:
            return phrase
    return weighted[-1][0]
