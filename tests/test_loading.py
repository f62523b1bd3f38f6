"""Rows to arrays: exact labels, units and shapes, from every reader."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from _fake_run import SIZE, fake_recipe, fake_refs, fake_sample
from PIL import Image

from dst3d_datasets.columns import columns, members, released_label
from dst3d_datasets.home import default_home
from dst3d_datasets.loading import collate, decode_sample


@pytest.fixture
def row() -> dict:
    """A row as `webdataset` gives it: bytes."""
    sample = fake_sample(fake_recipe(), fake_refs()[0], 1)
    return {"__key__": sample.key, **dict(sample.members)}


def test_a_row_of_bytes(row):
    label, sample = json.loads(row["json"]), decode_sample(row)
    assert sample["image"].shape == (SIZE, SIZE, 3)
    assert sample["image"].dtype == np.uint8
    assert sample["K"].tolist() == label["K"]
    assert sample["R"].tolist() == label["R"]
    assert sample["t"].tolist() == label["t"]
    assert (sample["key"], sample["seed"], sample["azimuth"]) == (label["key"], label["seed"], label["azimuth"])
    assert sample["keep"] is True


def test_depth_is_in_units_and_zero_outside(row):
    values = np.asarray(Image.open(io.BytesIO(row["depth.png"]))).astype(np.float64)
    depth = decode_sample(row)["depth"]
    assert depth.dtype == np.float32
    assert (depth == 0).sum() == (values == 0).sum() > 0
    np.testing.assert_allclose(depth[values > 0], 0.75 + 1e-5 * values[values > 0], rtol=1e-6)


def test_masks_and_normals(row):
    sample = decode_sample(row)
    assert sample["mask"].dtype == sample["edge"].dtype == bool
    assert np.array_equal(sample["mask"], sample["depth"] > 0)
    length = np.linalg.norm(sample["normal"], axis=-1)
    np.testing.assert_allclose(length[sample["mask"]], 1.0, atol=1e-5)
    assert not length[~sample["mask"]].any()


def test_pil_images_dicts_and_arrays_give_the_same(row):
    pictures = [name for name in row if name.endswith(("jpg", "png"))]
    as_pil = {name: Image.open(io.BytesIO(row[name])) for name in pictures}
    as_dict = {name: {"bytes": row[name], "path": None} for name in pictures}
    as_array = {name: np.asarray(image) for name, image in as_pil.items()}
    expected = decode_sample(row)
    for form in (as_pil, as_dict, as_array):
        sample = decode_sample({**row, **form, "json": json.loads(row["json"])})
        assert sample.keys() == expected.keys()
        assert all(np.array_equal(sample[name], expected[name]) for name in expected)


def test_only_the_controls_that_are_wanted_and_there(row):
    assert "depth" not in decode_sample(row, controls=["mask"])
    assert "mask" not in decode_sample({name: value for name, value in row.items() if name != "mask.png"})
    with pytest.raises(KeyError, match=r"depth\.png"):
        decode_sample({name: value for name, value in row.items() if name != "depth.png"}, controls=["depth"])


def test_a_mask_comes_from_the_label_where_no_picture_of_it_is(row):
    bare = {name: value for name, value in row.items() if name != "mask.png"}
    np.testing.assert_array_equal(decode_sample(bare, ["mask"])["mask"], decode_sample(row)["mask"])


def test_boxes_and_corners(row):
    label, sample = json.loads(row["json"]), decode_sample(row)
    shapes = {"bbox": (4,), "bbox_visible": (4,), "corners_3d": (8, 3), "corners_2d": (8, 2), "symmetry_axis": (2,)}
    for name, shape in shapes.items():
        assert sample[name].shape == shape
        assert sample[name].tolist() == label[name]
    assert sample["area"] == sample["mask"].sum() == label["area"]
    assert sample["truncated"] is False
    assert collate([row, row])["truncated"].dtype == bool


def test_batches(row):
    batch = collate([row, row, decode_sample(row)])
    assert batch["image"].shape == (3, SIZE, SIZE, 3)
    assert batch["K"].shape == (3, 3, 3)
    assert batch["azimuth"].shape == (3,)
    assert batch["key"] == [row["__key__"]] * 3
    tensors = collate([row, row], tensors=True)
    assert isinstance(tensors["image"], torch.Tensor)
    assert tensors["mask"].dtype == torch.bool
    assert tensors["R"].dtype == torch.float64


def test_released_labels_grow_and_change_nothing_else():
    label = b'{"a":0.1,"b":"\xc3\xa9}"}'
    assert json.loads(released_label(label, {}, True)) == {"a": 0.1, "b": "é}", "keep": True}
    grown = released_label(label, {"kcf": 1, "clip": 0.25}, False)
    assert grown.startswith(label[:-1])
    assert json.loads(grown)["scores"] == {"clip": 0.25, "kcf": 1.0}
    assert b'"kcf":1.0' in grown
    for wrong in (b"[1]", b"{}", b""):
        with pytest.raises(ValueError, match="not a JSON object"):
            released_label(wrong, {}, True)
    with pytest.raises(ValueError, match="finite"):
        released_label(label, {"kcf": float("nan")}, True)


def test_scores_are_typed_when_there_are_some():
    label = next(column for column in columns(["edge"], ["kcf", "clip"]) if column["name"] == "json")["struct"]
    assert label[-2:] == [
        {"name": "scores", "struct": [{"name": "clip", "dtype": "float64"}, {"name": "kcf", "dtype": "float64"}]},
        {"name": "keep", "dtype": "bool"},
    ]
    assert members(["render", "edge"]) == ("cls", "edge.png", "jpg", "json", "render.jpg", "txt")


def test_home_follows_the_environment(monkeypatch, tmp_path):
    for name in ("DST3D_HOME", "HF_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_home() == tmp_path / ".cache/huggingface/dst3d"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert default_home() == tmp_path / "xdg/huggingface/dst3d"
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    assert default_home() == tmp_path / "hf/dst3d"
    monkeypatch.setenv("DST3D_HOME", str(tmp_path / "own"))
    assert default_home() == tmp_path / "own"


def test_importing_the_package_needs_no_big_library():
    script = (
        "import sys, dst3d_datasets, dst3d_datasets.loading, dst3d_datasets.release\n"
        "dst3d_datasets.decode_sample, dst3d_datasets.make_release, dst3d_datasets.load_recipe\n"
        "heavy = {'torch', 'datasets', 'cv2', 'trimesh', 'diffusers', 'huggingface_hub'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "assert dst3d_datasets.__version__ and 'load_builder' in dir(dst3d_datasets)"
    )
    subprocess.run([sys.executable, "-c", script], check=True, env={**os.environ, "PYTHONWARNINGS": "error"})


def test_lines_and_parts(row):
    sample = decode_sample(row)
    part = np.asarray(Image.open(io.BytesIO(row["part.png"])))
    assert sample["line"].dtype == bool
    assert np.array_equal(sample["line"], np.asarray(Image.open(io.BytesIO(row["line.png"]))) > 127)
    assert sample["part"].dtype == np.int64
    assert np.array_equal(sample["part"], part)
    assert np.array_equal(sample["part"] > 0, sample["mask"])
