"""Exports against the meshes: rays cast with the exported numbers hit what the exported masks and depths show."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="the pictures are rendered with torch")
pytest.importorskip("embreex", reason="the independent rays are Embree's")
from _exports import cast, iou, pascal3d_matrix, read_bop, read_ply
from PIL import Image

from dst3d_datasets.build import build
from dst3d_datasets.export import export
from dst3d_datasets.recipe import load_recipe, validate
from dst3d_datasets.release import make_release

MM = 400.0
OVERRIDES = [
    "render.size=160",
    "catalogue.classes=[airliner, dining table, street sign]",
    "sources.0.models_per_class=1",
    "views.per_model=4",
    "views.sampling=so3",
    "views.distance={uniform: [1.0, 2.2]}",
    "views.focal={uniform: [0.8, 2.0]}",
    "views.principal={x: {uniform: [-0.2, 0.2]}, y: {uniform: [-0.2, 0.2]}}",
    "views.truncation={share: 0.5, visible: {uniform: [0.4, 0.9]}}",
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run of real renders: any rotation, lens and principal point, some cut by the image's edge."""
    folder = tmp_path_factory.mktemp("truth")
    assert not build(load_recipe("render", OVERRIDES), folder / "run", workers=1).failed
    make_release(folder / "run", folder / "release")
    return folder / "run"


def agree(mask: np.ndarray, seen: np.ndarray, off: np.ndarray) -> None:
    """`seen` is the mask but for a few pixels of its edge; half a pixel beside it is not."""
    assert iou(mask, seen) > 0.99
    assert (mask ^ seen).sum() <= 3
    assert iou(mask, off) < iou(mask, seen) - 0.003


def test_bop(run, tmp_path):
    done = export(run.parent / "release", tmp_path / "bop", "bop", models=True, millimetres=MM)
    assert (done.num_samples, done.models_written, done.models_absent) == (12, 3, {})
    info = json.loads((tmp_path / "bop" / "models" / "models_info.json").read_text())
    images = read_bop(tmp_path / "bop", "train_pbr")
    assert len(images) == 12
    cut = turns = 0
    for image in images:
        vertices, faces = read_ply(tmp_path / "bop" / "models" / f"obj_{image['obj_id']:06d}.ply")
        eye = vertices @ image["R"].T + image["t"]
        mask, depth = cast(eye, faces, image["K"], image["mask"].shape, first=0.0)
        off, _ = cast(eye, faces, image["K"], image["mask"].shape, first=0.5)
        agree(image["mask"], mask, off)
        assert np.array_equal(image["mask"], image["mask_visib"])
        both = mask & image["mask"]
        assert np.median(np.abs(depth - image["depth"])[both]) < 1e-4 * MM
        assert np.percentile(np.abs(depth - image["depth"])[both], 98) < 2e-3 * MM
        cut += _check_info(image, eye, faces)
        for symmetry in info[str(image["obj_id"])].get("symmetries_discrete", ()):
            turn = np.reshape(symmetry, (4, 4))
            turned = (vertices @ turn[:3, :3].T + turn[:3, 3]) @ image["R"].T + image["t"]
            assert iou(cast(turned, faces, image["K"], mask.shape, first=0.0)[0], mask) > 0.99
            turns += 1
    assert cut >= 4  # some objects are cut by the image's edge: the boxes and counts below reach outside it
    assert turns == 4  # the table looks the same after half a turn
    for number, entry in info.items():
        vertices, _ = read_ply(tmp_path / "bop" / "models" / f"obj_{int(number):06d}.ply")
        box = [[entry[f"min_{axis}"], entry[f"min_{axis}"] + entry[f"size_{axis}"]] for axis in "xyz"]
        np.testing.assert_allclose(np.transpose(box), [vertices.min(0), vertices.max(0)], atol=1e-3 * MM)
        assert max(entry[f"size_{axis}"] for axis in "xyz") == pytest.approx(MM, rel=1e-5)
        some = vertices[np.linspace(0, len(vertices) - 1, 800).astype(int)]
        apart = np.linalg.norm(some[:, None] - some[None], axis=2).max()
        assert apart - 1e-3 <= entry["diameter"] <= np.linalg.norm(vertices.max(0) - vertices.min(0)) + 1e-3


def test_bop_of_real_models(cad_root, tmp_path):
    """Collections of scans and of artists' models, turned by their catalogue's columns."""
    recipe = validate(
        {
            "sources": [{"kind": kind, "root": str(cad_root / kind)} for kind in ("objaverse", "omniobject3d")],
            "catalogue": {"file": str(cad_root / "models.csv")},
            "views": {"per_model": 1, "sampling": "so3"},
            "render": {"size": 128},
            "generator": {"kind": "render", "background": "plain"},
        }
    )
    assert not build(recipe, tmp_path / "run", limit=4, workers=1).failed
    done = export(tmp_path / "run", tmp_path / "bop", "bop", models=True)
    assert done.models_written == done.num_samples == 4
    for image in read_bop(tmp_path / "bop", "train_pbr"):
        vertices, faces = read_ply(tmp_path / "bop" / "models" / f"obj_{image['obj_id']:06d}.ply")
        eye = vertices @ image["R"].T + image["t"]
        mask, depth = cast(eye, faces, image["K"], image["mask"].shape, first=0.0)
        assert (mask ^ image["mask"]).sum() <= 2
        assert np.median(np.abs(depth - image["depth"])[mask & image["mask"]]) < 0.05  # mm of 1000


def _check_info(image: dict, eye: np.ndarray, faces: np.ndarray) -> bool:
    """scene_gt_info as bop_toolkit computes it: by rendering on a canvas three times as large."""
    height, width = image["mask"].shape
    K = image["K"] + [[0, 0, width], [0, 0, height], [0, 0, 0]]
    whole, _ = cast(eye, faces, K, (3 * height, 3 * width), first=0.0)
    info, count = image["info"], int(whole.sum())
    assert abs(info["px_count_all"] - count) <= max(3, 0.01 * count)
    assert abs(info["px_count_visib"] - int(image["mask"].sum())) == 0
    assert info["px_count_valid"] == info["px_count_visib"]
    assert info["visib_fract"] == pytest.approx(info["px_count_visib"] / count, abs=0.01)
    for name, mask, (right, down) in (("bbox_obj", whole, (width, height)), ("bbox_visib", image["mask"], (0, 0))):
        rows, columns = mask.nonzero()
        box = [columns.min() - right, rows.min() - down, np.ptp(columns), np.ptp(rows)]
        np.testing.assert_allclose(info[name], box, atol=1 if name == "bbox_obj" else 0)
    return info["visib_fract"] < 0.995


def test_coco(run, tmp_path):
    export(run.parent / "release", tmp_path / "bop", "bop", models=True)
    export(run.parent / "release", tmp_path / "coco", "coco")
    coco = pytest.importorskip("pycocotools.coco")
    seen = 0
    for path in sorted((tmp_path / "coco" / "annotations").iterdir()):
        data = coco.COCO(str(path))
        for annotation in data.loadAnns(data.getAnnIds()):
            (image,) = data.loadImgs(annotation["image_id"])
            mask = data.annToMask(annotation).astype(bool)
            vertices, faces = read_ply(tmp_path / "bop" / "models" / f"obj_{annotation['cad']:06d}.ply")
            pose, K = annotation["pose"], np.array(image["K"])
            eye = vertices / 1000.0 @ np.array(pose["R"]).T + pose["t"]
            found, _ = cast(eye, faces, K, mask.shape, first=0.5)
            off, _ = cast(eye, faces, K, mask.shape, first=0.0)
            agree(mask, found, off)
            pixels = eye @ K.T
            pixels = pixels[:, :2] / pixels[:, 2:]
            x, y, width, height = annotation["amodal_bbox"]
            np.testing.assert_allclose([*pixels.min(0), *np.ptp(pixels, axis=0)], [x, y, width, height], atol=0.05)
            assert Image.open(tmp_path / "coco" / path.stem.partition("_")[2] / image["file_name"]).size == (160, 160)
            seen += 1
    assert seen == 12


def test_pascal3d(run, tmp_path):
    io = pytest.importorskip("scipy.io")
    done = export(run, tmp_path / "out", "pascal3d", models=True)
    assert (done.num_samples, done.models_written) == (12, 3)
    seen = 0
    for listing in sorted((tmp_path / "out" / "Image_sets").iterdir()):
        group = listing.stem.rpartition("_")[0]
        for name in listing.read_text().split():
            record = io.loadmat(tmp_path / "out" / "Annotations" / group / f"{name}.mat")["record"][0, 0]
            thing = record["objects"][0, 0]
            folder = group.removesuffix("_dst3d")
            cad = io.loadmat(tmp_path / "out" / "CAD" / f"{folder}.mat")[folder][0, int(thing["cad_index"][0, 0]) - 1]
            R, centre, A = pascal3d_matrix({key: thing["viewpoint"][0, 0][key][0, 0] for key in _VIEWPOINT})
            eye = (cad["vertices"] - centre) @ R.T
            faces = cad["faces"].astype(int) - 1
            size = {key: int(record["size"][0, 0][key][0, 0]) for key in ("width", "height")}
            found, _ = cast(eye, faces, A, (size["height"], size["width"]), first=1.0)
            rows, columns = found.nonzero()  # VOC: the first and last pixel, from 1
            box = [columns.min() + 1, rows.min() + 1, columns.max() + 1, rows.max() + 1]
            np.testing.assert_allclose(thing["bbox"][0], box, atol=1)
            assert [thing["bndbox"][0, 0][key][0, 0] for key in _EDGES] == thing["bbox"][0].tolist()
            picture = Image.open(tmp_path / "out" / "Images" / group / str(record["filename"][0]))
            assert picture.size == (size["width"], size["height"])
            seen += 1
    assert seen == 12


_VIEWPOINT = ("azimuth", "elevation", "theta", "distance", "focal", "px", "py", "viewport")
_EDGES = ("xmin", "ymin", "xmax", "ymax")


def test_the_formats_agree_on_the_masks(run, tmp_path):
    """The devkit's numbers, cast as a mask, against BOP's mask of the same sample: pixel for pixel."""
    io = pytest.importorskip("scipy.io")
    export(run, tmp_path / "bop", "bop", models=True)
    export(run, tmp_path / "pascal", "pascal3d")
    keys = {
        tuple(map(int, (path.parent.name, number))): key
        for path in (tmp_path / "bop").glob("*_pbr/*/scene_keys.json")
        for number, key in json.loads(path.read_text()).items()
    }
    images = read_bop(tmp_path / "bop", "train_pbr")
    assert len(images) == len(keys) == 12
    for image in images:
        (mat,) = (tmp_path / "pascal" / "Annotations").glob(f"*/{keys[image['id']]}.mat")
        viewpoint = io.loadmat(mat)["record"][0, 0]["objects"][0, 0]["viewpoint"][0, 0]
        R, centre, A = pascal3d_matrix({key: viewpoint[key][0, 0] for key in _VIEWPOINT})
        vertices, faces = read_ply(tmp_path / "bop" / "models" / f"obj_{image['obj_id']:06d}.ply")
        eye = (vertices / 1000.0 - centre) @ R.T
        found, _ = cast(eye, faces, A, image["mask"].shape, first=1.0)
        off, _ = cast(eye, faces, A, image["mask"].shape, first=0.5)
        agree(image["mask"], found, off)
