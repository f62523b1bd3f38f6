"""Training views: primitives rendered by worker processes into files of some hundred views each.

Instances 0 to 999 of each class are never used: they are what recipes and the evaluation see.
"""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from ..camera import camera_of
from ..nouns import ModelRef, View
from ..recipe.rendering import ControlOptions
from ..seeds import seed_of, uniforms

SIZE = 128  # pixels
FIRST = 1000  # number of the first training instance of a class
MODELS, VIEWS = 6, 12  # instances in a file, and views of each


def view_of(ref: ModelRef, index: int) -> View:
    """View `index` of a training model: the whole sphere, mostly upright, at 0.9 to 1.5 times its distance."""
    u = uniforms("tiny", ref.uid, "view", index, count=5).tolist()
    theta = 0.0 if u[2] < 0.6 else 40.0 * (u[3] - 0.5)
    return View(
        index=index,
        azimuth=360.0 * u[0],
        elevation=math.degrees(math.asin(2.0 * u[1] - 1.0)),
        theta=theta,
        distance=ref.distance * (0.9 + 0.6 * u[4] ** 1.5),
    )


def render_job(job: int, folder: Path, device: str = "cpu") -> None:
    """Render job `job`: `MODELS` instances of class `job mod classes`, and write them as one file.

    The file holds rgba (n, 128, 128, 4) straight, edge (n, 128, 16) packed bits, grey (n,) the control's background,
    part (n,) the row of `models` that a view belongs to, pose (n, 2) azimuth and elevation in degrees, and `models` as
    JSON rows (class name, keywords).
    """
    target = folder / f"views-{job:05d}.npz"
    if target.exists():
        return
    import torch

    from ..render.raster import TorchRenderer
    from ..sources.primitives import Primitives

    torch.set_num_threads(1)
    renderer = TorchRenderer(device)
    source = Primitives(SimpleNamespace(name="", models_per_class=1, classes=()))
    families = list(source.models())
    stem = families[job % len(families)].model_id.rsplit("-", 1)[0]
    first = FIRST + MODELS * (job // len(families))
    rows: dict[str, list[Any]] = {name: [] for name in ("rgba", "edge", "grey", "part", "pose")}
    models = []
    for number in range(first, first + MODELS):
        ref = source.find("", f"{stem}-{number:05d}")
        assert ref is not None
        models.append([ref.class_name, list(ref.keywords)])
        for name, values in _views_of(source.open(ref), ref, renderer).items():
            rows[name] += values
        rows["part"] += [len(models) - 1] * VIEWS
    arrays: dict[str, Any] = {name: np.stack(values) for name, values in rows.items()}
    temporary = folder / f".{os.getpid()}-{job}.npz"
    np.savez(temporary, models=np.asarray(json.dumps(models)), **arrays)
    os.replace(temporary, target)


def _views_of(model: Any, ref: ModelRef, renderer: Any) -> dict[str, list[Any]]:
    from ..render.controls import contrast_grey, make_controls
    from ..render.lights import lights_of

    views = [view_of(ref, index) for index in range(VIEWS)]
    cameras = [camera_of(view, SIZE, SIZE) for view in views]
    lights = [lights_of(seed_of("tiny", ref.uid, "light", view.index), "random") for view in views]
    found: dict[str, list[Any]] = {name: [] for name in ("rgba", "edge", "grey", "pose")}
    for view, camera, buffers in zip(views, cameras, renderer.render(model, cameras, lights), strict=True):
        controls = make_controls(buffers, camera, ControlOptions())
        found["rgba"].append(np.concatenate([buffers.colour, buffers.alpha[..., None]], -1))
        found["edge"].append(np.packbits(controls.edge > 0, axis=1))
        found["grey"].append(np.uint8(contrast_grey(buffers)))
        found["pose"].append(np.array([view.azimuth, view.elevation], np.float32))
    return found


def render_forever(worker: int, workers: int, jobs: int, folder: str) -> None:
    """What one worker process does: jobs `worker`, `worker + workers`, ... below `jobs`."""
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    for job in range(worker, jobs, workers):
        render_job(job, Path(folder))
