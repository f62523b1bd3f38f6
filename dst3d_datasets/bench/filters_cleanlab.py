"""Confident learning (Northcutt et al., JAIR 2021) by cleanlab, on the answers of our K-fold filter.

cleanlab knows classes and no angles, so azimuth and elevation become sectors; the answers on the fold that was held
out are summed over every sector, and a sample's quality is the product over the two angles.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingDependency
from ..scores import NOT_JUDGED
from ..scores.kcf_angles import Head, heads_of
from ..scores.kcf_folds import judged_heads, poses_of
from .filters_tables import Floats, Table

SECTOR = 30.0  # degrees
_NAME = re.compile(r"round(?P<round>\d+)")


def add(table: Table) -> None:
    """Give a table the score `cleanlab`, from what `kcf` left in its scratch.

    Raises:
        MissingDependency: cleanlab is not installed.
    """
    fold = np.asarray(table.details["kcf"]["kcf_fold"])
    score = np.full(len(fold), NOT_JUDGED)
    judged = fold >= 0
    if judged.any():
        score[judged] = _quality(table, _last_round(table.scratch["kcf"]), judged)
    table.scores["cleanlab"] = score


def _last_round(scratch: Mapping[str, Mapping[str, NDArray[Any]]]) -> Floats:
    """(n, outputs) what is said of each sample that is judged by those who did not learn from it, in the last round."""
    rounds = {int(match["round"]): kept for name, kept in scratch.items() if (match := _NAME.fullmatch(name))}
    return np.asarray(rounds[max(rounds)]["plain"], dtype=np.float64)


def _quality(table: Table, answers: Floats, judged: NDArray[np.bool_]) -> Floats:
    try:
        from cleanlab.rank import get_label_quality_scores
    except ModuleNotFoundError as error:
        raise MissingDependency("confident learning needs cleanlab; run: pip install cleanlab") from error
    poses = poses_of(table.samples.labels).take(np.flatnonzero(judged))
    quality = np.ones(len(poses))
    for head in heads_of(judged_heads(poses)):
        if head.name == "theta":
            continue
        given, chance = _sectors(head, poses.angles[:, head.column], poses.symmetry, answers[:, head.span])
        names, given = np.unique(given, return_inverse=True)
        chance = chance[:, names] + 1e-9
        chance = chance / chance.sum(1, keepdims=True)
        quality *= get_label_quality_scores(given, chance, method="self_confidence", adjust_pred_probs=len(names) > 1)
    return quality


def _sectors(
    head: Head, degrees: Floats, symmetry: NDArray[np.int64], chance: Floats
) -> tuple[NDArray[np.int64], Floats]:
    """The sector of each label (N,), and what is given to each sector (N, sectors).

    Turns that look alike are one: an azimuth is taken modulo 360 / n, and is all one sector on a body of revolution.
    """
    centres = np.broadcast_to(head.centres, chance.shape)
    if head.name == "azimuth":
        turn = 360.0 / np.maximum(symmetry, 1)
        degrees, centres = degrees % turn, centres % turn[:, None]
        round_ = symmetry == 0
        degrees, centres = np.where(round_, 0.0, degrees), np.where(round_[:, None], 0.0, centres)
    else:
        degrees, centres = degrees + 90.0, centres + 90.0
    given, place = (degrees // SECTOR).astype(np.int64), (centres // SECTOR).astype(np.int64)
    summed = np.zeros((len(degrees), int(max(given.max(), place.max())) + 1))
    np.add.at(summed, (np.arange(len(degrees))[:, None], place), chance)
    return given, summed
