"""Views a second with every control, by engine and number of faces, beside stock pyrender in the same run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from ..engines.local import LocalEngine
from ..errors import Dst3dError
from ..registry import table
from .child import in_child
from .render_stock import WAYS
from .render_work import PARTS
from .result import Cell, Measured

SIZE = 512  # pixels
FACES = (10_000, 100_000, 1_000_000)
SLOW = ("blender",)  # paths are traced for seconds a view: only in the full bench, on the smallest model
UNKNOWN = (0.0,) * (1 + len(PARTS))
STOCK = "stock pyrender, {}"  # of `render_stock.WAYS`

_CODE = """
from dst3d_datasets.bench.{module} import measure
result = dict(rows=measure({how!r}, {size}, {seconds}, {faces}))
"""


def run(quick: bool) -> Measured:
    """Every engine of the drawer that works here, one after the other, with as many workers as a build would have."""
    workers, faces = LocalEngine().workers, FACES[:2] if quick else FACES
    seconds = 1.0 if quick else 10.0
    notes = [
        f"{SIZE} px, textured; colour, depth, normals, mask, parts, edges, lines, box and visible share of every view.",
        "Views a second of all workers together; milliseconds of one view in one worker. Processor time (cpu ms, all",
        "threads, Blender's own aside) is what others at work on the machine distort least.",
        "Stock pyrender gives colour and depth alone: multisampled, so that its depth and mask are off the centres.",
    ]
    found: dict[str, dict[int, list[float]]] = {}
    for name, module, how in _who(quick):
        own = faces[:1] if name in SLOW else faces
        code = _CODE.format(module=module, how=how, size=SIZE, seconds=seconds, faces=own)
        try:
            with ThreadPoolExecutor(workers) as pool:
                measured = list(pool.map(in_child, [code] * workers))
        except Dst3dError as error:
            notes.append(f"{name} does not work here: {str(error).splitlines()[0]}")
            continue
        found[name] = {count: _together([each["rows"][i] for each in measured]) for i, count in enumerate(own)}
    if LocalEngine().gpus:
        found |= _on_the_gpu(quick)
    rows = _rows(found, workers)
    return Measured(
        ("engine", "faces", "workers", "views/s", "x stock", "cpu ms", *(f"{part} ms" for part in PARTS)), rows, notes
    )


def _who(quick: bool) -> list[tuple[str, str, str]]:
    """Who is measured: a name for the table, the module that measures, and what it is told."""
    engines = [(name, "render_work", name) for name in table("render") if not (quick and name in SLOW)]
    return [*engines, *((STOCK.format(way), "render_stock", way) for way in WAYS)]


def _on_the_gpu(quick: bool) -> dict[str, dict[int, list[float]]]:
    """What `render-device` measures, as rows of this table: one process, rates alone."""
    from .render_device import run as on_the_device

    kept, sent = {}, {}
    for faces, device, host, _ in on_the_device(quick).rows:
        kept[int(faces)], sent[int(faces)] = [float(device), *UNKNOWN], [float(host), *UNKNOWN]
    return {"torch, kept on the GPU": kept, "torch, GPU to host": sent}


def _together(workers: list[dict[str, float]]) -> list[float]:
    """Rates added up, times averaged."""
    rate = sum(worker["rate"] for worker in workers)
    return [rate, *(sum(worker[part] for worker in workers) / len(workers) for part in ("cpu", *PARTS))]


def _rows(found: dict[str, dict[int, list[float]]], workers: int) -> list[tuple[Cell, ...]]:
    """The table's rows; a rate is compared with stock pyrender's, whose scene is kept, at the same number of faces."""
    stock = found.get(STOCK.format(WAYS[0]), {})
    return [
        (name, faces, workers, figures[0], figures[0] / stock[faces][0] if faces in stock else "-", *figures[1:])
        for name, by_faces in found.items()
        for faces, figures in by_faces.items()
    ]
