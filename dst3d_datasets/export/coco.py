"""COCO: instances with compressed masks, and the 3D pose beside them (`notes.COCO_NOTE` lists the extra keys)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from ..convert import to_coco
from .folder import JsonList, to_json, write_bytes
from .notes import COCO_NOTE
from .samples import Row, prefix_of
from .survey import Survey


class CocoWriter:
    """Writes one `instances_SPLIT.json` a split, sample by sample.

    Args:
        folder: where to.
        survey: of all samples.
    """

    def __init__(self, folder: Path, survey: Survey) -> None:
        self._folder, self._survey = folder, survey
        self._licences = {licence: number for number, licence in enumerate(survey.licences(), 1)}
        self._splits: dict[str, tuple[JsonList, JsonList]] = {}

    def prepare(self, row: Row) -> Row:
        """Nothing takes time here."""
        return row

    def add(self, row: Row) -> None:
        """Write one sample."""
        model = self._survey.models[prefix_of(row.key)]
        images, annotations = self._lists(row.split)
        name = f"{row.key}.jpg"
        write_bytes(self._folder / row.split / name, row.member("jpg", "it is the picture"))
        image, annotation = to_coco(row.label, number=images.num_items + 1, category=model.category, file_name=name)
        images.add({**image, "license": self._licences[model.licence]})
        annotations.add({**annotation, "cad": model.number})

    def finish(self) -> None:
        """Put the lists of each split together."""
        for split, lists in self._splits.items():
            for each in lists:
                each.close()
            self._join(self._folder / "annotations" / f"instances_{split}.json", split, *lists)
        write_bytes(self._folder / "README.md", COCO_NOTE.encode())

    def _lists(self, split: str) -> tuple[JsonList, JsonList]:
        """Images and annotations of a split, in files of their own until all are known."""
        if split not in self._splits:
            parts = (self._folder / "annotations" / f".{split}.{name}" for name in ("images", "annotations"))
            images, annotations = (JsonList(part) for part in parts)
            self._splits[split] = images, annotations
        return self._splits[split]

    def _join(self, path: Path, split: str, images: JsonList, annotations: JsonList) -> None:
        head: dict[str, Any] = {
            "info": {"description": f"{split}, written by dst3d export coco", "version": "1"},
            "licenses": [{"id": number, "name": name, "url": ""} for name, number in self._licences.items()],
            "categories": [
                {"id": model.category, "name": model.class_name, "supercategory": "", "synset": model.synset}
                for model in self._survey.categories()
            ],
        }
        with path.open("wb") as stream:
            stream.write(to_json(head)[:-1].encode())
            for name, items in (("images", images), ("annotations", annotations)):
                stream.write(f',"{name}":'.encode())
                with items.path.open("rb") as lines:
                    shutil.copyfileobj(lines, stream)
                items.path.unlink()
            stream.write(b"}\n")
