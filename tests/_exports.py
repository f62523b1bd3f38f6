"""Independent readers of exported data sets, by the formats' own documents, and an independent caster of rays."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from embreex import rtcore_scene
from embreex.mesh_construction import TriangleMesh
from PIL import Image


def cast(
    eye: np.ndarray, faces: np.ndarray, A: np.ndarray, shape: tuple[int, int], first: float
) -> tuple[np.ndarray, np.ndarray]:
    """Mask and depth (H, W) of a mesh whose eye coordinates e are seen at the pixel (u, v), A e = depth * (u, v, 1).

    `first` is the coordinate that the format gives to the centre of the top left pixel.
    """
    rows, columns = np.mgrid[: shape[0], : shape[1]] + first
    rays = np.stack([columns, rows, np.ones_like(rows)], -1).reshape(-1, 3) @ np.linalg.inv(A).T
    scene = rtcore_scene.EmbreeScene()
    TriangleMesh(scene, np.ascontiguousarray(eye[faces], np.float32))
    hit = scene.run(np.zeros_like(rays, np.float32), rays.astype(np.float32), output=True)
    mask = hit["primID"].astype(np.int64) >= 0
    return mask.reshape(shape), np.where(mask, hit["tfar"], 0.0).reshape(shape)


def read_ply(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and faces (F, 3) of an ASCII PLY, as bop_toolkit's `load_ply` takes it apart."""
    lines = path.read_text().splitlines()
    assert lines[:2] == ["ply", "format ascii 1.0"]
    header = lines[: lines.index("end_header")]
    counts = {line.split()[1]: int(line.split()[2]) for line in header if line.startswith("element")}
    names = [line.split()[-1] for line in header if line.startswith("property") and " list " not in line]
    assert names == ["x", "y", "z", "nx", "ny", "nz", "red", "green", "blue"]
    body = lines[len(header) + 1 :]
    table = np.array([line.split() for line in body[: counts["vertex"]]], dtype=float)
    faces = np.array([line.split() for line in body[counts["vertex"] :]], dtype=int)
    assert len(faces) == counts["face"]
    assert (faces[:, 0] == 3).all()
    np.testing.assert_allclose(np.linalg.norm(table[:, 3:6], axis=1), 1.0, atol=1e-3)
    return table[:, :3], faces[:, 1:]


def read_bop(root: Path, split: str) -> list[dict[str, Any]]:
    """Every image of a split of a BOP-scenewise data set (docs/bop_datasets_format.md)."""
    images = []
    for scene in sorted((root / split).iterdir()):
        assert len(scene.name) == 6
        tables = {
            name: {int(number): entry for number, entry in json.loads((scene / f"{name}.json").read_text()).items()}
            for name in ("scene_camera", "scene_gt", "scene_gt_info")
        }
        assert tables["scene_camera"].keys() == tables["scene_gt"].keys() == tables["scene_gt_info"].keys()
        for number, camera in tables["scene_camera"].items():
            (gt,), (info,) = tables["scene_gt"][number], tables["scene_gt_info"][number]
            depth = np.asarray(Image.open(scene / "depth" / f"{number:06d}.png"))
            assert depth.dtype == np.uint16 or depth.max() > 255
            masks = [np.asarray(Image.open(scene / kind / f"{number:06d}_000000.png")) for kind in _MASKS]
            assert all(set(np.unique(mask)) <= {0, 255} for mask in masks)
            images.append(
                {
                    "id": (int(scene.name), number),
                    "rgb": np.asarray(Image.open(scene / "rgb" / f"{number:06d}.jpg")),
                    "K": np.reshape(camera["cam_K"], (3, 3)),
                    "depth": depth.astype(float) * camera["depth_scale"],  # mm
                    "R": np.reshape(gt["cam_R_m2c"], (3, 3)),
                    "t": np.reshape(gt["cam_t_m2c"], 3),
                    "obj_id": gt["obj_id"],
                    "mask": masks[0] > 0,
                    "mask_visib": masks[1] > 0,
                    "info": info,
                }
            )
    return images


_MASKS = ("mask", "mask_visib")


def pascal3d_matrix(viewpoint: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(R, C, A) of a PASCAL3D+ viewpoint: eye coordinates R (x - C) are seen at A e, up to scale, in MATLAB's pixels.

    `project_3d.m` as one matrix: division by -Z, the turn by theta, the flip of y and the principal point are in A.
    """
    a, e, theta = (math.radians(float(viewpoint[name])) for name in ("azimuth", "elevation", "theta"))
    d, f = float(viewpoint["distance"]), float(viewpoint["focal"]) * float(viewpoint["viewport"])
    centre = d * np.array([math.cos(e) * math.sin(a), -math.cos(e) * math.cos(a), math.sin(e)])
    a, e = -a, -(math.pi / 2 - e)
    Rz = np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
    Rx = np.array([[1, 0, 0], [0, math.cos(e), -math.sin(e)], [0, math.sin(e), math.cos(e)]])
    c, s = f * math.cos(theta), f * math.sin(theta)
    px, py = float(viewpoint["px"]), float(viewpoint["py"])
    return Rx @ Rz, centre, np.array([[c, -s, -px], [-s, -c, -py], [0, 0, -1]])


def iou(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union."""
    return float((a & b).sum() / (a | b).sum())
