"""BOP: the BOP-scenewise format of `docs/bop_datasets_format.md` in bop_toolkit, so that its readers take it.

One object an image; 1000 images a scene, as the benchmark's own training sets have. The split type is `pbr`, because
that is what makes bop_toolkit expect .jpg pictures: they are the data set's own bytes, not compressed a second time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..convert import camera_of_label, to_bop, to_bop_depth, to_bop_symmetries
from ..images import decode_depth, encode_png
from ..rle import decode
from .folder import JsonList, to_json, write_bytes, write_json
from .notes import BOP_NOTE
from .samples import Row, prefix_of
from .survey import Model, Survey

PER_SCENE = 1000
_NAMES = {"validation": "val"}  # of splits that BOP calls otherwise


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """One sample in BOP's words."""

    key: str
    split: str
    size: tuple[int, int]  # width, height
    camera: dict[str, Any]  # entry of scene_camera.json
    gt: dict[str, Any]  # of scene_gt.json
    gt_info: dict[str, Any]  # of scene_gt_info.json
    files: dict[str, bytes]  # by path inside the scene; {image} stands for the image's number


class BopWriter:
    """Writes one BOP data set, sample by sample.

    Args:
        folder: where to.
        survey: of all samples; objects have its numbers.
        millimetres: what the longest box side of every object is said to be: CAD models have no size of their own.
    """

    def __init__(self, folder: Path, survey: Survey, millimetres: float) -> None:
        self._folder, self._survey, self._millimetres = folder, survey, millimetres
        self._scenes: dict[str, _Scene] = {}
        self._targets = JsonList(folder / "test_targets_bop19.json")
        self._images = JsonList(folder / "test_targets_bop24.json")
        self._has_camera = False

    def prepare(self, row: Row) -> Prepared:
        """Make what a sample is in BOP's words; from any thread."""
        mask = decode(row.label["mask_rle"], row.label["height"], row.label["width"])
        z = decode_depth(
            row.member("depth.png", "BOP's depth is made of it"), row.label["depth_scale"], row.label["depth_offset"]
        )
        values, depth_scale = to_bop_depth(z, self._millimetres)
        pose = to_bop(camera_of_label(row.label), self._millimetres)
        silhouette = encode_png(mask.astype(np.uint8) * 255)
        return Prepared(
            key=row.key,
            split=_NAMES.get(row.split, row.split),
            size=(row.label["width"], row.label["height"]),
            camera={"cam_K": pose.pop("cam_K"), "depth_scale": depth_scale},
            gt={**pose, "obj_id": self._survey.models[prefix_of(row.key)].number},
            gt_info=gt_info(row.label, mask, values),
            files={
                "rgb/{image}.jpg": row.member("jpg", "it is the picture"),
                "depth/{image}.png": encode_png(values),
                "mask/{image}_000000.png": silhouette,
                "mask_visib/{image}_000000.png": silhouette,  # nothing stands before the object
            },
        )

    def add(self, sample: Prepared) -> None:
        """Write one sample."""
        scene = self._scene(sample.split)
        if not self._has_camera:
            self._write_camera(sample)
        if sample.split == "test":
            where = {"im_id": len(scene.camera), "scene_id": scene.number}
            self._targets.add({**where, "inst_count": 1, "obj_id": sample.gt["obj_id"]})
            self._images.add(where)
        scene.add(sample)

    def finish(self) -> None:
        """Write what is about the whole data set."""
        for scene in self._scenes.values():
            scene.close()
        for targets in (self._targets, self._images):
            targets.close()
            if not targets.num_items:
                targets.path.unlink()
        info = {str(model.number): model_info(model, self._millimetres) for model in self._survey.models.values()}
        write_json(self._folder / "models" / "models_info.json", info)
        text = BOP_NOTE.format(millimetres=f"{self._millimetres:g}")
        write_bytes(self._folder / "dataset_info.md", text.encode())

    def _scene(self, split: str) -> _Scene:
        """The scene of a split that has room for one more image."""
        scene = self._scenes.get(split)
        if scene is None or scene.is_full:
            if scene is not None:
                scene.close()
            number = 0 if scene is None else scene.number + 1
            scene = self._scenes[split] = _Scene(self._folder / f"{split}_pbr" / f"{number:06d}", number)
        return scene

    def _write_camera(self, sample: Prepared) -> None:
        """`camera.json`, which is for simulating the sensor only: that of the first image."""
        K, (width, height) = sample.camera["cam_K"], sample.size
        camera = {"fx": K[0], "fy": K[4], "cx": K[2], "cy": K[5], "width": width, "height": height}
        write_json(self._folder / "camera.json", {**camera, "depth_scale": sample.camera["depth_scale"]})
        self._has_camera = True


class _Scene:
    """At most `PER_SCENE` images and their annotations."""

    def __init__(self, folder: Path, number: int) -> None:
        self.folder, self.number = folder, number
        self.camera: dict[str, Any] = {}
        self.gt: dict[str, Any] = {}
        self.gt_info: dict[str, Any] = {}
        self.keys: dict[str, str] = {}

    @property
    def is_full(self) -> bool:
        return len(self.camera) >= PER_SCENE

    def add(self, sample: Prepared) -> None:
        number = str(len(self.camera))
        self.camera[number], self.gt[number] = sample.camera, [sample.gt]
        self.gt_info[number], self.keys[number] = [sample.gt_info], sample.key
        for path, content in sample.files.items():
            write_bytes(self.folder / path.format(image=number.zfill(6)), content)

    def close(self) -> None:
        tables = {"camera": self.camera, "gt": self.gt, "gt_info": self.gt_info, "keys": self.keys}
        for name, table in tables.items():
            lines = ",\n".join(f'  "{number}": {to_json(entry)}' for number, entry in table.items())
            write_bytes(self.folder / f"scene_{name}.json", f"{{\n{lines}\n}}\n".encode())


def gt_info(label: Mapping[str, Any], mask: NDArray[np.bool_], depth: NDArray[np.uint16]) -> dict[str, Any]:
    """An entry of scene_gt_info.json, by the definitions of bop_toolkit's `calc_gt_info.py`.

    Boxes are x, y and the differences between the last and the first pixel, as its `calc_2d_bbox` has them; the box and
    the pixels of the whole object reach outside the image.
    """
    visible = int(label["area"])
    fraction = float(label["visible_fraction"])
    x0, y0, x1, y1 = label["bbox"]  # pixels whose centres lie inside the whole box
    whole = (math.ceil(x0 - 0.5), math.ceil(y0 - 0.5), math.floor(x1 - 0.5), math.floor(y1 - 0.5))
    left, top, right, bottom = (int(edge) for edge in label["bbox_visible"])
    nothing = [-1, -1, -1, -1]
    return {
        "bbox_obj": [whole[0], whole[1], whole[2] - whole[0], whole[3] - whole[1]] if visible else nothing,
        "bbox_visib": [left, top, right - 1 - left, bottom - 1 - top] if visible else nothing,
        "px_count_all": max(visible, round(visible / fraction)) if fraction > 0.0 else visible,
        "px_count_valid": int((mask & (depth > 0)).sum()),
        "px_count_visib": visible,
        "visib_fract": fraction,
    }


def model_info(model: Model, millimetres: float) -> dict[str, Any]:
    """A model's entry in models_info.json, from its box: the diameter is the box's diagonal, an upper bound."""
    size = np.array(model.size) * millimetres
    entry = {"diameter": float(np.linalg.norm(size))}
    for axis, extent in zip("xyz", size.tolist(), strict=True):
        entry |= {f"min_{axis}": -extent / 2.0, f"size_{axis}": extent}
    return entry | to_bop_symmetries(model.symmetry, model.symmetry_axis, millimetres)
