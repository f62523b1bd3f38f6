"""The options of the built-in sources, prompters and generators, told apart by `kind`.

A `kind` that is not built in must be a plug-in (see `registry`); its options are passed on as they are, and the plug-in
class checks them.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, model_validator

from ..registry import plugins
from .base import Strict, amount, location

Colour = tuple[
    Annotated[int, Field(ge=0, le=255)], Annotated[int, Field(ge=0, le=255)], Annotated[int, Field(ge=0, le=255)]
]
Fraction = Annotated[float, Field(ge=0.0, le=1.0)]

REFERENCE_PROMPT = "An image of {class_name}, best quality, extremely detailed"
REFERENCE_NEGATIVE = (
    "longbody, lowres, bad anatomy, bad hands, missing fingers, extra digit, fewer digits, cropped, "
    "worst quality, low quality"
)


class SourceOptions(Strict):
    """What all sources have in common."""

    reads_files: ClassVar[bool] = True  # strangers' files, which are loaded under the recipe's limits
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


class TemplatePromptOptions(Strict):
    """One sentence with `{class_name}`, `{keywords}` and `{title}` filled in."""

    kind: Literal["template"] = "template"
    text: str = Field(REFERENCE_PROMPT, min_length=1)
    negative: str = REFERENCE_NEGATIVE


class CaptionsPromptOptions(Strict):
    """A CSV file of captions with a class column (synset or name) and a caption column; chosen by the sample's seed."""

    kind: Literal["captions"]
    file: str = location(min_length=1)
    class_column: str = "class"
    caption_column: str = "caption"
    fallback: str = Field(REFERENCE_PROMPT, description="template for classes without a caption")
    negative: str = REFERENCE_NEGATIVE


class RenderGeneratorOptions(Strict):
    """The CAD render on a background: the paper's "Rendering + BG" baseline. Needs no network and no weights."""

    kind: Literal["render"] = "render"
    background: Literal["plain", "procedural", "images", "panorama"] = "procedural"
    folder: str = location("", description="folder of pictures for `images` and `panorama` (equirectangular, 2:1)")
    colour: Colour | None = Field(None, description="for `plain`; none: a colour by seed")

    @model_validator(mode="after")
    def _folder_given(self) -> RenderGeneratorOptions:
        if self.background in ("images", "panorama") and not self.folder:
            raise ValueError(f"background: {self.background} needs `folder`, the folder of its pictures")
        return self


class ControlNetOptions(Strict):
    """Any pipeline that diffusers' AutoPipeline builds around a ControlNet."""

    kind: Literal["controlnet"]
    pipeline: str = Field("stable-diffusion-v1-5/stable-diffusion-v1-5", description="folder or Hub id of the base")
    revision: str = Field("main", description="branch, tag or commit of `pipeline` on the Hub")
    controlnet: tuple[str, ...] = Field(
        ("lllyasviel/control_v11p_sd15_canny",),
        description="folders or Hub ids; empty: the pipeline folder holds its own ControlNet",
    )
    controlnet_revision: tuple[str, ...] = ()
    controls: tuple[Literal["edge", "depth", "normal", "mask", "render"], ...] = Field(("edge",), min_length=1)
    scales: tuple[float, ...] = Field((1.0,), min_length=1, description="conditioning scale of each control")
    scheduler: Literal["ddim", "pipeline"] = Field("ddim", description="pipeline: the one its folder names")
    steps: int = Field(20, ge=1, le=1000)
    eta: Fraction = 1.0
    guidance_scale: float = Field(9.0, ge=0.0)
    size: int = Field(0, ge=0, le=4096, multiple_of=8, description="side the pipeline draws at; 0: the render's size")
    batch_size: int = Field(4, ge=1, le=1024, description="always this many; the last batch is padded")
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = Field(
        "auto", description="auto: float16 on a GPU, float32 elsewhere"
    )
    device: str = location("auto", description="auto: cuda if there is one")

    @model_validator(mode="after")
    def _lengths_agree(self) -> ControlNetOptions:
        if len(self.scales) != len(self.controls):
            raise ValueError(f"scales has {len(self.scales)} entries and controls {len(self.controls)}: give pairs")
        if self.controlnet and len(self.controlnet) != len(self.controls):
            raise ValueError(f"controlnet has {len(self.controlnet)} entries and controls {len(self.controls)}")
        return self


class PluginOptions(Strict):
    """Options of a third-party class: any keys; the class itself checks them."""

    model_config = ConfigDict(extra="allow")
    kind: str
    name: str = ""


def by_kind(drawer: str, **built_in: type[Strict]) -> Any:
    """The union of a drawer's option classes, told apart by `kind`; unknown kinds are looked for among the plug-ins."""

    def kind_of(value: Any) -> str:
        kind = value.get("kind", "?") if isinstance(value, dict) else getattr(value, "kind", "?")
        return str(kind) if kind in built_in else ("plugin" if kind in plugins(drawer) else "?")

    tagged = [Annotated[cls, Tag(kind)] for kind, cls in built_in.items()] + [Annotated[PluginOptions, Tag("plugin")]]
    union: Any = tagged[0]
    for option in tagged[1:]:
        union = union | option
    choices = sorted({*built_in, *plugins(drawer)})
    return Annotated[union, Discriminator(kind_of, custom_error_type="kind", custom_error_message=_choices(choices))]


def _choices(choices: list[str]) -> str:
    return "needs `kind`, one of: " + ", ".join(choices)


AnySource = by_kind(
    "sources",
    primitives=PrimitivesOptions,
    shapenet=ShapeNetOptions,
    objaverse=ObjaverseOptions,
    objaverse_xl=ObjaverseXLOptions,
    omniobject3d=OmniObject3DOptions,
    folder=FolderOptions,
)
AnyPrompts = by_kind("prompts", template=TemplatePromptOptions, captions=CaptionsPromptOptions)
AnyGenerator = by_kind("generate", render=RenderGeneratorOptions, controlnet=ControlNetOptions)
