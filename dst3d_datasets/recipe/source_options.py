"""The options of the built-in sources."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from .base import Strict, amount, location


class SourceOptions(Strict):
    """What all sources have in common."""

    reads_files: ClassVar[bool] = True  # strangers' files, which are loaded under the recipe's limits
    kind: str
    name: str = Field("", pattern=r"^[a-z0-9_-]{0,16}$", description="name in labels and keys; empty: the kind")
    max_faces: int = Field(2_000_000, ge=1, description="models with more faces are skipped")
    max_texture_pixels: int = Field(64_000_000, ge=1, description="models with a larger texture are skipped")
    max_bytes: int = Field(2**30, ge=1, description="models whose file, or a file they name, is larger are skipped")


class PrimitivesOptions(SourceOptions):
    """Procedural models: no files at all."""

    reads_files: ClassVar[bool] = False
    kind: Literal["primitives"]
    models_per_class: int = amount(8, ge=1, le=1_000_000)
    classes: tuple[str, ...] = amount((), description="names or synsets; empty: all of them")


class FileSourceOptions(SourceOptions):
    """A collection of files at an address: a local path, hf://datasets/<owner>/<name>[@revision][/<path>], https://...,
    or any that fsspec knows, such as s3://.
    """

    root: str = location(min_length=1, description="address of the collection; files of other machines are cached")
    cache: str = location("", description="folder of the cache; empty: $DST3D_HOME/models")
    cache_bytes: int | None = location(None, ge=0, description="its size; none: $DST3D_CACHE_BYTES, else 20 GB")

    @property
    def is_all_here(self) -> bool:
        """Whether every model is a file of this machine, which nobody needs to fetch."""
        return "://" not in self.root


class ShapeNetOptions(FileSourceOptions):
    """ShapeNetCore: the tree <root>/<synset>/<model>/models/model_normalized.obj, or one <synset>.zip a class."""

    kind: Literal["shapenet"]


class ObjaverseOptions(FileSourceOptions):
    """Objaverse 1.0: the package's cache or the Hub's hf://datasets/allenai/objaverse (object-paths.json.gz,
    glbs/...), or flat <uid>.glb files.
    """

    kind: Literal["objaverse"]
    downloader: Literal["own", "package"] = location(
        "own", description="package: what a local root lacks is fetched into it by the `objaverse` package, unbounded"
    )

    @property
    def is_all_here(self) -> bool:
        """See `FileSourceOptions`."""
        return super().is_all_here and self.downloader == "own"


class ObjaverseXLOptions(FileSourceOptions):
    """Objaverse-XL: a table of annotations (csv or parquet, with fileIdentifier and sha256), or a folder of such."""

    kind: Literal["objaverse_xl"]

    @property
    def is_all_here(self) -> bool:
        """Never: only the table may be."""
        return False


class OmniObject3DOptions(FileSourceOptions):
    """OmniObject3D raw scans: <root>/raw/raw_scans/<category>/<category>_<nnn>/Scan/Scan.obj, or <category>.tar.gz."""

    kind: Literal["omniobject3d"]

    @property
    def is_all_here(self) -> bool:
        """Unknown: archives are extracted from ahead of time even where they lie here."""
        return False


class FolderOptions(FileSourceOptions):
    """Any folder of glb, gltf, obj, ply, stl or off files; the class is the name of the sub-folder."""

    kind: Literal["folder"]
    up: Literal["auto", "y", "z"] = Field("auto", description="auto: y for glb, gltf, obj; z for ply, stl, off")
    front: Literal["auto", "-y", "+y", "+x", "-x"] = Field(
        "auto", description="where the front faces once z is up; auto: -y, glTF's +z"
    )
    licence: str = Field("unknown", description="licence of the models, SPDX where one exists")
