"""Which split a CAD model belongs to: decided by its name alone, so that adding a model moves no other."""

from __future__ import annotations

from collections.abc import Mapping

from .seeds import uniform


def split_of(shares: Mapping[str, float], seed: int, source: str, model_id: str) -> str:
    """The split of one CAD model, and so of all its pictures, whichever classes it is listed under.

    Args:
        shares: split name -> share of the models, adding up to 1; their order matters.
        seed: the recipe's.
        source: name of the model's source.
        model_id: the id inside that source.

    Returns:
        One of the names. A split whose share is 0 gets no model.
    """
    position, end = uniform(seed, "split", source, model_id), 0.0
    wanted = {name: share for name, share in shares.items() if share > 0.0}
    for name, share in wanted.items():
        end += share
        if position < end:
            return name
    return list(wanted)[-1]  # the shares add up to a hair less than 1
