"""The options of the built-in sources, prompters, generators and scorers, told apart by `kind`.

A `kind` that is not built in must be a plug-in (see `registry`); its options are passed on as they are, and the plug-in
class checks them.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import ConfigDict, Discriminator, Tag

from ..registry import plugins
from .base import Strict
from .filter_options import (
    ClipScoreOptions,
    DinoScoreOptions,
    EdgeScoreOptions,
    FusedScoreOptions,
    LookScoreOptions,
    MaskScoreOptions,
    OrientationScoreOptions,
)
from .generator_options import ControlNetOptions, ImportedGeneratorOptions, RenderGeneratorOptions
from .prompt_options import (
    KEYWORD_PROMPT,
    REFERENCE_NEGATIVE,
    REFERENCE_PROMPT,
    CaptionsPromptOptions,
    TemplatePromptOptions,
)
from .score_options import ImportedScoreOptions, KcfOptions, KcfReferenceOptions
from .source_options import (
    FileSourceOptions,
    FolderOptions,
    ObjaverseOptions,
    ObjaverseXLOptions,
    OmniObject3DOptions,
    PrimitivesOptions,
    ShapeNetOptions,
    SourceOptions,
)

__all__ = [
    "KEYWORD_PROMPT",
    "REFERENCE_NEGATIVE",
    "REFERENCE_PROMPT",
    "AnyGenerator",
    "AnyPrompts",
    "AnyScorer",
    "AnySource",
    "CaptionsPromptOptions",
    "ControlNetOptions",
    "FileSourceOptions",
    "FolderOptions",
    "ImportedGeneratorOptions",
    "ImportedScoreOptions",
    "ObjaverseOptions",
    "ObjaverseXLOptions",
    "OmniObject3DOptions",
    "PluginOptions",
    "PrimitivesOptions",
    "RenderGeneratorOptions",
    "ShapeNetOptions",
    "SourceOptions",
    "TemplatePromptOptions",
]


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
AnyGenerator = by_kind(
    "generate", render=RenderGeneratorOptions, controlnet=ControlNetOptions, imported=ImportedGeneratorOptions
)
AnyScorer = by_kind(
    "scores",
    edges=EdgeScoreOptions,
    mask=MaskScoreOptions,
    dino=DinoScoreOptions,
    clip=ClipScoreOptions,
    orientation=OrientationScoreOptions,
    look=LookScoreOptions,
    fused=FusedScoreOptions,
    imported=ImportedScoreOptions,
    kcf=KcfOptions,
    kcf_reference=KcfReferenceOptions,
)
