"""One sentence with fields: the reference's prompt, or any other template."""

from __future__ import annotations

import re
from string import Formatter

from ..errors import RecipeError
from ..nouns import ModelRef, Prompt
from ..recipe.options import KEYWORD_PROMPT, REFERENCE_PROMPT, TemplatePromptOptions
from .english import article
from .keywords import MAX_KEYWORDS, clean_keywords
from .look import Look
from .names import name_of

__all__ = ["FIELDS", "MAX_KEYWORDS", "NAMED", "Template", "article", "check_template", "fill"]

FIELDS = ("article", "name", "class_name", "keywords", "title", "colour", "material")
NAMED = {"reference": REFERENCE_PROMPT, "keywords": KEYWORD_PROMPT}  # templates that a recipe may name
_ARTICLE = "\x00"  # stands for "a" or "an" until the next word is known; cannot occur in a cleaned field
_BEFORE = {"one": _ARTICLE, "pair": f"{_ARTICLE} pair of", "many": "", "mass": ""}  # by the class's number


def check_template(text: str, where: str) -> None:
    """Refuse a template that could not be filled in later.

    Args:
        text: the template.
        where: path of the recipe's field, for the message.

    Raises:
        RecipeError: unbalanced braces, a field that does not exist, or a field with a conversion or format.
    """
    choices = ", ".join(f"{{{name}}}" for name in FIELDS)
    try:
        parsed = list(Formatter().parse(text))
    except ValueError as error:
        raise RecipeError(
            f"{where}: {text!r}: {error}; write {{{{ and }}}} for braces, fields are {choices}"
        ) from error
    for _, name, spec, conversion in parsed:
        if name is not None and (name not in FIELDS or spec or conversion):
            raise RecipeError(f"{where}: unknown field {{{name}}} in {text!r}; known: {choices}")


def fill(text: str, ref: ModelRef, look: Look | None = None) -> str:
    """A checked template with the model's words filled in; no double spaces, no comma left by an empty field.

    `{colour}` and `{material}` are empty without a look.
    """
    class_name, name = _clean(ref.class_name.replace("_", " ")), name_of(ref)
    words = {
        "article": _BEFORE[name.number],
        "name": _clean(name.text),
        "class_name": class_name,
        "keywords": ", ".join(clean_keywords(ref.keywords, class_name)[0]),
        "title": _clean(ref.title),
        "colour": look.colour if look else "",
        "material": look.material if look else "",
    }
    return _with_articles(_tidy(text.format(**words)))


def _clean(text: str) -> str:
    """One line without control characters, spaces collapsed."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _tidy(text: str) -> str:
    text = re.sub(r"\(\s*\)|\[\s*\]", "", text)
    text = re.sub(r"\s+", " ", text)
    text = re.sub(r"\s+([,.;:!?)])", r"\1", text)
    text = re.sub(r"([(])\s+", r"\1", text)
    text = re.sub(r",(?:\s*,)+", ",", text)
    text = re.sub(r"[,;:]+(?=[.!?])", "", text)
    return re.sub(r"^[\s,;:]+|[\s,;:]+$", "", text)


def _with_articles(text: str) -> str:
    def chosen(match: re.Match[str]) -> str:
        word = article(match["next"]) if match["next"] else ""
        word = word.capitalize() if match.start() == 0 else word
        return f"{word}{match['gap']}{match['next']}" if word else match["gap"]

    return re.sub(rf"{_ARTICLE}(?P<gap>[\s\"'(]*)(?P<next>[^\s,.;:!?)\"']*)", chosen, text).strip()


class Template:
    """The same sentence for every sample of a model; the seed plays no part.

    Args:
        options: the template and the negative prompt.

    Raises:
        RecipeError: a field that does not exist; the message lists the known ones.
    """

    def __init__(self, options: TemplatePromptOptions) -> None:
        self._text = NAMED.get(options.text, options.text)
        check_template(self._text, "prompts.text")
        check_template(options.negative, "prompts.negative")
        self._options = options

    def prompt(self, ref: ModelRef, seed: int) -> Prompt:
        """The prompt of one sample; only `ref` matters."""
        return Prompt(text=fill(self._text, ref), negative=fill(self._options.negative, ref))

    @property
    def sees(self) -> bool:
        """Whether the template has words that are measured from the render."""
        return "{colour}" in self._text or "{material}" in self._text

    def prompt_seeing(self, ref: ModelRef, seed: int, look: Look) -> Prompt:
        """The prompt of one sample whose look is known."""
        return Prompt(text=fill(self._text, ref, look), negative=fill(self._options.negative, ref, look))

    def counts(self) -> dict[str, int]:
        """Nothing can go wrong here: always empty."""
        return {}
