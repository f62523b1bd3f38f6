"""Captions of one class, written with a language model ahead of generation.

Two styles. `phrases`: the model says which places and looks suit the class and its keywords, and the sentence is put
together from them; right for small models. `free`: the model goes on from examples in its own words; for models of
some billion parameters. Both pass the same gate, and what is rejected is tried again with another seed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ..seeds import seed_of
from . import english
from .gate import Doubles, Subject, faults
from .scenes import KEPT, LOOKS_KEPT, Suited, best, class_facts, compose, phrases, places, places_for

TRIES = 8  # drafts of one caption, the first included
_ARTICLES = {"one": "a", "pair": "a pair of", "many": "", "mass": ""}
_ANCHORS = ("truck", "coffee cup", "guitar", "airplane", "shoe", "dog")  # things in general
_WAYS = ("on a", "in a", "by a", "near a", "on the", "in the")
EXAMPLES = """\
A photo of a teapot, blue glazed, on a worn oak kitchen table, soft morning light through a window, white plaster walls.
A photo of a kayak on a pebble beach by a calm grey lake, misty autumn morning, dark pine trees.
A photo of an airliner, jumbo jet, on a wet concrete runway, low orange evening sun, heavy rain clouds.
A photo of a rocking chair, dark wood, on the porch of a farm house, warm summer afternoon, tall dry grass.
A photo of a street sign in a snowy mountain village, pale winter sky, bare trees and brick houses.
"""
UNSAID = tuple(
    sorted(
        english.words(
            """
            view angle front behind above below side left right face facing close top bottom under camera photo
            image picture person people man men woman women boy girl child hand old you they his her
            """
        )
    )
)


class Model(Protocol):
    """What is asked of a language model; see `language.LanguageModel`."""

    wide: int  # rows that `complete` draws in about the time of one

    def likelihood(self, beginning: str, endings: Sequence[str]) -> list[float]:
        """The log-probability of each ending after a beginning."""
        ...

    def complete(
        self, beginning: str, rows: Sequence[str], seeds: Sequence[int], *, unsaid: Sequence[str] = ()
    ) -> list[str]:
        """Go on with each row; row i draws by seed i alone, and none says the words in `unsaid`."""
        ...


@dataclass(frozen=True, slots=True)
class Topic:
    """A class to write about."""

    class_id: str
    name: str  # as prompts call it
    number: str  # "one", "pair", "many" or "mass"
    subject: Subject
    keywords: tuple[str, ...] = ()  # the commonest of its models, cleaned
    has_looks: bool = True  # whether it may come in any colour and material; an animal or a dish does not
    class_index: int = -1  # of ImageNet-1k
    synset: str = ""

    @property
    def article(self) -> str:
        """What the name takes: "a", "a pair of" or nothing."""
        return _ARTICLES[self.number]


@dataclass(frozen=True, slots=True)
class Caption:
    """A caption that passed."""

    text: str
    number: int  # which of the class's
    attempts: int  # drafts that it took
    seed: int  # of the draft that passed


@dataclass(slots=True)
class Written:
    """The captions of one class, and what happened on the way."""

    captions: list[Caption] = field(default_factory=list)
    first: int = 0  # captions that passed at their first draft
    drafts: int = 0
    rejected: Counter[str] = field(default_factory=Counter)  # drafts by reason; a draft can have several
    given_up: int = 0  # captions without a passing draft


class Writer:
    """Writes captions with a model.

    Args:
        model: the language model.
        style: "phrases" or "free".
    """

    def __init__(self, model: Model, style: str = "phrases") -> None:
        self._model, self._style = model, style
        self._usual: tuple[dict[str, float], dict[str, float]] | None = None

    def write(self, topic: Topic, count: int, seed: int, tries: int = TRIES) -> Written:
        """`count` captions of a class, less those without a passing draft.

        Caption i of a class is drawn by names alone: (seed, class, i, draft). No other class plays a part.
        """
        suited = self.suited(topic) if self._style == "phrases" else Suited(())
        written, doubles, kept = Written(), Doubles(), dict[int, Caption]()
        drafts: dict[tuple[int, int], str] = {}  # (caption, attempt) -> draft; some are drawn ahead
        pending = list(range(count))
        for attempt in range(tries):
            again = []
            self._draw(drafts, topic, suited, seed, pending, range(attempt, tries))
            for number in pending:
                draft = drafts.pop((number, attempt))
                reasons = faults(draft, topic.subject)
                if not reasons and not doubles.add(draft):
                    reasons = ["double"]
                written.drafts += 1
                written.rejected.update(reasons)
                if reasons:
                    again.append(number)
                else:
                    kept[number] = Caption(draft, number, attempt + 1, _seed(seed, topic, number, attempt))
            written.first += len(pending) - len(again) if attempt == 0 else 0
            pending = again
            if not pending:
                break
        written.given_up = len(pending)
        written.captions = [kept[number] for number in sorted(kept)]
        return written

    def _draw(
        self,
        drafts: dict[tuple[int, int], str],
        topic: Topic,
        suited: Suited,
        seed: int,
        pending: Sequence[int],
        attempts: range,
    ) -> None:
        """See that the drafts of the first of some attempts are there, and of more where a batch has room.

        A GPU draws 500 rows in hardly more time than one: a few captions are tried several times at once.
        """
        if not pending or (pending[0], attempts[0]) in drafts:
            return
        room = self._model.wide // len(pending) if self._style == "free" else 1
        ahead = attempts[: max(1, room)]
        places = [(number, attempt) for attempt in ahead for number in pending]
        seeds = [_seed(seed, topic, number, attempt) for number, attempt in places]
        drafts.update(zip(places, self._drafts(topic, suited, seeds), strict=True))

    def suited(self, topic: Topic) -> Suited:
        """Of the places and looks that a class may have, those that the model finds likelier for it than for things in
        general."""
        if self._usual is None:
            of_anchors = [self._scores(anchor, "a", (), places()) for anchor in _ANCHORS]
            at, looking = (_means([each[kind] for each in of_anchors]) for kind in (0, 1))
            self._usual = dict(zip(places(), at, strict=True)), dict(zip(phrases("look"), looking, strict=True))
        pool = places_for(class_facts(topic.synset))
        at, looking = self._scores(topic.name, topic.article, topic.keywords, pool)
        by_place = [(place, score - self._usual[0][place]) for place, score in zip(pool, at, strict=True)]
        by_look = [(look, score - self._usual[1][look]) for look, score in zip(phrases("look"), looking, strict=True)]
        share = min(1.0, KEPT * len(places()) / len(pool))
        return Suited(best(by_place, share), best(by_look, LOOKS_KEPT) if topic.has_looks else ())

    def _scores(
        self, name: str, article: str, keywords: Sequence[str], at: Sequence[str]
    ) -> tuple[list[float], list[float]]:
        thing = " ".join(part for part in (_sounding(article, name), name) if part)
        beginning = ", ".join((f"A photo of {thing}", *keywords))
        placed = self._model.likelihood(f"{beginning}," if keywords else beginning, at)
        looking = self._model.likelihood(
            f"A photo of {article}".strip(), [f"{look} {name}" for look in phrases("look")]
        )
        return placed, looking

    def _drafts(self, topic: Topic, suited: Suited, seeds: Sequence[int]) -> list[str]:
        if self._style == "phrases":
            return [compose(topic.name, topic.article, suited, seed) for seed in seeds]
        thing = " ".join(part for part in (_sounding(topic.article, topic.name), topic.name) if part)
        rows = []
        for seed in seeds:
            keyword = [topic.keywords[seed % len(topic.keywords)]] if topic.keywords else []
            start = ", ".join((f"A photo of {thing}", *keyword)) + ("," if keyword else "")
            rows.append(f"{start} {_WAYS[seed_of('way', seed) % len(_WAYS)]}")
        unsaid = [word for text in (topic.name, *topic.keywords) for word in text.lower().replace(",", " ").split()]
        written = self._model.complete(EXAMPLES, rows, seeds, unsaid=unsaid)
        return [f"a{row[1:]} {text}" for row, text in zip(rows, written, strict=True)]


def _seed(seed: int, topic: Topic, number: int, attempt: int) -> int:
    return seed_of(seed, topic.class_id, "caption", number, attempt)


def _sounding(article: str, following: str) -> str:
    return english.article(following) if article == "a" else article


def _means(rows: Sequence[Sequence[float]]) -> list[float]:
    return [sum(column) / len(rows) for column in zip(*rows, strict=True)]
