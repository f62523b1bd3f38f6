"""Importing pictures of real CAD models: ids, importers and alignments of the collections that 3D-DST was made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from _reference_tree import Files, Shot, as_zip, files_of, samples

from dst3d_datasets.nouns import Camera
from dst3d_datasets.recipe import validate
from dst3d_datasets.reference.annotation import raw_camera
from dst3d_datasets.reference.build import import_tree
from dst3d_datasets.reference.exr import read_depth
from dst3d_datasets.render.raster import TorchRenderer
from dst3d_datasets.sources.catalogue import build_sources
from dst3d_datasets.sources.catalogue_file import read_catalogue

WANTED = {  # a turned ShapeNet model, a tilted scan, and Objaverse's
    "93face00deb70aa788f141d861452480",
    "omniobject3d_frying_pan_001",
    "cefbde5e40fbda5a0ec6ebbe136aa0e3",
}

# `matrix_world` of Blender 5.0.1 for the reference's steps (TRACK_TO, then the constraint applied), each with what was
# asked for; renders of real models from there agreed with the imported labels' masks to an IoU of 0.9999.
BLENDER = [
    (
        Shot(-60.0, 65.0, 1.8, azimuth=90.0),
        [
            [-0.5000000596046448, -0.3659980297088623, 0.784885585308075, 1.4127939939498901],
            [0.8660253882408142, -0.2113090455532074, 0.45315396785736084, 0.8156769871711731],
            [-4.204277104236098e-08, 0.9063077569007874, 0.42261815071105957, 0.7607128620147705],
        ],
    ),
    (
        Shot(130.0, 100.0, 1.6, elevation=-90.0),
        [
            [0.7660444974899292, 0.633022129535675, 0.11161881685256958, 0.17859023809432983],
            [0.6427875757217407, -0.7544065117835999, -0.13302211463451385, -0.21283555030822754],
            [2.3566466111901718e-08, 0.17364804446697235, -0.9848077297210693, -1.5756924152374268],
        ],
    ),
]


@pytest.mark.parametrize(("shot", "recorded"), BLENDER, ids=["azimuth", "elevation"])
def test_blenders_own_matrices_are_those_of_the_formulas(shot: Shot, recorded: list[list[float]]) -> None:
    world = np.array([*recorded, [0.0, 0.0, 0.0, 1.0]])
    np.testing.assert_allclose(shot.annotation["matrix_world"], world, atol=1e-6)
    mixed = raw_camera(shot.annotation | {"matrix_world": world, "modelview_matrix": None})  # and they agree, or raise
    angles = raw_camera({name: shot.annotation[name] for name in ("theta", "phi", "dist")})
    np.testing.assert_allclose(mixed.R, angles.R, atol=1e-6)
    np.testing.assert_allclose(mixed.t, angles.t, atol=1e-6)


def test_real_models_lie_where_the_reference_rendered_them(cad_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("trimesh")
    recipe = validate(
        {
            "sources": [
                {"kind": "shapenet", "root": str(cad_root / "shapenet")},
                {"kind": "objaverse", "root": str(cad_root / "objaverse" / "hf-objaverse-v1")},
                {"kind": "omniobject3d", "root": str(cad_root / "omniobject3d")},
            ],
            "catalogue": {"file": str(cad_root / "models.csv")},
            "limits": {"enabled": False},
        }
    )
    rows = [row for row in read_catalogue(str(cad_root / "models.csv")) if row.model_id in WANTED]
    rows += [row for row in read_catalogue(str(cad_root / "models.csv")) if row.model_id not in WANTED][:3]
    sources, files, shots = build_sources(recipe), Files(), {}
    for row in rows:
        who = row.synset, row.model_id
        found = next(ref for source in sources.values() if (ref := source.find(*who)) is not None)
        raw = sources[found.source].open(replace(found, azimuth=0.0, elevation=0.0, alignment=()))
        columns = row.azimuth or 0.0, row.elevation or 0.0
        shots[row.model_id] = [Shot(-60.0, 65.0, 1.8, *columns), Shot(130.0, 100.0, 1.8, *columns)]
        files |= files_of(who, shots[row.model_id], size=160, model=raw)
    report = import_tree(as_zip(files, tmp_path / "dst.zip"), tmp_path / "run", recipe)
    assert (report.num_samples, report.skipped) == (2 * len(rows), [])
    seen = 0
    for label, _ in samples(tmp_path / "run"):
        row = next(row for row in rows if row.synset == label["synset"] and row.model_id in _names(label["cad_id"]))
        found = next(ref for source in sources.values() if (ref := source.find(row.synset, row.model_id)) is not None)
        K, R, t = (np.array(label[name]) for name in ("K", "R", "t"))
        camera = Camera(K=K, R=R, t=t, width=label["width"], height=label["height"])
        aligned = replace(found, azimuth=row.azimuth or 0.0, elevation=row.elevation or 0.0)
        ours = TorchRenderer("cpu").silhouette(sources[found.source].open(aligned), camera)
        theirs = read_depth(files[f"train/{row.synset}/{row.model_id}/depth/{label['view']:03d}.exr"], "depth") < 100.0
        assert (ours & theirs).sum() / (ours | theirs).sum() >= 0.999
        seen += 1
    assert seen == 2 * len(rows)


def _names(cad_id: str) -> set[str]:
    return {cad_id, cad_id.rpartition("/")[2], f"omniobject3d_{cad_id}"}
