"""Samples a second written to a tar and read back, raw and decoded, by every reader that is installed."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from .. import images, schema
from ..errors import Dst3dError
from ..loading import decode_sample
from ..nouns import Sample
from ..tar import TarWriter, read_index, read_sample
from .result import Cell, Measured

SIZE = 512  # pixels


def run(quick: bool) -> Measured:
    """Write one tar of samples with every control, then read it with each reader in turn."""
    samples = _samples(64 if quick else 512)
    rows: list[tuple[Cell, ...]] = []
    with tempfile.TemporaryDirectory(prefix="dst3d-bench-") as folder:
        path = Path(folder) / "train-00000.tar"
        start = time.perf_counter()
        with path.open("wb") as stream:
            writer = TarWriter(stream)
            for sample in samples:
                writer.write(sample)
            writer.finish()
            stream.flush()
            os.fsync(stream.fileno())
        seconds = time.perf_counter() - start
        rows.append(("write", "dst3d tar, fsync", len(samples) / seconds, writer.num_bytes / 1e6 / seconds))
        for name, reader in _readers(path).items():
            rate = _rate(name, reader, len(samples))
            rows.append(("read", name, rate, rate * writer.num_bytes / len(samples) / 1e6))
    size = writer.num_bytes / len(samples) / 1000
    notes = [
        f"{len(samples)} samples of {SIZE} px with every control, {size:.0f} kB each; one process, warm file cache.",
        "Readers are timed from their second sample on: imports and set-up do not count.",
        "decode_sample is `dst3d_datasets.decode_sample`: every control, depth and normals as float32.",
    ]
    return Measured(("what", "how", "samples/s", "MB/s"), rows, notes)


def _rate(name: str, reader: Callable[[], Iterable[object]], expected: int) -> float:
    """Samples a second from the second one on."""
    rows = iter(reader())
    next(rows)
    start = time.perf_counter()
    count = 1 + sum(1 for _ in rows)
    if count != expected:
        raise Dst3dError(f"{name} read {count} of {expected} samples")
    return (count - 1) / (time.perf_counter() - start)


def _samples(count: int) -> list[Sample]:
    """Eight different samples with photograph-like pictures, under `count` keys."""
    kinds = [_members(seed) for seed in range(8)]
    return [Sample(key=f"bench-{i:05d}", members=kinds[i % len(kinds)]) for i in range(count)]


def _members(seed: int) -> tuple[tuple[str, bytes], ...]:
    y, x = np.mgrid[0:SIZE, 0:SIZE] / SIZE
    waves = [np.sin(7 * (seed + 1) * x + c) * np.cos(5 * y - c) + 0.3 * np.sin(60 * x * y + seed + c) for c in range(3)]
    grain = 12 * np.sin(900 * x + 700 * y)[..., None]
    picture = (127.5 + 80 * np.stack(waves, -1) + grain).clip(0, 255).astype(np.uint8)
    inside = (x - 0.5) ** 2 + (y - 0.5) ** 2 < 0.1
    depth = np.where(inside, 1 + 60000 * (0.5 + 0.5 * np.sin(6 * x * y)), 0).astype(np.uint16)
    members = [
        ("jpg", images.encode_jpg(picture)),
        ("render.jpg", images.encode_jpg(np.where(inside[..., None], picture, 200).astype(np.uint8))),
        ("depth.png", images.encode_png(depth)),
        ("mask.png", images.encode_png((inside * 255).astype(np.uint8))),
        ("edge.png", images.encode_png(((picture[..., 0] > 180) * 255).astype(np.uint8))),
        ("line.png", images.encode_png(((picture[..., 1] > 190) * 255).astype(np.uint8))),
        ("part.png", images.encode_png(inside.astype(np.uint16))),
        ("normal.png", images.encode_png(np.where(inside[..., None], picture, 0).astype(np.uint8))),
        ("json", schema.encode(_label())),
        ("cls", b"404"),
        ("txt", b"An image of airliner, best quality, extremely detailed"),
    ]
    return tuple(sorted(members))


def _label() -> dict[str, Any]:
    blank = {"string": "x", "int64": 1, "float64": 0.5, "bool": True}
    label: dict[str, Any] = {}
    for field in schema.LABEL:
        value: Any = blank[field.kind]
        for length in reversed(field.shape):
            value = [value] * length
        label[field.name] = value
    return label


def _readers(path: Path) -> dict[str, Callable[[], Iterable[object]]]:
    readers: dict[str, Callable[[], Iterable[object]]] = {
        "dst3d tar, bytes": lambda: _raw(path),
        "dst3d tar, picture decoded": lambda: (images.decode(dict(sample.members)["jpg"]) for sample in _raw(path)),
        "dst3d tar, all decoded": lambda: (_all_decoded(sample) for sample in _raw(path)),
    }
    if find_spec("webdataset") is not None:
        readers["webdataset, bytes"] = lambda: _webdataset(path, decode=False)
        readers["webdataset, decode_sample"] = lambda: map(decode_sample, _webdataset(path, decode=False))
        readers["webdataset, all decoded"] = lambda: _webdataset(path, decode=True)
    if find_spec("datasets") is not None:
        readers["datasets streaming, bytes"] = lambda: _datasets(path, decode=False)
        readers["datasets streaming, bytes -> decode_sample"] = lambda: map(
            decode_sample, _datasets(path, decode=False)
        )
        readers["datasets streaming, all decoded"] = lambda: _datasets(path, decode=True)
    return readers


def _raw(path: Path) -> Iterator[Sample]:
    with path.open("rb") as stream:
        for entry in list(read_index(stream)):
            yield read_sample(stream, entry)


def _all_decoded(sample: Sample) -> list[np.ndarray]:
    return [images.decode(data) for name, data in sample.members if name.endswith(("jpg", "png"))]


def _webdataset(path: Path, decode: bool) -> Iterable[Mapping[str, Any]]:
    import webdataset

    rows: Any = webdataset.WebDataset(str(path), shardshuffle=False, empty_check=False)
    decoded: Iterable[Mapping[str, Any]] = rows.decode("rgb8") if decode else rows
    return decoded


def _datasets(path: Path, decode: bool) -> Iterable[Mapping[str, Any]]:
    import datasets

    with suppress(AttributeError):
        datasets.disable_progress_bars()
    rows: Any = datasets.load_dataset("webdataset", data_files={"train": str(path)}, split="train", streaming=True)
    if not decode:
        undecoded: Iterable[Mapping[str, Any]] = rows.decode(False)
        return undecoded
    return ({name: np.asarray(v) if hasattr(v, "size") else v for name, v in row.items()} for row in rows)
