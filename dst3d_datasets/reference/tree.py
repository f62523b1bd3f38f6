"""What lies in a tree of the reference code, found by the shape of its paths, wherever it lies.

    {split}/{synset}/{model}/image_render/000.png    the render, RGBA
                            /depth/000.exr           planar depth
                            /annotation/000.npy      the camera, a pickled dict
                            /{pictures}/000_00.png   generated from it: {view}_{sample}
    {split}/{synset}/prompts.json                    {model: {"000_00": words}}

Folders above `{split}` are passed over; archives may begin at any of these levels, and one that is named after a class
stands for that class. Files may be spread over several archives, and any of them may be missing.
"""

from __future__ import annotations

import hashlib
import os
import re
from array import array
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..errors import UsageError
from .places import FolderPlace, Place, places_at

RENDER, DEPTH, ANNOTATION, PROMPTS = "image_render", "depth", "annotation", "prompts.json"
MOST_SAMPLES = 100  # of one view: the reference writes two digits
_OWN = {RENDER: ("png",), DEPTH: ("exr",), ANNOTATION: ("npy",)}
_PICTURES = ("png", "jpg", "jpeg")
_MEMBER = re.compile(
    r"(?:(?P<above>.+)/)?(?P<synset>n\d{8})/(?P<model>[^/]+)/(?P<kind>[^/]+)"
    r"/(?P<view>\d{3,6})(?:_(?P<sample>\d{2}))?\.(?P<suffix>[a-z]{3,4})"
)
_WORDS = re.compile(r"(?:(?P<above>.+)/)?(?P<synset>n\d{8})/prompts\.json")
_SYNSET = re.compile(r"n\d{8}")


@dataclass(slots=True)
class Files:
    """The files of one kind of one model in one folder; their names follow from their numbers."""

    place: int  # index into Tree.places
    folder: str  # in the place
    suffix: str
    numbers: array[int] = field(default_factory=lambda: array("I"))  # 100 * view + sample


@dataclass(slots=True)
class TreeModel:
    """One CAD model of a tree."""

    split: str
    synset: str
    model_id: str
    kinds: dict[str, list[Files]] = field(default_factory=dict)

    def find(self, kind: str, view: int, sample: int | None = None) -> tuple[int, str] | None:
        """The place and path of a file; None if there is none."""
        number = MOST_SAMPLES * view + (sample or 0)
        stem = f"{view:03d}" if sample is None else f"{view:03d}_{sample:02d}"
        for files in self.kinds.get(kind, []):
            if number in files.numbers:
                return files.place, f"{files.folder}/{stem}.{files.suffix}"
        return None

    def numbers(self, kind: str) -> list[int]:
        """100 * view + sample of all files of a kind, sorted."""
        return sorted({number for files in self.kinds.get(kind, []) for number in files.numbers})


@dataclass
class Tree:
    """Everything that was found at a path."""

    path: str
    places: list[Place]
    models: dict[tuple[str, str, str], TreeModel] = field(default_factory=dict)  # by (split, synset, model)
    words: dict[tuple[str, str], tuple[int, str]] = field(default_factory=dict)  # (split, synset) -> prompts.json
    others: Counter[str] = field(default_factory=Counter)  # files that belong to no sample, by suffix
    digest: str = ""  # 32 hexadecimal digits over names, sizes and (in zips) checksums of all that belongs to samples

    @property
    def splits(self) -> list[str]:
        """Names of the splits, sorted; the empty name stands for classes with no split above them."""
        return sorted({model.split for model in self.models.values()})

    @property
    def pictures(self) -> list[str]:
        """Names of the folders of generated pictures, sorted."""
        return sorted({kind for model in self.models.values() for kind in model.kinds} - set(_OWN))

    def of_split(self, split: str) -> list[TreeModel]:
        """The models of one split, by class and id."""
        found = [model for model in self.models.values() if model.split == split]
        return sorted(found, key=lambda model: (model.synset, model.model_id))


def open_tree(path: str | os.PathLike[str]) -> Tree:
    """List a tree: a folder, an archive, or a folder of archives.

    Raises:
        UsageError: there is nothing at `path`, or nothing of the reference's in it.
        ModelRefused: an archive cannot be read.
    """
    tree, state = Tree(os.fspath(path), places_at(path)), 0
    for index, place in enumerate(tree.places):
        for name, tag in place.entries():
            if _take(tree, index, _prefix(place), name):
                entry = hashlib.sha256(f"{_prefix(place)}{name}\0{tag}".encode("utf-8", "surrogatepass")).digest()
                state = (state + int.from_bytes(entry[:16], "big")) % 2**128  # a sum: the order does not count
    if not tree.models:
        seen = ", ".join(f"{count:,} .{suffix}" for suffix, count in tree.others.most_common(5)) or "no file"
        raise UsageError(
            f"{path}: nothing that the 3D-DST reference code writes ({{split}}/{{synset}}/{{model}}/annotation/000.npy "
            f"and so on); found: {seen}"
        )
    tree.digest = f"{state:032x}"
    return tree


def _prefix(place: Place) -> str:
    """What an archive that is named after a class puts before its names."""
    if isinstance(place, FolderPlace):
        return ""
    stem = place.path.name.split(".")[0]
    return f"{stem}/" if _SYNSET.fullmatch(stem) else ""


def _take(tree: Tree, place: int, prefix: str, name: str) -> bool:
    """Note a file if it belongs to a sample."""
    match = _MEMBER.fullmatch(name) or _MEMBER.fullmatch(prefix + name)
    if match is None or not _is_known(match):
        words = _WORDS.fullmatch(name) or _WORDS.fullmatch(prefix + name)
        if words is not None:
            return tree.words.setdefault((_split(words), words["synset"]), (place, name)) == (place, name)
        tree.others[name.rpartition(".")[2].lower() if "." in name else "?"] += 1
        return False
    key = _split(match), match["synset"], match["model"]
    model = tree.models.setdefault(key, TreeModel(*key))
    folder = name.rpartition("/")[0]
    kinds = model.kinds.setdefault(match["kind"], [])
    files = next((f for f in kinds if (f.place, f.folder, f.suffix) == (place, folder, match["suffix"])), None)
    if files is None:
        kinds.append(files := Files(place, folder, match["suffix"]))
    files.numbers.append(MOST_SAMPLES * int(match["view"]) + int(match["sample"] or 0))
    return True


def _is_known(match: re.Match[str]) -> bool:
    """Whether the path is one that the reference writes: its kind, its suffix, and a number as it writes them."""
    if f"{int(match['view']):03d}" != match["view"]:
        return False
    if match["kind"] in _OWN:
        return match["suffix"] in _OWN[match["kind"]] and match["sample"] is None
    return match["suffix"] in _PICTURES and match["sample"] is not None


def _split(match: re.Match[str]) -> str:
    return (match["above"] or "").rpartition("/")[2]


def survey(tree: Tree) -> dict[str, Any]:
    """What is there, counted: plain data, by split."""
    found: dict[str, Any] = {}
    for split in tree.splits:
        models = tree.of_split(split)
        counts: Counter[str] = Counter()
        for model in models:
            for kind in model.kinds:
                counts[kind] += len(model.numbers(kind))
        synsets = {model.synset for model in models}
        found[split] = {
            "classes": len(synsets),
            "models": len(models),
            "files": dict(sorted(counts.items())),
            "prompts": sum((split, synset) in tree.words for synset in synsets),
        }
    return found


def views_of(model: TreeModel, pictures: str) -> Iterator[tuple[int, int]]:
    """(view, sample) of every generated picture of a model, in order."""
    for number in model.numbers(pictures):
        yield divmod(number, MOST_SAMPLES)
