"""What licences, the terms of collections and those of generators' weights allow, as far as pictures go.

Each collection's terms are stated once, at the top of its text in `cards/sources/`, and those of a generator's weights
in `cards/models/`; the recipe, the release and the card read them from there. This is a reading of the terms for the
usual case and no legal advice.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

Answer = Literal["yes", "no", "per-model"]
ModelAnswer = Literal["yes", "no", "conditions"]
_FENCE = "---\n"


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of a collection."""

    name: str
    licence: str  # SPDX where one exists; "per-model" where each model has its own
    derived: Answer  # whether pictures of the models may be given on
    attribution: Answer  # whether the models' authors must be named
    commercial: Answer  # whether pictures of the models may be used commercially
    access: str  # page with the terms, and where access is asked for


@cache
def terms_of(kind: str) -> Terms | None:
    """The terms of a kind of source; None for kinds that state none (plug-ins)."""
    place = resources.files("dst3d_datasets.cards") / "sources" / f"{kind}.md"
    if not re.fullmatch(r"[a-z0-9_]+", kind) or not place.is_file():
        return None
    head, _ = split_head(place.read_text(encoding="utf-8"))
    if not head:
        return None
    return Terms(
        name=head["name"],
        licence=head["licence"],
        derived=_answer(head["derived"]),
        attribution=_answer(head["attribution"]),
        commercial=_answer(head["commercial"]),
        access=head["access"],
    )


@dataclass(frozen=True, slots=True)
class ModelTerms:
    """The terms of a generator's weights: what they say of the pictures drawn with them."""

    title: str
    id: str  # on the Hub, or `tiny`
    licence: str  # SPDX where one exists, else its name
    licence_link: str
    outputs: str  # whose the pictures are
    commercial: ModelAnswer  # whether weights and pictures may be used commercially
    training: ModelAnswer  # whether the pictures may train other models, anybody's and for any purpose
    source: str  # how we know
    text: str  # what it means, for the card

    @property
    def refused(self) -> bool:
        """Whether a data set that anybody may use cannot be made of such pictures without further permission."""
        return "no" in (self.commercial, self.training)


@cache
def model_terms(name: str) -> ModelTerms | None:
    """The terms of weights by their name in a recipe (`owner/name`, a file in it, or `tiny`); None where unknown."""
    slug = "--".join(name.split("/")[:2]).lower()
    place = resources.files("dst3d_datasets.cards") / "models" / f"{slug}.md"
    if not re.fullmatch(r"[\w][\w.-]*", slug) or not place.is_file():
        return None
    head, text = split_head(place.read_text(encoding="utf-8"))
    return ModelTerms(
        title=head["title"],
        id=head["id"],
        licence=head["licence"],
        licence_link=head["licence_link"],
        outputs=head["outputs"],
        commercial=_model_answer(head["commercial"]),
        training=_model_answer(head["training"]),
        source=head["source"],
        text=text.strip(),
    )


def generator_models(generator: Mapping[str, Any]) -> list[str]:
    """The weights that a generator's options (as plain data) name, each once: base first, then its ControlNets."""
    if generator.get("kind") != "controlnet":
        return []
    return list(dict.fromkeys([generator["pipeline"], *generator["controlnet"]]))


def split_head(text: str) -> tuple[dict[str, str], str]:
    """The `key: value` lines between two `---` at the top of a text, and the rest of it."""
    if not text.startswith(_FENCE):
        return {}, text
    head, _, body = text.removeprefix(_FENCE).partition(f"\n{_FENCE}")
    pairs = (line.partition(": ") for line in head.splitlines() if line.strip())
    return {key.strip(): value.strip() for key, _, value in pairs}, body


def _answer(text: str) -> Answer:
    answers: dict[str, Answer] = {"yes": "yes", "no": "no", "per-model": "per-model"}
    if text in answers:
        return answers[text]
    raise ValueError(f"{text!r}: write yes, no or per-model")


def _model_answer(text: str) -> ModelAnswer:
    answers: dict[str, ModelAnswer] = {"yes": "yes", "no": "no", "conditions": "conditions"}
    if text in answers:
        return answers[text]
    raise ValueError(f"{text!r}: write yes, no or conditions")


def family(licence: str) -> str:
    """A licence without its version, as Objaverse spells them: "CC-BY-SA-4.0" is "by-sa", "CC0-1.0" is "cc0".

    >>> [family(text) for text in ("CC-BY-NC-SA-4.0", "by-sa", "CC0-1.0", "MIT", "cc-by")]
    ['by-nc-sa', 'by-sa', 'cc0', 'mit', 'by']
    """
    text = re.sub(r"[-\s]\d+(\.\d+)*$", "", licence.strip().lower()).replace(" ", "-")
    return text.removeprefix("cc-") if text.startswith(("cc-by", "cc-0")) else text


def is_known(licence: str) -> bool:
    """Whether anybody has said what the licence is."""
    return family(licence) not in ("", "unknown", "none")


def is_non_commercial(licence: str) -> bool:
    """Whether a model's licence rules out commercial use of its pictures."""
    return "nc" in family(licence).split("-")


def forbids_derived(licence: str) -> bool:
    """Whether a model's licence forbids giving on what is made of it (Creative Commons' ND, all rights reserved)."""
    parts = family(licence).split("-")
    return "nd" in parts or family(licence) in ("all-rights-reserved", "proprietary", "standard", "editorial")
