"""Which of a model's tags may enter a prompt, and why the others may not.

Tags of public collections are written by strangers, for search engines and in any language. The policy: a keyword is
kept when it is plain English words that could describe the thing. Left out, with the reason:

* `empty`: nothing is left of it but punctuation;
* `script`: letters other than A-Z with or without accents (Cyrillic, Chinese, ...), or emoji;
* `language`: one of the commonest tags in Spanish, French, German, Italian, Portuguese, Polish, Dutch, Turkish;
* `file`: a file's name or format ("car_v2.obj"), an address, a hash tag's or user's mark;
* `number`: more digits than letters ("001", "1:18"), or digits mixed into a word ("mk2x4");
* `spam`: words of the trade rather than of the thing ("lowpoly", "free", "game ready");
* `brand`, `profanity`: listed names and words, as a whole word anywhere in the keyword;
* `view`: a viewpoint, which would fight the control;
* `long`: more than `MAX_WORDS` words or `MAX_LETTERS` characters: a sentence, or a heap of tags;
* `class`: the class's own name, singular or plural, which the prompt says anyway;
* `twice`: said already, in other capitals or number;
* `many`: beyond the first `MAX_KEYWORDS`.

The lists are short and in `data/prompt_words.tsv`; they catch what is frequent and cannot catch everything: a foreign
word in plain letters that is not listed is kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache
from importlib import resources
from itertools import pairwise

from .english import plural

MAX_KEYWORDS = 8  # more only push the class out of a text encoder's 77 tokens
MAX_WORDS, MAX_LETTERS = 6, 40
_FILE = re.compile(
    r"\.(?:obj|fbx|glb|gltf|stl|blend|dae|ply|3ds|max|zip|rar|png|jpe?g|tga|mtl|usdz?)\b|https?:|www\.|[@#\\/]", re.I
)
_MARKS = re.compile(r"[^\w\s'&,-]+")


def clean_keywords(
    words: Iterable[str], class_name: str = "", most: int = MAX_KEYWORDS
) -> tuple[list[str], Counter[str]]:
    """The keywords that may be said, in their order, and how many were left out for which reason.

    Args:
        words: as the source gives them.
        class_name: the class; its own name is no keyword.
        most: keep at most so many.

    >>> clean_keywords(("Red_Sports-Car", "lowpoly", "Ferrari", "coche", "машина", "car2.obj", "open roof"), "car")[0]
    ['red sports-car', 'open roof']
    """
    name = " ".join(class_name.lower().split())
    seen = {name, plural(name)} if name else set()
    kept: list[str] = []
    left_out: Counter[str] = Counter()
    for raw in words:
        text = tidy_keyword(raw)
        key = _singular(text.lower())
        reason = why_not(raw, text)
        if not reason and (text.lower() in seen or key in seen or key == _singular(name)):
            reason = "class" if name and key == _singular(name) else "twice"
        if not reason and len(kept) == most:
            reason = "many"
        if reason:
            left_out[reason] += 1
        else:
            kept.append(text)
            seen |= {text.lower(), key}
    return kept, left_out


def tidy_keyword(raw: str) -> str:
    """One line: underscores as spaces, lower case but for short capitals ("SUV"), no marks, no space at the ends."""
    text = unicodedata.normalize("NFKC", raw).replace("_", " ")
    text = "".join(c if c.isprintable() else " " for c in text)
    text = _MARKS.sub(" ", text)
    words = [word if word.isupper() and 2 <= len(word) <= 4 else word.lower() for word in text.split()]
    return " ".join(words).strip(" ,-'&")


def why_not(raw: str, text: str) -> str:
    """Why a keyword may not be said, by the rules that need no other keyword; empty when it may.

    Args:
        raw: as the source gave it.
        text: the same from `tidy_keyword`.
    """
    letters = [c for c in text if c.isalpha()]
    digits = sum(c.isdigit() for c in text)
    if not letters and not digits:
        return "empty" if not any(c.isalpha() or ord(c) > 0x2190 for c in raw) else "script"
    if any(ord(c) > 0x24F for c in letters) or any(unicodedata.category(c) == "So" for c in raw):
        return "script"
    if _FILE.search(raw):
        return "file"
    if digits > len(letters) or re.search(r"[a-z]\d+[a-z]|\d[a-z]+\d", text):
        return "number"
    listed = kind_of(text)
    if listed:
        return listed
    if len(text) > MAX_LETTERS or len(text.split()) > MAX_WORDS:
        return "long"
    return ""


def kind_of(text: str) -> str:
    """The kind of the first listed word or pair of words in a text, spam only if nothing else is there.

    "free red car" is kept for the sake of "red"; "lowpoly game ready" is not.
    """
    words = [word.strip("'") for word in _plain(text).split()]
    pairs = [" ".join(pair) for pair in pairwise(words)]
    kinds = [_listed().get(each, "") for each in (*words, *pairs)]
    for kind in ("profanity", "brand", "view"):
        if kind in kinds:
            return kind
    of_words = [_listed().get(word, "") for word in words]
    for pair in (place for place, each in enumerate(pairs) if _listed().get(each) == "spam"):
        of_words[pair] = of_words[pair + 1] = "spam"
    if all(
        kind == "language" or word in ("a", "e", "y", "la", "de") for kind, word in zip(of_words, words, strict=True)
    ):
        return "language"
    return "spam" if all(kind == "spam" or word.isdigit() for kind, word in zip(of_words, words, strict=True)) else ""


@cache
def listed(kind: str) -> frozenset[str]:
    """All words of one kind in `data/prompt_words.tsv`."""
    return frozenset(word for word, of in _listed().items() if of == kind)


@cache
def _listed() -> dict[str, str]:
    text = (resources.files("dst3d_datasets") / "data" / "prompt_words.tsv").read_text(encoding="utf-8")
    return {word: kind for word, _, kind in (line.partition("\t") for line in text.splitlines())}


def _plain(text: str) -> str:
    """Lower case without accents, hyphens as spaces: how listed words are compared."""
    bare = "".join(c for c in unicodedata.normalize("NFD", text.lower()) if not unicodedata.combining(c))
    return " ".join(bare.replace("-", " ").replace(",", " ").split())


def _singular(text: str) -> str:
    """A key under which singular and plural fall together."""
    return text[:-1] if len(text) > 3 and text.endswith("s") and not text.endswith("ss") else text
