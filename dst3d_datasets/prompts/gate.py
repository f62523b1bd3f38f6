"""The quality gate of captions: pure functions that say why a caption may not become a prompt.

`faults` looks at one caption, `Doubles` at a class's captions together. Every reason is a key of `REASONS`, so that
tables and receipts count the same things.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from .. import imagenet
from .english import plural
from .english import words as word_set
from .keywords import listed

REASONS: dict[str, str] = {
    "no_class": "does not name the class or a synonym",
    "too_long": "more tokens than the text encoder reads",
    "too_short": "fewer than five words",
    "list": "a list: numbered, in lines, with bullets or more than five commas",
    "chat": "talks to somebody, or is about the task",
    "second": "shows another thing or a living being beside the object",
    "language": "not plain English",
    "viewpoint": "says from where the object is seen, which the control decides",
    "brand": "names a brand",
    "profanity": "holds a profane word",
    "repeats": "says the same thing again and again",
    "broken": "ends in the middle of a sentence",
    "double": "the same as another caption of the class, or all but one word of it",
}
MAX_TOKENS = 77  # of CLIP's text encoders, the two that mark the ends included

_CHAT = re.compile(
    r"\b(?:sure|certainly|of course|here(?:'s| is| are)|as an ai|i(?:'m| am| can| have|'ve| will|'d)|let me"
    r"|let's|you|your"
    r"|please|sorry|caption|prompt|sentence|description|assistant|user|example|task|note that|okay|ok)\b"
    r"|[?*_#<>{}\[\]|]"
    r"|\b[a-z]+:(?!\d)",
    re.IGNORECASE,
)
_VIEWS = re.compile(
    r"\b(?:(?:side|front|rear|back|top|bottom|aerial|overhead|frontal|lateral|eye[- ]level|bird'?s?[- ]eye"
    r"|worm'?s?[- ]eye"
    r"|three[- ]quarters?|low[- ]angle|high[- ]angle|isometric|panoramic|wide|partial|profile|close|closer"
    r"|closest|full"
    r"|distant)[- ](?:views?|shots?|angles?|profile|elevation|up|perspective)|close-?ups?|macro|wide[- ]angle"
    r"|fish-?eye"
    r"|(?:seen|viewed|photographed|taken|shown|shot|visible|pictured|looking|looked at|captured|observed|depicted)\s+"
    r"(?:directly\s+|straight\s+|slightly\s+)?(?:from|at|in|up|down|left|right|through|towards?|over)"
    r"|from\s+(?:the\s+)?(?:above|below|behind|beneath|underneath|overhead|afar|side|front|back|rear|top|bottom"
    r"|left|right"
    r"|a\s+distance|the\s+air)|from\s+(?:an?|this|that|every|all)\s+(?:\w+\s+)?(?:angles?|views?|viewpoints?"
    r"|perspective"
    r"|distance)|fac(?:es|ing|ed)\s+(?:the\s+|to\s+the\s+|towards?\s+the\s+)?(?:left|right|forwards?|backwards?|away"
    r"|camera|viewer|us|front|north|south|east|west)|angles?|viewpoints?|perspective|vantage|camera|lens"
    r"|zoom(?:ed|ing)?"
    r"|upside[- ]down|tilted|rotated|turned (?:left|right|away|around)|headed (?:left|right)|in profile|silhouettes?"
    r"|foreground|cropped|framed|in the (?:distance|corner|centre|center)|far away|pov|selfie|turntable"
    r"|on its side)\b",
    re.IGNORECASE,
)
_BEINGS = word_set(
    """
    person people man men woman women boy boys girl girls child children kid kids baby babies crowd family
    couple player players driver drivers pedestrian pedestrians worker workers farmer soldier soldiers student
    students dog dogs cat cats horse horses cow cows sheep bird birds puppy kitten lady gentleman guy someone
    somebody hand hands face friend friends tourist tourists passenger passengers customer customers chef
    musician guitarist
    """
)
_BESIDE = re.compile(
    r"\b(?:and|with|next to|alongside|holding|carrying|between|two|three|four|several|many|another|near|beside|by)\s+"
    r"(?:an?\s+|the\s+|some\s+|other\s+|another\s+)?((?:[a-z'-]+\s?){1,3})",
    re.IGNORECASE,
)
_LIST = re.compile(r"\n|^\s*(?:\d+[.)]|[-•*])\s|;.*;|\d\)\s|\b1[.)]\s")
_STRANGE = re.compile(r"[^\n -~]")
_FAR = re.compile(r"[^\u0000-\u024f]")  # beyond Latin with accents
_OPEN = word_set(
    """
    a an the and or with of on in at by to for from near beside under over its his her their very into onto that
    which is are was were this these between
    """
)
_SMALL = _OPEN | word_set("it as but")
_SCENERY = word_set(
    """
    alp beach cliff lakeside lakeshore seashore shore valley volcano promontory sandbar reef geyser wall pier
    dock fence stone bridge church palace castle barn library restaurant bakery theater theatre cinema
    greenhouse grocery boathouse monastery patio prison planetarium window screen shade fountain dam maze
    mountain lake bubble hay thatch market light lights
    """
)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a class's captions are judged by."""

    names: tuple[str, ...]  # the class's names, lower case; a caption must hold one of them
    tokens: Callable[[str], int]  # how many tokens the text encoder makes of a caption, its end marks included
    most: int = MAX_TOKENS


def faults(caption: str, subject: Subject) -> list[str]:
    """Why a caption may not become a prompt: keys of `REASONS`, none when it may."""
    low, words = caption.lower(), re.findall(r"[a-z]+(?:['-][a-z]+)*", caption.lower())
    plain = re.findall(r"[a-z0-9]+", low)
    own = {word for name in subject.names for word in name.split()}
    found = {
        "no_class": not names_class(low, subject.names),
        "too_long": subject.tokens(caption) > subject.most,
        "too_short": len(words) < 5,
        "list": bool(_LIST.search(caption)) or caption.count(",") > 5,
        "chat": bool(_CHAT.search(caption)),
        "second": names_second(low, subject.names),
        "language": not is_english(caption),
        "viewpoint": bool(_VIEWS.search(_without(low, subject.names))),
        "brand": _holds(plain, "brand", own),
        "profanity": _holds(plain, "profanity", own),
        "repeats": is_repetitive(re.findall(r"[a-z]+", _without(low, subject.names))) or _said(low, subject.names) > 1,
        "broken": not words or words[-1] in _OPEN or caption.rstrip()[-1:] in ",-:;",
    }
    return [reason for reason, is_so in found.items() if is_so]


def names_class(text: str, names: Sequence[str]) -> bool:
    """Whether a text, lower case, holds one of the names as whole words, singular or plural."""
    return any(_name(name).search(text) for name in names)


def first_name(text: str, names: Sequence[str]) -> int | None:
    """Where the first of the names ends in a text, lower case; the longest where several begin; None without any."""
    found = [match for name in names if (match := _name(name).search(text))]
    return min(found, key=lambda match: (match.start(), -match.end())).end() if found else None


def names_second(text: str, names: Sequence[str]) -> bool:
    """Whether a text, lower case, shows a living being, or another class of ImageNet beside the object.

    A thing counts as shown beside it after "and", "with", "next to", "near" and the like; places, which the object is
    on or in ("on a desk"), and scenery ("by a cliff") do not.
    """
    text = _without(text, names)
    if _BEINGS & set(re.findall(r"[a-z]+", text)):
        return True
    for match in _BESIDE.finditer(text):
        words = match[1].split()
        for length in range(1, len(words) + 1):
            for start in range(len(words) - length + 1):
                phrase = " ".join(words[start : start + length])
                if phrase in _things():
                    return True
    return False


def is_english(text: str) -> bool:
    """Whether a text is ASCII but for a few accents, and holds no common small word of another language."""
    words, foreign_words = re.findall(r"[^\W\d_]+", text.lower()), listed("language")
    foreign = sum(word in foreign_words for word in words)
    is_plain = len(_STRANGE.findall(text)) <= max(1, len(text) // 40) and not _FAR.search(text)
    return is_plain and foreign <= len(words) // 12


def is_repetitive(words: Sequence[str]) -> bool:
    """Whether a content word stands three times, two content words twice each, or one twice within three words."""
    content = [word for word in words if word not in _SMALL]
    counts = {word: content.count(word) for word in content}
    near = any(a == b for gap in (1, 2) for a, b in zip(content, content[gap:], strict=False))
    return near or max(counts.values(), default=0) > 2 or sum(count > 1 for count in counts.values()) > 1


class Doubles:
    """Remembers a class's captions by their content words, to find a new one that adds at most one word to another."""

    def __init__(self) -> None:
        self._seen: set[frozenset[str]] = set()

    def add(self, caption: str) -> bool:
        """Remember a caption; False, and not remembered, if its content words are another's but for one exchanged."""
        words = frozenset(word for word in re.findall(r"[a-z]+", caption.lower()) if word not in _SMALL)
        keys = {words, *(words - {word} for word in words)}
        if keys & self._seen:
            return False
        self._seen |= keys
        return True


@cache
def _name(name: str) -> re.Pattern[str]:
    forms = "|".join(re.escape(form).replace(r"\ ", r"[\s_-]+") for form in {name, plural(name)})
    return re.compile(rf"(?<![\w-])(?:{forms})(?![\w-])")


def _said(text: str, names: Sequence[str]) -> int:
    """How often the class is named, by the name that is found most often."""
    return max((len(_name(name).findall(text)) for name in names), default=0)


def _without(text: str, names: Sequence[str]) -> str:
    for name in names:
        text = _name(name).sub(" ", text)
    return text


def _holds(words: Sequence[str], kind: str, own: set[str]) -> bool:
    """Whether words in a row are one of a listed kind, those of the class's own names aside."""
    single, longer = _banned(kind)
    found, text = set(words), f" {' '.join(words)} "
    return bool((found & single) - own) or any(
        f" {phrase} " in text for word in found & longer.keys() for phrase in longer[word]
    )


@cache
def _banned(kind: str) -> tuple[frozenset[str], dict[str, list[str]]]:
    """The listed words of a kind; and those of several words, by the first of them."""
    longer: dict[str, list[str]] = {}
    for phrase in listed(kind):
        if " " in phrase:
            longer.setdefault(phrase.partition(" ")[0], []).append(phrase)
    return frozenset(word for word in listed(kind) if " " not in word), longer


@cache
def _things() -> frozenset[str]:
    names = {name.lower() for entry in imagenet.classes() for name in entry.names} - _SCENERY
    return frozenset(names | {plural(name) for name in names})
