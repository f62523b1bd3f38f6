"""The options of the built-in prompters."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Strict, later, location

REFERENCE_PROMPT = "An image of {class_name}, best quality, extremely detailed"
KEYWORD_PROMPT = "An image of {article} {name}, {keywords}"
REFERENCE_NEGATIVE = (
    "longbody, lowres, bad anatomy, bad hands, missing fingers, extra digit, fewer digits, cropped, "
    "worst quality, low quality"
)


class TemplatePromptOptions(Strict):
    """One sentence with its fields filled in: `{article}`, `{name}` (the class, disambiguated), `{class_name}` (as
    it is in the catalogue), `{keywords}` (cleaned), `{title}`, and `{colour}` and `{material}`
    as the render shows them."""

    kind: Literal["template"] = "template"
    text: str = Field(
        "keywords",
        min_length=1,
        description='"keywords": class and keywords; "reference": 3D-DST\'s words; or a template of your own',
    )
    negative: str = REFERENCE_NEGATIVE


class CaptionsPromptOptions(Strict):
    """A data set of captions with a class column (synset or name) and a caption column; chosen by the sample's seed."""

    kind: Literal["captions"]
    file: str = location(
        min_length=1, description="CSV or Parquet: a file, a folder, or an address such as hf://datasets/owner/name"
    )
    class_column: str = "class"
    caption_column: str = "caption"
    keywords: int = later(0, ge=0, le=8, description="put so many of the model's keywords behind the class's name")
    fallback: str = Field(KEYWORD_PROMPT, description="template for classes without a caption")
    negative: str = REFERENCE_NEGATIVE
