"""PASCAL3D+: a `record` of MATLAB structures a picture, as the devkit's `load` gives it, and lists of the pictures."""

from __future__ import annotations

import io
import threading
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ..convert import camera_of_label, to_pascal3d, to_voc_box
from ..errors import MissingDependency, UsageError
from .folder import write_bytes
from .notes import PASCAL3D_NOTE
from .samples import Row, prefix_of
from .survey import Model, Survey

_HEADER = b"MATLAB 5.0 MAT-file, written by dst3d export pascal3d".ljust(116)  # scipy's holds the time of day
_SCIPY = threading.Lock()  # scipy's writers share one tag: two threads at once write each other's lengths


class Pascal3DWriter:
    """Writes annotations, pictures and lists, sample by sample.

    Args:
        folder: where to.
        survey: of all samples; `cad_index` counts its models of a class.

    Raises:
        MissingDependency: scipy, which writes .mat files, is not installed.
    """

    def __init__(self, folder: Path, survey: Survey) -> None:
        mat_bytes({})
        self._folder, self._survey = folder, survey

    def prepare(self, row: Row) -> tuple[Row, bytes]:
        """Make a sample's annotation; from any thread.

        Raises:
            UsageError: its pose cannot be stated as a viewpoint.
        """
        try:
            return row, mat_bytes({"record": record(row, self._survey.models[prefix_of(row.key)])})
        except ValueError as error:
            raise UsageError(f"the sample {row.key}: {error}") from error

    def add(self, prepared: tuple[Row, bytes]) -> None:
        """Write one sample."""
        row, content = prepared
        group = f"{self._survey.models[prefix_of(row.key)].folder}_dst3d"
        write_bytes(self._folder / "Annotations" / group / f"{row.key}.mat", content)
        write_bytes(self._folder / "Images" / group / f"{row.key}.jpg", row.member("jpg", "it is the picture"))
        listing = self._folder / "Image_sets" / f"{group}_{row.split}.txt"
        listing.parent.mkdir(exist_ok=True)
        with listing.open("a", encoding="utf-8") as lines:
            lines.write(f"{row.key}\n")

    def finish(self) -> None:
        """Write what is about the whole data set."""
        write_bytes(self._folder / "README.md", PASCAL3D_NOTE.encode())


def record(row: Row, model: Model) -> dict[str, Any]:
    """The `record` of one picture: the fields that PASCAL3D+'s tools read, every number a MATLAB double.

    Raises:
        ValueError: the pose cannot be stated as a viewpoint (see `convert.to_pascal3d`).
    """
    width, height = float(row.label["width"]), float(row.label["height"])
    viewpoint = asdict(to_pascal3d(camera_of_label(row.label)))
    box = to_voc_box(row.label["bbox_visible"])
    thing = {
        "class": model.class_name,
        "bbox": np.array([box]),
        "bndbox": dict(zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True)),
        "cad_index": float(model.of_class),
        "difficult": 0.0,
        "truncated": float(row.label["truncated"]),
        "occluded": 0.0,
        "viewpoint": {
            **viewpoint,
            "azimuth_coarse": viewpoint["azimuth"],
            "elevation_coarse": viewpoint["elevation"],
            "error": 0.0,
            "interval_azimuth": 0.0,
            "interval_elevation": 0.0,
            "num_anchor": 0.0,
        },
    }
    return {
        "folder": f"{model.folder}_dst3d",
        "filename": f"{row.key}.jpg",
        "database": "dst3d",
        "imgname": f"{row.key}.jpg",
        "imgsize": np.array([[width, height, 3.0]]),
        "size": {"width": width, "height": height, "depth": 3.0},
        "segmented": 0.0,
        "objects": thing,
    }


def mat_bytes(content: Mapping[str, Any]) -> bytes:
    """A MATLAB 5 file, the same bytes for the same content; dicts become structures. From any thread.

    Raises:
        MissingDependency: scipy is not installed.
    """
    try:
        from scipy.io import savemat
    except ImportError as error:
        raise MissingDependency(
            'PASCAL3D+\'s .mat files are written by scipy, which is not installed: pip install "dst3d-datasets[export]"'
        ) from error
    buffer = io.BytesIO()
    with _SCIPY:
        savemat(buffer, dict(content), do_compression=True, long_field_names=True)
    return _HEADER + buffer.getvalue()[len(_HEADER) :]
