"""Planning a paper-sized data set: 1000 classes x 2500 images."""

from __future__ import annotations

from .child import in_child
from .result import Measured

_CODE = """
import time
from dst3d_datasets.nouns import ModelRef
from dst3d_datasets.plan import Plan
from dst3d_datasets.recipe import validate

classes, models, views = {classes}, 30, 2500
recipe = validate({{"views": {{"per_class": views}}}})
refs = [
    ModelRef(source="bench", model_id=f"model-{{m:04d}}", class_name=f"class {{c}}", synset=f"n{{c:08d}}")
    for c in range(classes) for m in range(models)
]
start = time.perf_counter()
plan = Plan(recipe, refs)
made = time.perf_counter()
samples = sum(spec.num_samples for spec in plan)
listed = time.perf_counter()
digest = plan.digest
digested = time.perf_counter()
assert samples == plan.num_samples == classes * views
result = dict(samples=samples, models=len(refs), shards=len(plan), make=made - start, specs=listed - made, digest=digested - listed)
"""  # noqa: E501 - reads best as it is


def run(quick: bool) -> Measured:
    """Plan, list every shard's spec and hash them all, in a process of its own. It is quick as it is."""
    rows = []
    for classes in (100, 1000):
        found = in_child(_CODE.format(classes=classes))
        seconds = [found[step] for step in ("make", "specs", "digest")]
        counts = [found[name] for name in ("samples", "models", "shards")]
        rows.append((*counts, *seconds, sum(seconds), found["peak_mib"]))
    columns = ("samples", "models", "shards", "plan s", "all specs s", "digest s", "total s", "peak MiB")
    notes = ["30 models and 2500 views a class, 256 samples a shard; the interpreter is included in the MiB."]
    return Measured(columns, rows, notes)
