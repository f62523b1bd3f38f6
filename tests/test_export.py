"""What an export does around the numbers: which samples, which ids, whole or not at all, and what it refuses."""

from __future__ import annotations

import contextlib
import io as text_io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _exports import read_bop
from _fake_run import SIZE, fake_run, tree
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dst3d_datasets.convert import from_coco
from dst3d_datasets.errors import BusyError, MissingDependency, SourceError, StoreError, UsageError
from dst3d_datasets.export import FORMATS, export
from dst3d_datasets.export.folder import new_folder
from dst3d_datasets.export.models import diameter
from dst3d_datasets.export.samples import open_samples
from dst3d_datasets.nouns import Sample
from dst3d_datasets.recipe import validate
from dst3d_datasets.release import make_release
from dst3d_datasets.tar import TarWriter, read_index, read_sample

SPLITS = {"train": 0.6, "test": 0.4}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes, one of them outside ImageNet, 5 models each, 4 views a model, in two splits; and its release."""
    folder = tmp_path_factory.mktemp("export")
    fake_run(folder / "run", models=5, release={"shard_bytes": 60_000, "splits": SPLITS})
    make_release(folder / "run", folder / "release")
    return folder / "run"


def annotations(out: Path, split: str) -> dict[str, Any]:
    """By the sample's key: the image and its annotation."""
    table = json.loads((out / "annotations" / f"instances_{split}.json").read_text())
    by_image = {annotation["image_id"]: annotation for annotation in table["annotations"]}
    assert len(by_image) == len(table["annotations"]) == len(table["images"])
    return {image["key"]: (image, by_image[image["id"]]) for image in table["images"]}


@pytest.mark.parametrize("format", FORMATS)
def test_the_same_export_has_the_same_bytes(run, tmp_path, format):
    for number in (1, 2):
        export(run, tmp_path / str(number), format)
    assert tree(tmp_path / "1") == tree(tmp_path / "2")


def test_a_release_a_run_and_a_folder_from_the_hub_say_the_same(run, tmp_path):
    release = run.parent / "release"
    hub = tmp_path / "hub"
    shutil.copytree(release / "data", hub / "data")  # no manifest: what is left of a release fetched in part
    found = []
    for number, place in enumerate((run, release, hub)):
        done = export(place, tmp_path / str(number), "coco")
        assert done.splits.keys() == SPLITS.keys()
        table = {split: annotations(tmp_path / str(number), split) for split in SPLITS}
        found.append({split: {key: _plain(*both) for key, both in rows.items()} for split, rows in table.items()})
    assert found[0] == found[1] == found[2]
    assert (tmp_path / "1" / "ATTRIBUTION.md").read_bytes() == (release / "ATTRIBUTION.md").read_bytes()


def _plain(image: dict[str, Any], annotation: dict[str, Any]) -> list[Any]:
    """Less what counts the samples in their order."""
    return [{k: v for k, v in each.items() if k not in ("id", "image_id")} for each in (image, annotation)]


def test_split_and_limit_change_no_number_of_an_object_or_class(run, tmp_path):
    export(run, tmp_path / "all", "coco")
    whole = {split: annotations(tmp_path / "all", split) for split in SPLITS}
    done = export(run, tmp_path / "some", "coco", split="test", limit=3)
    assert (done.num_samples, done.splits) == (3, {"test": 3})
    assert [path.name for path in (tmp_path / "some" / "annotations").iterdir()] == ["instances_test.json"]
    some = annotations(tmp_path / "some", "test")
    for key, (image, annotation) in some.items():
        assert _plain(image, annotation) == _plain(*whole["test"][key])
    for name in ("objects.json",):
        assert (tmp_path / "all" / name).read_bytes() == (tmp_path / "some" / name).read_bytes()


def test_a_coco_file_gives_the_labels_back(run, tmp_path):
    export(run, tmp_path / "out", "coco")
    labels = {row.key: row.label for row in open_samples(str(run)).rows(None, None)}
    for split in SPLITS:
        for key, (image, annotation) in annotations(tmp_path / "out", split).items():
            fields = from_coco(image, annotation)
            assert {"K", "R", "t", "bbox", "bbox_visible", "mask_rle", "symmetry", "azimuth", "width"} <= fields.keys()
            for name, value in fields.items():
                same = np.testing.assert_array_equal if isinstance(value, str) else np.testing.assert_allclose
                same(value, labels[key][name], err_msg=name)


def test_categories_are_imagenets_or_above_it(run, tmp_path):
    export(run, tmp_path / "out", "coco")
    table = json.loads((tmp_path / "out" / "annotations" / "instances_train.json").read_text())
    named = {category["name"]: category["id"] for category in table["categories"]}
    assert named == {"airliner": 405, "coffee mug": 505, "space | station": 1001}
    objects = json.loads((tmp_path / "out" / "objects.json").read_text())
    assert sorted(map(int, objects)) == list(range(1, 16))
    for image, annotation in annotations(tmp_path / "out", "train").values():
        model = objects[str(annotation["cad"])]
        assert image["key"].startswith(model["prefix"])
        assert annotation["category_id"] == named[model["class_name"]]
        assert (model["licence"], model["author"]) == ("CC-BY-4.0", "Zoë | <b>Émile</b>")


def test_pycocotools_reads_it_and_gives_the_truth_full_marks(run, tmp_path):
    coco = pytest.importorskip("pycocotools.coco")
    cocoeval = pytest.importorskip("pycocotools.cocoeval")
    export(run, tmp_path / "out", "coco")
    with contextlib.redirect_stdout(text_io.StringIO()):
        truth = coco.COCO(str(tmp_path / "out" / "annotations" / "instances_train.json"))
        given = [
            {
                "image_id": a["image_id"],
                "category_id": a["category_id"],
                "segmentation": a["segmentation"],
                "score": 1.0,
            }
            for a in truth.loadAnns(truth.getAnnIds())
        ]
        found = truth.loadRes([{**each} for each in given])  # it adds to what it is given
        for kind in ("bbox", "segm"):
            judge = cocoeval.COCOeval(truth, found, kind)
            judge.evaluate()
            judge.accumulate()
            judge.summarize()
            assert judge.stats[0] == pytest.approx(1.0)  # AP over IoU 0.50 to 0.95
            wrong = truth.loadRes([{**each, "category_id": 405} for each in given])
            judge = cocoeval.COCOeval(truth, wrong, kind)
            judge.evaluate()
            judge.accumulate()
            judge.summarize()
            assert judge.stats[0] < 0.6
    for annotation in truth.loadAnns(truth.getAnnIds()):
        mask = truth.annToMask(annotation)
        assert annotation["area"] == mask.sum() > 0
        assert mask.shape == (SIZE, SIZE)


def test_bop_has_targets_for_its_test_split_alone(run, tmp_path):
    export(run, tmp_path / "bop", "bop")
    images = read_bop(tmp_path / "bop", "test_pbr")
    targets = json.loads((tmp_path / "bop" / "test_targets_bop19.json").read_text())
    assert targets == [
        {"im_id": image["id"][1], "scene_id": image["id"][0], "inst_count": 1, "obj_id": image["obj_id"]}
        for image in images
    ]
    newer = json.loads((tmp_path / "bop" / "test_targets_bop24.json").read_text())
    assert newer == [{"im_id": image["id"][1], "scene_id": image["id"][0]} for image in images]
    export(run, tmp_path / "train", "bop", split="train")
    assert not list((tmp_path / "train").glob("test_*"))
    camera = json.loads((tmp_path / "train" / "camera.json").read_text())
    assert (camera["width"], camera["cx"]) == (SIZE, SIZE / 2 - 0.5)


def test_bop_scenes_hold_a_thousand_images(run, tmp_path, monkeypatch):
    from dst3d_datasets.export import bop

    monkeypatch.setattr(bop, "PER_SCENE", 7)
    done = export(run, tmp_path / "bop", "bop", split="train")
    sizes = [len(json.loads(p.read_text())) for p in sorted((tmp_path / "bop" / "train_pbr").glob("*/scene_gt.json"))]
    assert sizes == [7] * (done.num_samples // 7) + [done.num_samples % 7][: done.num_samples % 7]
    assert len({image["id"] for image in read_bop(tmp_path / "bop", "train_pbr")}) == done.num_samples


def test_without_the_models_the_diameter_is_the_boxes(run, tmp_path):
    export(run, tmp_path / "bop", "bop", millimetres=200.0)
    info = json.loads((tmp_path / "bop" / "models" / "models_info.json").read_text())
    assert len(info) == 15
    first = info["1"]
    assert [first[f"size_{axis}"] for axis in "xyz"] == [200.0, 100.0, 50.0]
    assert [first[f"min_{axis}"] for axis in "xyz"] == [-100.0, -50.0, -25.0]
    assert first["diameter"] == pytest.approx(np.hypot(np.hypot(200, 100), 50))
    assert "200 mm" in (tmp_path / "bop" / "dataset_info.md").read_text()


@given(arrays.arrays(float, st.tuples(st.integers(2, 60), st.just(3)), elements=st.floats(-5, 5, width=32)))
def test_the_diameter_is_the_largest_distance(vertices):
    apart = np.linalg.norm(vertices[:, None] - vertices[None], axis=2).max()
    assert diameter(vertices) == pytest.approx(apart, abs=1e-6)


def test_nothing_is_overwritten_and_nothing_is_left_half_done(run, tmp_path, monkeypatch):
    out = tmp_path / "out"
    export(run, out, "coco", limit=2)
    before = tree(out)
    with pytest.raises(UsageError, match="is there already"):
        export(run, out, "coco")
    assert tree(out) == before
    from dst3d_datasets.export.coco import CocoWriter

    def full(writer, prepared):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(CocoWriter, "add", full)
    with pytest.raises(StoreError, match="No space left"):
        export(run, tmp_path / "other", "coco")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_export_left_is_begun_anew_and_two_at_once_are_refused(run, tmp_path):
    stale = tmp_path / ".out.export"
    stale.mkdir()
    (stale / "rubbish").write_text("half")
    with new_folder(tmp_path / "out") as folder:
        assert not list(folder.iterdir())
        with pytest.raises(BusyError), new_folder(tmp_path / "out"):
            pass
    assert not list((tmp_path / "out").iterdir())


def test_bop_needs_the_depth_and_the_others_need_no_control(tmp_path):
    fake_run(tmp_path / "run", models=1, release={"shard_bytes": 60_000, "controls": ["edge"]})
    make_release(tmp_path / "run", tmp_path / "release")
    with pytest.raises(UsageError, match=r"has no depth.png.*release.controls"):
        export(tmp_path / "release", tmp_path / "out", "bop")
    assert not (tmp_path / "out").exists()
    for format in ("coco", "pascal3d"):
        assert export(tmp_path / "release", tmp_path / format, format).num_samples == 12


def test_samples_that_filters_dropped_are_left_out(run, tmp_path):
    (tmp_path / "hub").mkdir()
    source = next((run.parent / "release" / "data" / "train").iterdir())
    with source.open("rb") as stream, (tmp_path / "hub" / "train-00000-of-00001.tar").open("wb") as target:
        writer, entries = TarWriter(target), list(read_index(stream))
        for number, entry in enumerate(entries):
            sample = read_sample(stream, entry)
            kept = b"true" if number else b"false"
            label = {"json": dict(sample.members)["json"].replace(b'"keep":true', b'"keep":' + kept)}
            writer.write(Sample(key=sample.key, members=tuple((e, label.get(e, data)) for e, data in sample.members)))
        writer.finish()
    done = export(tmp_path / "hub", tmp_path / "out", "coco")
    assert (done.dropped, done.num_samples) == (1, len(entries) - 1)
    assert entries[0].key not in annotations(tmp_path / "out", "train")


def test_a_damaged_tar_is_named(run, tmp_path):
    (tmp_path / "hub").mkdir()
    source = next((run.parent / "release" / "data" / "train").iterdir())
    (tmp_path / "hub" / source.name).write_bytes(source.read_bytes()[:-3000])
    with pytest.raises(StoreError, match=f"{source.name}: cannot be read"):
        export(tmp_path / "hub", tmp_path / "out", "coco")
    with (tmp_path / "hub" / source.name).open("wb") as target:
        writer = TarWriter(target)
        writer.write(Sample(key="alone-00000", members=(("jpg", b"no label"),)))
        writer.finish()
    with pytest.raises(StoreError, match="the sample alone-00000 has no label"):
        export(tmp_path / "hub", tmp_path / "out", "coco")
    assert not (tmp_path / "out").exists()


def test_matlab_files_need_scipy(run, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(MissingDependency, match=r'pip install "dst3d-datasets\[export\]"'):
        export(run, tmp_path / "out", "pascal3d")
    assert not list(tmp_path.iterdir())
    assert export(run, tmp_path / "bop", "bop", limit=1).num_samples == 1


def test_models_whose_source_is_not_here_are_told_before_anything_is_written(run, tmp_path):
    recipe = validate({"sources": [{"kind": "folder", "root": str(tmp_path / "absent")}], "views": {"per_model": 1}})
    with pytest.raises(SourceError, match="absent"):
        export(run, tmp_path / "out", "bop", models=recipe)
    assert not list(tmp_path.iterdir())


def test_labels_of_before_exports_are_refused(run, tmp_path):
    source = next((run.parent / "release" / "data" / "train").iterdir())
    (tmp_path / "hub").mkdir()
    with source.open("rb") as stream, (tmp_path / "hub" / "train.tar").open("wb") as target:
        writer, entry = TarWriter(target), next(iter(read_index(stream)))
        sample = read_sample(stream, entry)
        label = json.loads(dict(sample.members)["json"])
        del label["mask_rle"]
        old = {"json": json.dumps(label).encode()}
        writer.write(Sample(key=sample.key, members=tuple((e, old.get(e, data)) for e, data in sample.members)))
        writer.finish()
    with pytest.raises(UsageError, match="has no mask_rle: the data set is older"):
        export(tmp_path / "hub", tmp_path / "out", "coco")
