"""Language models on the Hub: the commit that a revision names, so that what is written can be written again."""

from __future__ import annotations

import re
from dataclasses import replace

from transformers.utils.hub import cached_file, extract_commit_hash

from ..errors import RecipeError
from .language_place import Weights

_COMMIT = re.compile(r"[0-9a-f]{40}")


def pin(weights: Weights) -> Weights:
    """Weights on the Hub with the commit that their revision, or `main`, names now; others as they are.

    Without a network the commit is that of the Hub's cache on this machine.

    Raises:
        RecipeError: no such model or revision, or no way to ask.
    """
    if weights.is_local or _COMMIT.fullmatch(weights.revision):
        return weights
    try:
        found = cached_file(weights.where, weights.gguf or "config.json", revision=weights.revision or "main")
        commit = extract_commit_hash(found, None)
    except OSError as error:
        said = " ".join(str(error).split())[:300] or type(error).__name__
        raise RecipeError(f"model: {weights.where}: {said}") from error
    if not commit:
        raise RecipeError(f"model: {weights.where}: its commit is unknown; name one: --revision COMMIT")
    return replace(weights, revision=commit)
