"""Sources: where CAD models come from. One class a collection, each a `Source`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..nouns import CadModel, ModelRef

TABLE = {
    "primitives": "dst3d_datasets.sources.primitives:Primitives",
    "shapenet": "dst3d_datasets.sources.shapenet:ShapeNet",
    "objaverse": "dst3d_datasets.sources.objaverse:Objaverse",
    "objaverse_xl": "dst3d_datasets.sources.objaverse_xl:ObjaverseXL",
    "omniobject3d": "dst3d_datasets.sources.omniobject3d:OmniObject3D",
    "folder": "dst3d_datasets.sources.folder:Folder",
}


class Source(Protocol):
    """A collection of CAD models. Built as `Class(options)` with the options of its `kind` in the recipe.

    A source is cheap to build and holds no open files, so that it can be built again in every worker process. One that
    reads from other machines may have `fetch(ref) -> None`: bring a model's files into the cache, from any thread, so
    that `open` finds them there; it raises what `open` would.
    """

    name: str

    def models(self) -> Iterator[ModelRef]:
        """List what the source has by itself, in a fixed order (used when the recipe names no catalogue file).

        Raises:
            SourceError: the root is missing or is not such a collection.
        """
        ...

    def find(self, synset: str, model_id: str) -> ModelRef | None:
        """The reference of one model by its catalogue row's ids, or None when this source does not have it.

        Fills in what the collection knows (licence, author, url, title, keywords); the catalogue fills in the rest.
        """
        ...

    def open(self, ref: ModelRef) -> CadModel:
        """Load one model into the canonical frame, turned by the catalogue's azimuth and elevation.

        Raises:
            ModelRefused: with a reason from the fixed list.
        """
        ...
