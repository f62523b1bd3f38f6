"""One sentence with fields: the reference's prompt, or any other template."""

from __future__ import annotations

import re
from string import Formatter

from ..errors import RecipeError
from ..nouns import ModelRef, Prompt
from ..recipe.options import TemplatePromptOptions

FIELDS = ("article", "class_name", "keywords", "title")
MAX_KEYWORDS = 8  # more only push the class out of a text encoder's 77 tokens
_ARTICLE = "\x00"  # stands for "a" or "an" until the next word is known; cannot occur in a cleaned field

_AN = re.compile(r"(?:hour|honou?r|honest|heir)", re.IGNORECASE)
_A = re.compile(r"(?:uni(?![nmd])|use|usu|ute|ura|uku|eu|ewe|ufo|one(?![a-z])|once|ouija)", re.IGNORECASE)
_SPELT = re.compile(r"(?:[A-Z]{2,}|[A-Z](?=[-\d]))(?![a-z])")  # "SUV", "X-ray": read letter by letter


def article(word: str) -> str:
    """The indefinite article before an English word, by its sound where spelling misleads ("an hourglass").

    >>> [article(word) for word in ("airliner", "unicycle", "umbrella", "SUV", "hourglass", "teapot")]
    ['an', 'a', 'an', 'an', 'an', 'a']
    """
    if _SPELT.match(word):
        return "an" if word[0] in "AEFHILMNORSX" else "a"
    if _AN.match(word):
        return "an"
    if _A.match(word):
        return "a"
    return "an" if word[:1].lower() in tuple("aeiou") else "a"


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


def fill(text: str, ref: ModelRef) -> str:
    """A checked template with the model's words filled in; no double spaces, no comma left by an empty field."""
    class_name = _clean(ref.class_name.replace("_", " "))
    words = {
        "article": _ARTICLE,
        "class_name": class_name,
        "keywords": ", ".join(_keywords(ref.keywords, class_name)),
        "title": _clean(ref.title),
    }
    return _with_articles(_tidy(text.format(**words)))


def _clean(text: str) -> str:
    """One line without control characters, spaces collapsed."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _keywords(keywords: tuple[str, ...], class_name: str) -> list[str]:
    """The first distinct keywords that are not the class name itself, at most `MAX_KEYWORDS`."""
    seen, kept = {class_name.casefold(), ""}, []
    for keyword in (_clean(word.replace("_", " ")) for word in keywords):
        if keyword.casefold() not in seen:
            seen.add(keyword.casefold())
            kept.append(keyword)
    return kept[:MAX_KEYWORDS]


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
        check_template(options.text, "prompts.text")
        check_template(options.negative, "prompts.negative")
        self._options = options

    def prompt(self, ref: ModelRef, seed: int) -> Prompt:
        """The prompt of one sample; only `ref` matters."""
        return Prompt(text=fill(self._options.text, ref), negative=fill(self._options.negative, ref))

    def counts(self) -> dict[str, int]:
        """Nothing can go wrong here: always empty."""
        return {}
