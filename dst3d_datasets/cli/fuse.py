"""Learn from rated samples how to make one score of several: a logistic regression over the tables of `dst3d score`.
Name the file in the recipe, `{kind: fused, weights: FILE}` as the last of `scores`, and score again.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import UsageError
from .options import write_file
from .output import Outcome, table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from ..store import Store

EXAMPLES = """\
  dst3d fuse run -o weights.json                       # of the answers in run/ratings.tsv
  dst3d fuse run --ratings me.tsv -o weights.json --without aesthetic
  dst3d score run --set "scores=[edges, mask, kcf, {kind: fused, weights: weights.json}]"
"""


def add(parser: argparse.ArgumentParser) -> None:
    """Flags of this verb."""
    parser.add_argument("run", help="the folder of a run that is scored, or its fsspec address")
    parser.add_argument("-o", "--out", default="weights.json", metavar="FILE", help="default: weights.json")
    parser.add_argument("--ratings", metavar="FILE", help="what `dst3d rate` wrote (default: ratings.tsv of the run)")
    parser.add_argument(
        "--without", action="append", default=[], metavar="SCORE", help="leave a score out (may be given again)"
    )


def run(args: argparse.Namespace) -> Outcome:
    """Put scores and answers together, fit, and write."""
    import numpy as np

    from ..rating import RatingTable, settled
    from ..scores.logistic import auroc, fit
    from ..store import Store

    ratings = RatingTable(args.ratings or f"{args.run.rstrip('/')}/ratings.tsv")
    answers = settled(ratings)
    if not answers:
        raise UsageError(f"{ratings.address}: no sample is rated there; `dst3d rate {args.run}` asks a person")
    keys, groups, scores = rated_scores(Store(args.run), set(answers))
    if unknown := sorted(set(args.without) - scores.keys()):
        raise UsageError(f"--without: there is no score {unknown[0]!r}; known: {', '.join(scores)}")
    used = {name: values for name, values in scores.items() if name not in args.without}
    good = np.array([answers[key] for key in keys], bool)
    weights = fit(used, good, groups)
    write_file(Path(args.out), weights.to_json())
    rows = [
        (name, f"{weight:+.2f}", f"{auroc(used[name][good], used[name][~good]):.3f}")
        for name, weight in zip(weights.scores, weights.weight, strict=True)
    ]
    data = {
        "path": args.out,
        "rated": weights.rated,
        "good": weights.good,
        "auroc": weights.auroc,
        "weights": dict(zip(weights.scores, weights.weight, strict=True)),
    }
    lines = [
        f"{weights.rated:,} rated samples, {weights.good:,} good; AUROC of the fused score {weights.auroc:.3f} "
        "(on samples of models that the fit had not seen)",
        table([("score", "weight", "AUROC alone"), *rows]),
        f"weights: {args.out}",
    ]
    return Outcome(data, "\n".join(lines))


def rated_scores(store: Store, wanted: set[str]) -> tuple[list[str], list[str], dict[str, NDArray[np.float64]]]:
    """What the run's scorers said of some samples, in their first attempt.

    Returns:
        Their keys, the keys less the view (a name of the CAD model) and name -> (N,) scores, `NOT_JUDGED` where a table
        does not have them.

    Raises:
        UsageError: the run has no table of scores.
    """
    import numpy as np

    from ..run import read_run
    from ..scores import NOT_JUDGED
    from ..scoring.jobs import classes_of, found_tables
    from ..scoring.tables import read_table

    recipe, outline = read_run(store)
    found = found_tables(store, recipe, classes_of(store, outline).all())
    said: dict[str, dict[str, float]] = {}
    for (_, kind), place in sorted(found.items()):
        if kind == "fused":
            continue
        of_class = read_table(store, place.path)
        rows = zip(of_class.facts["key"], np.asarray(of_class.facts["attempt"]).tolist(), strict=True)
        for index, (key, attempt) in enumerate(rows):
            if attempt == 0 and key in wanted:
                said.setdefault(key, {}).update(
                    {name: float(values[index]) for name, values in of_class.scores.items()}
                )
    if not said:
        raise UsageError(f"{store.url}: no rated sample has a score; run `dst3d score {store.url}` first")
    names = sorted({name for scores in said.values() for name in scores})
    keys = sorted(said)
    columns = {name: np.array([said[key].get(name, NOT_JUDGED) for key in keys]) for name in names}
    return keys, [key.rpartition("-")[0] for key in keys], columns
