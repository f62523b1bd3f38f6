"""How many tokens a text encoder makes of a caption: by its own tokenizer, or an upper estimate without one."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

_PIECES = re.compile(r"[A-Za-z]+|\d|[^\sA-Za-z\d]")


def estimate(text: str) -> int:
    """An upper estimate of CLIP's token count, end marks included: a token for every three letters of a word begun, one
    for each digit and mark, three for each other character.

    CLIP's vocabulary holds most English words whole, so that this is about twice the true count for plain English; only
    letters without sense can have more.

    >>> estimate("a red car"), estimate("x" * 9), estimate("1:18")
    (5, 5, 6)
    """
    pieces = _PIECES.findall(text)
    return 2 + sum(-(-len(piece) // 3) if piece.isascii() else 3 for piece in pieces)


def counter(pipeline: str = "") -> tuple[Callable[[str], int], str]:
    """What counts tokens for a diffusion pipeline, and how it is called in a table's card.

    Args:
        pipeline: a folder that holds its tokenizer; any other text (a Hub id, nothing) gives the upper estimate, since
            counting must not need the network.
    """
    folder = Path(pipeline).expanduser() / "tokenizer" if pipeline else None
    if folder is None or not folder.is_dir():
        return estimate, "upper estimate"
    from .language_tokens import tokenizer_counter

    return tokenizer_counter(folder), "the pipeline's tokenizer"
