"""The `torch` engine on a GPU: views a second with every control, kept on the device and handed to the host."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from ..recipe.rendering import ControlOptions
from ..render.device import cannot
from ..render.lights import lights_of
from ..render.raster import TorchRenderer
from ..seeds import seed_of
from .render_work import camera
from .result import Cell, Measured
from .shapes import bumpy_torus

SIZE = 512  # pixels
FACES = (10_000, 100_000, 1_000_000)
VIEWS = 256  # views in one call


def run(quick: bool) -> Measured:
    """One process, one GPU; nothing where there is none."""
    columns = ("faces", "on the device, views/s", "on the host, views/s", "GPU memory, MiB")
    if why := cannot():
        return Measured(columns, (), [f"not measured: {why}"])
    rows: list[tuple[Cell, ...]] = []
    for faces in FACES:
        found = measure(faces, SIZE, 1.0 if quick else 5.0)
        rows.append((faces, found["device"], found["host"], found["memory"]))
    notes = [
        f"{SIZE} px, textured; buffers and controls: colour, depth, normals, mask, parts, edges, lines, projected box.",
        "On the host: all of it as NumPy arrays, 9.5 MiB a view, sent from pinned memory while the next are drawn.",
    ]
    return Measured(columns, rows, notes)


def measure(faces: int, size: int, seconds: float) -> dict[str, float]:
    """Views a second on the `device` and delivered to the `host`, and the peak of GPU `memory` in MiB.

    Args:
        faces: about how many triangles the model has.
        size: side of the pictures, pixels.
        seconds: how long each of the two is measured.
    """
    model, renderer = bumpy_torus(faces), TorchRenderer("cuda")
    cameras = [camera(number, size) for number in range(VIEWS)]
    lights = [lights_of(seed_of("bench", number), "random") for number in range(VIEWS)]
    torch.cuda.reset_peak_memory_stats()

    def device() -> None:
        for batch in renderer.render_on_device(model, cameras, lights, ControlOptions()):
            del batch
        torch.cuda.synchronize()

    def host() -> None:
        for drawn in renderer.render_controlled(model, cameras, lights, ControlOptions()):
            del drawn

    rates = {"device": _rate(device, seconds), "host": _rate(host, seconds)}
    return {**rates, "memory": torch.cuda.max_memory_allocated() / 2**20}


def _rate(work: Callable[[], None], seconds: float) -> float:
    """Views a second after a first call, which compiles and loads."""
    work()
    done, start = 0, time.perf_counter()
    while not done or time.perf_counter() - start < seconds:
        work()
        done += VIEWS
    return done / (time.perf_counter() - start)
