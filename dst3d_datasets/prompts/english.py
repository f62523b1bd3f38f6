"""English as prompts need it: indefinite articles by sound, plurals, and nouns that take none."""

from __future__ import annotations

import re

_AN = re.compile(r"(?:hour|honou?r|honest|heir)", re.IGNORECASE)
_A = re.compile(r"(?:uni(?![nmd])|use|usu|ute|ura|uku|eu|ewe|ufo|one(?![a-z])|once|ouija)", re.IGNORECASE)
_SPELT = re.compile(r"(?:[A-Z]{2,}|[A-Z](?=[-\d]))(?![a-z])")  # "SUV", "X-ray": read letter by letter


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


_PAIRS = words(
    """
    binoculars boots glasses goggles headphones jeans leggings pajamas pants pliers pyjamas scissors shoes
    shorts skis sneakers socks sunglasses tights tongs trousers trunks tweezers
    """
)
_MASS = words(
    """
    armor armour bread broccoli butter cheese clothing dough equipment fabric food fur furniture grass guacamole
    hay ice jewellery jewelry lettuce machinery mail meat milk paper rice salt sand soup sugar tissue velvet
    water wine wool
    """
)
_ONE = re.compile(r"(?:ss|us|is|os|lens|gas|canvas|atlas|series|species|headquarters|barracks|works|christmas)$")
_UNCHANGED = words(
    """
    sheep deer fish moose bison aircraft spacecraft hovercraft swine series species
    """
)
_ODD = {
    "man": "men", "woman": "women", "child": "children", "foot": "feet", "tooth": "teeth", "goose": "geese",
    "mouse": "mice", "ox": "oxen", "knife": "knives", "wolf": "wolves", "shelf": "shelves", "loaf": "loaves",
    "calf": "calves", "leaf": "leaves", "scarf": "scarves", "wife": "wives", "half": "halves", "cactus": "cacti",
    "fungus": "fungi", "person": "people", "potato": "potatoes", "tomato": "tomatoes", "echo": "echoes",
}  # fmt: skip
_REGULAR = words(
    """
    human roman german talisman caiman ottoman
    """
)


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


def number(noun: str) -> str:
    """What a noun takes: "one" ("a teapot"), "pair" ("a pair of jeans"), "many" ("flowers") or "mass" ("hay").

    >>> [number(noun) for noun in ("teapot", "swimming trunks", "flowers", "wine glass", "chain mail", "bus")]
    ['one', 'pair', 'many', 'one', 'mass', 'one']
    """
    head = _head(noun)
    if head in _PAIRS:
        return "pair"
    if head in _MASS:
        return "mass"
    if head.endswith("s") and len(head) > 3 and not _ONE.search(head):
        return "many"
    return "one"


def plural(noun: str) -> str:
    """The plural of a noun's head, its last word or what stands before "of" ("cup of tea").

    >>> [plural(noun) for noun in ("church", "fire fly", "wooden spoon", "sheep", "carving knife", "cup of tea", "hay")]
    ['churches', 'fire flies', 'wooden spoons', 'sheep', 'carving knives', 'cups of tea', 'hay']
    """
    before, of, rest = noun.partition(" of ")
    if number(before) != "one":
        return noun
    start, space, last = before.rpartition(" ")
    return f"{start}{space}{_plural_word(last)}{of}{rest}"


def _plural_word(word: str) -> str:
    low = word.lower()
    if low in _UNCHANGED or low.endswith("fish"):
        return word
    for one, many in _ODD.items():
        if low == one or (low.endswith(one) and one not in ("ox", "half") and low not in _REGULAR):
            return word[: len(word) - len(one)] + many
    if re.search(r"(?:s|x|z|ch|sh)$", low):
        return f"{word}es"
    if re.search(r"[^aeiou]y$", low):
        return f"{word[:-1]}ies"
    return f"{word}s"


def _head(noun: str) -> str:
    words = noun.lower().partition(" of ")[0].partition(",")[0].split()
    return words[-1] if words else ""
