"""Captions from a data set, chosen by each sample's own seed.

The data set is read once from end to end, streamed, and laid out by class on disk (see `caption_index`); a prompt is
then two reads. Files of millions of rows are meant.
"""

from __future__ import annotations

from ..home import default_home
from ..nouns import ModelRef, Prompt
from ..recipe.options import CaptionsPromptOptions
from ..seeds import seed_of
from .caption_index import CaptionIndex, key_of, make_index
from .gate import first_name
from .keywords import clean_keywords
from .names import synonyms
from .rows import Rows
from .template import NAMED, check_template, fill


class Captions:
    """One of the class's captions a sample; a template where the class has none.

    Built by reading the columns' names alone; the index is made at the first prompt. Changing one class's captions
    changes no other class's prompts.

    Args:
        options: the data set, its columns, and the template to fall back to.

    Raises:
        RecipeError: no such data set, not text, or no such column; the message lists the columns there are.
    """

    def __init__(self, options: CaptionsPromptOptions) -> None:
        self._fallback = NAMED.get(options.fallback, options.fallback)
        check_template(self._fallback, "prompts.fallback")
        check_template(options.negative, "prompts.negative")
        self._options = options
        self._rows = Rows(options.file, options.class_column, options.caption_column)
        self._known: tuple[tuple[tuple[int, int], ...], str] | None = None
        self._index: CaptionIndex | None = None
        self._missing = 0

    @property
    def inputs(self) -> str:
        """What the data set holds; a changed one makes other shards."""
        return self.revision

    @property
    def revision(self) -> str:
        """`sha256:` and 16 hexadecimal digits over the data set: what pins the words."""
        return f"sha256:{self._known_digest()[:16]}"

    def prompt(self, ref: ModelRef, seed: int) -> Prompt:
        """The prompt of one sample: a caption listed under the model's synset, else under its class name."""
        negative = fill(self._options.negative, ref)
        index = self._fresh_index()
        for name in (ref.synset, ref.class_name):
            count = index.count(name) if key_of(name) else 0
            if count:
                caption = index.caption(name, seed_of("caption", seed) % count)
                return Prompt(text=with_keywords(caption, ref, self._options.keywords), negative=negative)
        self._missing += 1
        return Prompt(text=fill(self._fallback, ref), negative=negative)

    def counts(self) -> dict[str, int]:
        """`no_caption`: prompts since the last call whose class has no caption."""
        missing, self._missing = self._missing, 0
        return {"no_caption": missing} if missing else {}

    def _known_digest(self) -> str:
        """The digest of the data as it is now; read again only where a file was written since."""
        stamp = self._rows.stamp()
        if self._known is None or self._known[0] != stamp:
            self._known, self._index = (stamp, self._rows.digest()), None
        return self._known[1]

    def _fresh_index(self) -> CaptionIndex:
        digest = self._known_digest()
        if self._index is None:
            columns = seed_of(self._options.class_column, self._options.caption_column)
            self._index = make_index(self._rows, default_home() / "captions" / f"{digest}-{columns:016x}")
        return self._index


def with_keywords(caption: str, ref: ModelRef, most: int) -> str:
    """A caption with the model's first keywords behind the class's name, in parentheses; those it says already aside.

    Unchanged without keywords, and where the caption does not name the class.

    >>> ref = ModelRef(source="s", model_id="m", class_name="convertible", keywords=("red sports car", "open roof"))
    >>> with_keywords("a convertible on a coastal road", ref, 2)
    'a convertible (red sports car, open roof) on a coastal road'
    """
    place = first_name(caption.lower(), synonyms(ref))
    words = [word for word in clean_keywords(ref.keywords, ref.class_name)[0] if word.lower() not in caption.lower()]
    if place is None or not words[:most]:
        return caption
    return f"{caption[:place]} ({', '.join(words[:most])}){caption[place:]}"
