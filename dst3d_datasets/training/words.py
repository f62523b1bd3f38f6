"""The words of the tiny generator: its vocabulary, its tokenizer, and the prompts it is trained on."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..prompts.template import article
from ..recipe.options import REFERENCE_NEGATIVE, REFERENCE_PROMPT
from ..sources.shapes import FAMILIES
from ..sources.shapes.kit import Dice
from ..sources.shapes.paint import PAINTS

LENGTH = 77  # tokens of a prompt, as CLIP's
KINDS = ("plain", "gradient", "spotlight", "horizon", "blurred", "cluttered")  # of backgrounds
HUES = ("white", "light", "grey", "dark", "black", "red", "orange", "yellow", "green", "blue", "purple", "pink")
FRAMES = (
    "{article} {keywords} {name}",
    "{article} {name}, {keywords}",
    "a toy {name}, {keywords}",
    "{article} {keywords} toy {name}",
    "An image of {name}, best quality, extremely detailed",
    "An image of {name}, {keywords}, best quality, extremely detailed",
    "An image of {article} {name}, {keywords}",
    "a photo of {article} {name}, {keywords}",
)
BEHIND = ("on a {hue} background", "on a {kind} background", "on a {hue} {kind} background", "{hue} background")
_WORD = re.compile(r"[a-z]+|[0-9]|[^\sa-z0-9]+")
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")


def split(text: str) -> list[str]:
    """Lower-case words, digits and runs of signs, as CLIP's tokenizer splits a text."""
    return _WORD.findall(text.lower())


def vocabulary(instances: int = 400) -> list[str]:
    """Every word of letters that prompts can hold, sorted: frames, backgrounds, colours, and all families' keywords."""
    texts = [*FRAMES, *BEHIND, *KINDS, *HUES, *PAINTS, REFERENCE_PROMPT, REFERENCE_NEGATIVE, "an a the and with of in"]
    for family in FAMILIES:
        texts.append(family.name)
        for number in range(instances):
            texts += family.facts(Dice(family.name, number)).keywords
    words = {word for text in texts for word in split(re.sub(r"\{\w+\}", " ", text))}
    return sorted(word for word in words if word.isalpha())


def merges(words: Iterable[str]) -> list[tuple[str, str]]:
    """Byte-pair merges that make each of the words one token: the most frequent pair first, ties by alphabet."""
    pieces = [[*word[:-1], word[-1] + "</w>"] for word in words]
    found: list[tuple[str, str]] = []
    while True:
        pairs = Counter(pair for word in pieces for pair in pairwise(word))
        if not pairs:
            return found
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        found.append(best)
        pieces = [_merged(word, best) for word in pieces]


def _merged(word: list[str], pair: tuple[str, str]) -> list[str]:
    out: list[str] = []
    at = 0
    while at < len(word):
        if tuple(word[at : at + 2]) == pair:
            out.append(word[at] + word[at + 1])
            at += 2
        else:
            out.append(word[at])
            at += 1
    return out


def write_tokenizer(folder: Path) -> Any:
    """A CLIPTokenizer's files for `vocabulary`, and the tokenizer read back from them."""
    from transformers import CLIPTokenizer

    signs = [chr(code) for code in range(33, 127)]
    steps = merges(vocabulary())
    tokens = [*signs, *(f"{sign}</w>" for sign in signs)]
    tokens += [a + b for a, b in steps if a + b not in set(tokens)]
    table = {token: index for index, token in enumerate([*dict.fromkeys(tokens), *_SPECIAL])}
    folder.mkdir(parents=True, exist_ok=True)
    CLIPTokenizer(vocab=table, merges=steps, model_max_length=LENGTH).save_pretrained(folder)
    # Older transformers read these two instead of tokenizer.json.
    (folder / "vocab.json").write_text(json.dumps(table), encoding="utf-8")
    lines = ["#version: 0.2", *(f"{a} {b}" for a, b in steps)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return CLIPTokenizer.from_pretrained(folder)


def prompt_of(name: str, keywords: Sequence[str], kind: str, hue: str, dice: np.random.Generator) -> str:
    """One training prompt: a frame, some of the keywords in order, and mostly what is behind the object."""
    kept = list(keywords[:8])
    fate = dice.random()
    if fate < 0.15:
        kept = []
    elif fate < 0.45:
        kept = [word for word in kept if dice.random() < 0.6]
    text = str(dice.choice(FRAMES)).format(name=name, keywords=", ".join(kept), article="{article}")
    text = re.sub(r"\s+", " ", re.sub(r",\s*(?=,|$)", "", text.replace("{article}  ", "{article} "))).strip()
    head, sign, tail = text.partition("{article} ")
    if sign:
        text = f"{head}{article(tail)} {tail}"
    if kind == "cluttered" or dice.random() < 0.5:
        frames = BEHIND[1:3] if kind == "cluttered" else BEHIND
        text += ", " * (dice.random() < 0.5) or " "
        text += str(dice.choice(frames)).format(hue=hue, kind=kind)
    return text
