"""Which CAD models and classes a data set has, and the numbers that an export gives them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..nouns import slug

_IMAGENET = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """A CAD model of the data set, by what its labels say."""

    number: int  # 1 to M, over all models in the order of their classes and names
    of_class: int  # 1 to the models of its class
    prefix: str  # the key of its samples, less the view
    class_id: str  # the synset, or a slug of the name outside WordNet
    category: int  # number of its class: ImageNet's index + 1, or above 1000 outside it
    folder: str  # name of its class for files: `[A-Za-z0-9_]+`, unique
    class_name: str
    synset: str
    source: str
    model_id: str
    size: tuple[float, float, float]  # box along x, y, z, longest side 1
    symmetry: int  # order about a vertical axis that keeps the look; 1 none, 0 a body of revolution
    symmetry_axis: tuple[float, float]  # x and y of that axis
    title: str
    author: str
    licence: str
    url: str


@dataclass(frozen=True, slots=True)
class Survey:
    """What a pass over all labels found."""

    models: dict[str, Model]  # by prefix; class by class
    counts: dict[str, int]  # samples of each split that filters kept
    dropped: int  # samples that filters did not keep: they are not exported

    def categories(self) -> list[Model]:
        """The first model of every class, by category number."""
        return sorted((model for model in self.models.values() if model.of_class == 1), key=lambda each: each.category)

    def licences(self) -> list[str]:
        """The licences of the models, sorted."""
        return sorted({model.licence for model in self.models.values()})


def survey_of(first: Mapping[str, Mapping[str, Any]], counts: dict[str, int], dropped: int) -> Survey:
    """Number the models.

    Args:
        first: a label of each model, by prefix.
        counts: samples of each split.
        dropped: samples that filters did not keep.
    """
    names = {_class_id(label): label for _, label in sorted(first.items())}
    outside = [class_id for class_id, label in sorted(names.items()) if label["class_index"] < 0]
    category = {
        class_id: outside.index(class_id) + _IMAGENET + 1 if label["class_index"] < 0 else label["class_index"] + 1
        for class_id, label in names.items()
    }
    folders = _folders(names)
    so_far: Counter[str] = Counter()
    models = {}
    ordered = sorted(first.items(), key=lambda item: (_class_id(item[1]), item[0]))
    for number, (prefix, label) in enumerate(ordered, 1):
        class_id = _class_id(label)
        so_far[class_id] += 1
        models[prefix] = Model(
            number=number,
            of_class=so_far[class_id],
            prefix=prefix,
            class_id=class_id,
            category=category[class_id],
            folder=folders[class_id],
            class_name=label["class_name"],
            synset=label["synset"],
            source=label["cad_source"],
            model_id=label["cad_id"],
            size=tuple(label["size"]),
            symmetry=label["symmetry"],
            symmetry_axis=tuple(label["symmetry_axis"]),
            title=label["cad_title"],
            author=label["cad_author"],
            licence=label["cad_licence"],
            url=label["cad_url"],
        )
    return Survey(models, counts, dropped)


def _class_id(label: Mapping[str, Any]) -> str:
    return str(label["synset"] or slug(label["class_name"], limit=12))


def _folders(names: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Class names as names of folders and of MATLAB variables; ImageNet has two cranes: those get their synset."""
    plain = {class_id: re.sub(r"\W+", "_", label["class_name"], flags=re.ASCII) for class_id, label in names.items()}
    often = Counter(plain.values())
    return {
        class_id: name if often[name] == 1 else f"{name}_{re.sub(r'[^a-z0-9]', '_', class_id)}"
        for class_id, name in plain.items()
    }
