"""Imported labels against the reference's own formulas, its matrices and its renders, which `_reference_tree` makes."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from _reference_tree import CAR, MUG, SIZE, Shot, as_folder, exr, files_of, npy, png, raw_model, recipe, samples

from dst3d_datasets import images
from dst3d_datasets.camera import alignment, camera_of, reference_view, rotation_of
from dst3d_datasets.errors import ModelRefused, Reason
from dst3d_datasets.nouns import CadModel, Camera, Lights, ModelRef
from dst3d_datasets.recipe import Recipe
from dst3d_datasets.recipe.options import PrimitivesOptions
from dst3d_datasets.reference.annotation import raw_camera
from dst3d_datasets.reference.build import import_tree
from dst3d_datasets.reference.exr import read_depth
from dst3d_datasets.reference.frame import canonical_view, raw_box
from dst3d_datasets.reference.proof import agreement
from dst3d_datasets.render.raster import TorchRenderer
from dst3d_datasets.sources.catalogue import build_sources, resolve
from dst3d_datasets.sources.primitives import Primitives

SHOTS = [(-90.0, 60.0), (-90.0, 90.0), (0.0, 75.0), (41.0, 30.0), (133.0, 110.0), (250.0, 170.0), (77.0, 3.0)]


def catalogue(path: Path, *rows: tuple[Any, ...]) -> Recipe:
    """A recipe whose models.csv says (synset, model, azimuth, elevation)."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["synset", "model", "distance", "azimuth", "elevation", "strength", "sampling"])
        writer.writerows([synset, model, 1.5, azimuth, elevation, 1, 1] for synset, model, azimuth, elevation in rows)
    return recipe(catalogue={"file": str(path)})


def aligned(settings: Recipe) -> CadModel:
    """The one model of a catalogue, turned as that says."""
    sources = build_sources(settings)
    (ref,) = resolve(settings, sources)[0]
    return sources[ref.source].open(ref)


def vertices(model: CadModel) -> np.ndarray:
    return np.concatenate([part.vertices for part in model.parts]).astype(np.float64)


def camera(label: dict[str, Any]) -> Camera:
    K, R, t = (np.array(label[name]) for name in ("K", "R", "t"))
    return Camera(K=K, R=R, t=t, width=label["width"], height=label["height"])


@pytest.mark.parametrize(
    ("azimuth", "elevation"), [(0, 0), (90, 0), (-90, 0), (180, 0), (0, 90), (0, -90), (90, 90), (-90, 180)]
)
@pytest.mark.parametrize("who", [MUG, CAR], ids=["mug", "car"])
def test_labels_put_the_mesh_where_the_reference_rendered_it(who, azimuth: int, elevation: int, tmp_path: Path) -> None:
    """With any right angles in the catalogue: vertex by vertex under OpenGL's matrices, and against the render."""
    settings = catalogue(tmp_path / "models.csv", (*who, azimuth, elevation))
    shots = [Shot(theta, phi, 1.7, azimuth, elevation) for theta, phi in SHOTS]
    tree = as_folder(files_of(who, shots), tmp_path / "tree")
    report = import_tree(tree, tmp_path / "run", settings)
    assert (report.num_samples, report.skipped) == (len(SHOTS), [])
    model, raw = aligned(settings), vertices(raw_model(*who))
    for label, _ in samples(tmp_path / "run"):
        shot = shots[label["view"]]
        ours = camera(label)
        eye = vertices(model) @ ours.R.T + ours.t
        pixels = (eye @ ours.K.T)[:, :2] / eye[:, 2:]
        assert np.abs(pixels - shot.pixels(raw)).max() < 0.01  # Blender's matrices are of float32
        # and against the render, through the label alone
        seen = next(iter(TorchRenderer("cpu").render(raw_model(*who), [shot.camera()], [Lights()]))).mask
        mask = TorchRenderer("cpu").silhouette(model, ours)
        assert (mask & seen).sum() / (mask | seen).sum() >= 0.99
        assert label["size"] == [float(side) for side in model.size]
        assert label["generator"] == "imported"


def test_labels_of_untouched_models_are_the_sampled_angles(tmp_path: Path) -> None:
    """(theta, phi) are azimuth theta + 90 and elevation 90 - phi; what a column adds to theta is undone."""
    for number, column in enumerate((0.0, 90.0, 270.0)):
        settings = catalogue(tmp_path / "models.csv", (*MUG, column, 0))
        shots = [Shot(theta, phi, 2.0, column) for theta, phi in SHOTS]
        tree = as_folder(files_of(MUG, shots), tmp_path / f"tree{number}")
        import_tree(tree, tmp_path / f"run{number}", settings)
        for label, _ in samples(tmp_path / f"run{number}"):
            theta, phi = SHOTS[label["view"]]
            turned = (label["azimuth"] - (theta + 90.0) + 180.0) % 360.0 - 180.0
            assert abs(turned) < 1e-3
            assert label["elevation"] == pytest.approx(90.0 - phi, abs=1e-4)
            assert label["theta"] == pytest.approx(0.0, abs=1e-3)
            assert label["distance"] == pytest.approx(2.0, abs=1e-5)
            assert label["K"] == [[SIZE * 35 / 32, 0, SIZE / 2], [0, SIZE * 35 / 32, SIZE / 2], [0, 0, 1]]
            np.testing.assert_allclose(
                label["R"], rotation_of(label["azimuth"], label["elevation"], label["theta"]), atol=1e-12
            )


def test_without_a_catalogue_the_annotations_columns_align_the_model(tmp_path: Path) -> None:
    tree = as_folder(files_of(MUG, [Shot(-90.0, 80.0, azimuth=90.0)]), tmp_path / "tree")
    import_tree(tree, tmp_path / "run", recipe())
    ((label, _),) = samples(tmp_path / "run")
    assert min(label["azimuth"], 360.0 - label["azimuth"]) < 1e-3


def test_a_catalogue_with_matrices_aligns_the_model(tmp_path: Path) -> None:
    """Our own table's nine numbers stand for any turn; here one that no two columns give."""
    turn = [0, 1, 0, 0, 0, 1, 1, 0, 0]
    table = f"synset,model,alignment\n{MUG[0]},{MUG[1]},{' '.join(map(str, turn))}\n"
    (tmp_path / "models.csv").write_text(table)
    settings, shots = recipe(catalogue={"file": str(tmp_path / "models.csv")}), [Shot(30.0, 50.0, 1.9)]
    import_tree(as_folder(files_of(MUG, shots), tmp_path / "tree"), tmp_path / "run", settings)
    ((label, _),) = samples(tmp_path / "run")
    raw, ours = vertices(raw_model(*MUG)), camera(label)
    np.testing.assert_allclose(vertices(aligned(settings)), raw @ np.reshape(turn, (3, 3)).T, atol=1e-6)
    eye = raw @ np.reshape(turn, (3, 3)).T @ ours.R.T + ours.t
    assert np.abs((eye @ ours.K.T)[:, :2] / eye[:, 2:] - shots[0].pixels(raw)).max() < 0.01


def test_members_belong_to_the_label(tmp_path: Path) -> None:
    """Mask, depth and boxes against the reference's render and depth; prompts and pictures are the tree's."""
    shots = [Shot(theta, phi) for theta, phi in SHOTS[:3]]
    files = files_of(CAR, shots, samples=2)
    import_tree(as_folder(files, tmp_path / "tree"), tmp_path / "run", recipe())
    rows = list(samples(tmp_path / "run"))
    assert sorted(label["view"] for label, _ in rows) == [0, 1, 100, 101, 200, 201]
    for label, members in rows:
        view, sample = divmod(label["view"], 100)
        depth = images.decode_depth(members["depth.png"], label["depth_scale"], label["depth_offset"])
        told = read_depth(files[f"train/{CAR[0]}/{CAR[1]}/depth/{view:03d}.exr"], "a")
        mask = images.decode(members["mask.png"]) > 0
        assert agreement(mask, told < 100.0) == 1.0
        np.testing.assert_allclose(depth[mask & (told < 100)], told[mask & (told < 100)], atol=2e-3)
        assert label["area"] == mask.sum()
        assert label["prompt"] == members["txt"].decode() == f"view {view} sample {sample} of {CAR[1]}"
        assert label["seed"] == -1
        picture = images.decode(files[f"train/{CAR[0]}/{CAR[1]}/image_dst/{view:03d}_{sample:02d}.png"])
        assert np.abs(images.decode(members["jpg"]).astype(int) - picture).mean() < 12.0  # noise, as JPEG keeps it
        render = images.decode(files[f"train/{CAR[0]}/{CAR[1]}/image_render/{view:03d}.png"])
        inner = (render[..., 3] == 255) & mask
        shown = images.decode(members["render.jpg"]).astype(int)
        assert np.abs(shown[inner] - render[..., :3][inner]).mean() < 6.0


def test_pictures_larger_than_the_renders(tmp_path: Path) -> None:
    """As SDXL draws them: the label is that of the picture, and the pose is proven at the render's size."""
    files = files_of(CAR, [Shot(20.0, 70.0), Shot(80.0, 70.0)])
    for view in range(2):
        files[f"train/{CAR[0]}/{CAR[1]}/image_dst/{view:03d}_00.png"] = png(np.zeros((160, 160, 3), np.uint8))
    files[f"train/{CAR[0]}/{CAR[1]}/annotation/001.npy"] = npy(Shot(60.0, 70.0).annotation)
    report = import_tree(as_folder(files, tmp_path / "tree"), tmp_path / "run", recipe())
    assert [(row.reason, row.num_views) for row in report.skipped] == [("contradiction", 1)]
    ((label, members),) = samples(tmp_path / "run")
    assert (label["width"], label["K"][0][0], label["K"][0][2]) == (160, 175.0, 80.0)
    assert {images.decode(data).shape[:2] for name, data in members.items() if name.endswith(("png", "jpg"))} == {
        (160, 160)
    }


def _car(azimuth: float, elevation: float) -> CadModel:
    """The car as a catalogue with these columns turns it."""
    source = Primitives(PrimitivesOptions(kind="primitives"))
    ref: ModelRef | None = source.find(*CAR)
    assert ref is not None
    return source.open(replace(ref, azimuth=azimuth, elevation=elevation))


def test_turns_by_odd_angles_are_exact_or_refused() -> None:
    """A frame is never bent: the chain of matrices is kept, or the view is refused because its centre moved."""
    outcomes = set()
    for azimuth, elevation in [(30.0, 0.0), (0.0, 12.0), (45.0, 7.0), (0.0, 45.0)]:
        model, raw = _car(azimuth, elevation), vertices(raw_model(*CAR))
        box = raw_box(model)
        back = (vertices(model) @ alignment(azimuth, elevation) - box[0]) / box[1]
        np.testing.assert_allclose(back, raw, atol=1e-6)  # the two frames are one surface
        shot = Shot(20.0, 70.0, 2.0, azimuth, elevation)
        centre = np.abs(box[0]).max()
        if centre > 1e-3:
            outcomes.add("refused")
            with pytest.raises(ModelRefused, match="looked past it"):
                canonical_view(model, raw_camera(shot.annotation), 0, box)
            continue
        outcomes.add("exact")
        view = canonical_view(model, raw_camera(shot.annotation), 0, box)
        ours = camera_of(view, SIZE, SIZE)
        eye = vertices(model) @ ours.R.T + ours.t
        assert np.abs((eye @ ours.K.T)[:, :2] / eye[:, 2:] - shot.pixels(raw)).max() < 0.3
    assert "refused" in outcomes


def test_angles_alone_give_the_same_camera_as_the_matrix() -> None:
    for theta, phi in [*SHOTS, (12.0, 0.01), (12.0, 179.9)]:
        said = Shot(theta, phi, 1.4).annotation
        whole = raw_camera(said)
        bare = raw_camera({name: said[name] for name in ("theta", "phi", "dist")})
        only = raw_camera({"matrix_world": said["matrix_world"]})
        view = raw_camera({"modelview_matrix": said["modelview_matrix"]})
        for other in (bare, only, view):
            loose = 1e-5 if math.sin(math.radians(phi)) > 0.01 else 2e-3
            np.testing.assert_allclose(whole.R, other.R, atol=loose)
            np.testing.assert_allclose(whole.t, other.t, atol=1e-5)
            assert other.focal == pytest.approx(35 / 32)
        expected = camera_of(reference_view(theta, phi, 1.4), SIZE, SIZE)
        np.testing.assert_allclose(bare.R, expected.R, atol=1e-12)


def test_a_camera_that_turns_about_its_axis() -> None:
    """`camera_rotation` turns the camera about where it looks: right-handed about up x right, as the reference does."""
    said = Shot(25.0, 65.0, 1.6).annotation
    world = said["matrix_world"].copy()
    right, up = world[:3, 0], world[:3, 1]
    axis, angle = np.cross(up, right), 0.3
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross  # Rodrigues
    world[:3, :3] = turn @ world[:3, :3]
    rolled = said | {"matrix_world": world, "modelview_matrix": np.linalg.inv(world), "camera_rotation": angle}
    bare = {name: rolled[name] for name in ("theta", "phi", "dist", "camera_rotation")}
    np.testing.assert_allclose(raw_camera(rolled).R, raw_camera(bare).R, atol=1e-5)
    with pytest.raises(ModelRefused) as caught:
        raw_camera(rolled | {"camera_rotation": 0.0})
    assert caught.value.reason == Reason.CONTRADICTION


def test_a_shifted_lens_is_read_from_the_projection() -> None:
    shot = Shot(10.0, 60.0, 2.0)
    shifted = shot.annotation["projection_matrix"].copy()
    shifted[0, 2], shifted[1, 2] = 0.2, -0.1
    shot.annotation["projection_matrix"] = shifted
    found = raw_camera(shot.annotation)
    points = vertices(raw_model(*MUG))
    eye = points @ found.R.T + found.t
    ours = SIZE * (found.focal * eye[:, :2] / eye[:, 2:] + np.array(found.principal) + 0.5)
    np.testing.assert_allclose(ours, shot.pixels(points), atol=1e-3)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"theta": 1.0}, Reason.CONTRADICTION),
        ({"dist": 1.9}, Reason.CONTRADICTION),
        ({"modelview_matrix": np.eye(4)}, Reason.CONTRADICTION),
        ({"focal_length": 50.0}, Reason.CONTRADICTION),
        ({"matrix_world": np.zeros((4, 4)), "modelview_matrix": None}, Reason.UNREADABLE),
        ({"matrix_world": np.diag([-1.0, 1, 1, 1]), "modelview_matrix": None, "phi": None}, Reason.UNREADABLE),
        ({"matrix_world": np.full((4, 4), np.nan)}, Reason.UNREADABLE),
        ({"matrix_world": np.eye(3)}, Reason.UNREADABLE),
        ({"theta": "north"}, Reason.UNREADABLE),
        ({"dist": -1.0}, Reason.UNREADABLE),
        ({"phi": 9.0}, Reason.CONTRADICTION),
        ({"phi": -20.0}, Reason.UNREADABLE),
        ({"matrix_world": None, "modelview_matrix": None, "theta": None}, Reason.NO_POSE),
        ({"projection_matrix": np.diag([2.0, 3, 1, 1])}, Reason.UNSUPPORTED),
    ],
)
def test_annotations_that_cannot_be_true(change: dict[str, Any], reason: Reason) -> None:
    with pytest.raises(ModelRefused) as caught:
        raw_camera(Shot(40.0, 60.0).annotation | change)
    assert caught.value.reason == reason


def test_a_pose_that_the_render_denies_is_left_out(tmp_path: Path) -> None:
    """An annotation of another view, another CAD model's render, and a depth of another distance are all noticed."""
    shots = [Shot(-90.0, 70.0), Shot(10.0, 70.0), Shot(100.0, 70.0), Shot(200.0, 70.0)]
    files = files_of(CAR, shots)
    top = f"train/{CAR[0]}/{CAR[1]}"
    files[f"{top}/annotation/000.npy"] = npy(Shot(-80.0, 70.0).annotation)
    files[f"{top}/image_render/001.png"] = files_of(MUG, [shots[1]])[f"train/{MUG[0]}/{MUG[1]}/image_render/000.png"]
    opaque = np.full((SIZE, SIZE, 4), 255, np.uint8)
    files[f"{top}/image_render/002.png"] = png(opaque)  # a panorama behind it: only the depth can prove it
    files[f"{top}/image_render/003.png"] = png(opaque)
    told = read_depth(files[f"{top}/depth/003.exr"], "a")
    files[f"{top}/depth/003.exr"] = exr(np.where(told < 100, told + np.float32(0.1), told))
    report = import_tree(as_folder(files, tmp_path / "tree"), tmp_path / "run", recipe())
    assert [label["view"] for label, _ in samples(tmp_path / "run")] == [2]
    assert {(row.reason, row.num_views) for row in report.skipped} == {("contradiction", 1), ("contradiction", 2)}


def test_depth_sees_what_a_silhouette_cannot(tmp_path: Path) -> None:
    """A car from the front and from behind have one outline; a broken depth file takes nothing from a good render."""
    front, behind = Shot(-90.0, 90.0, 4.0), Shot(90.0, 90.0, 4.0)
    files, top = files_of(CAR, [front, front]), f"train/{CAR[0]}/{CAR[1]}"
    for number in range(2):
        files[f"{top}/annotation/{number:03d}.npy"] = npy(behind.annotation)
    seen = next(iter(TorchRenderer("cpu").render(raw_model(*CAR), [behind.camera()], [Lights()])))
    for number in range(2):  # the silhouette of the one and the depth of the other
        files[f"{top}/image_render/{number:03d}.png"] = png(np.dstack([seen.colour, seen.alpha]))
    files[f"{top}/depth/001.exr"] = b"broken"
    report = import_tree(as_folder(files, tmp_path / "tree"), tmp_path / "run", recipe())
    assert [(row.reason, row.num_views) for row in report.skipped] == [("contradiction", 1)]
    assert "from the reference's depth" in report.skipped[0].detail
    assert [label["view"] for label, _ in samples(tmp_path / "run")] == [1]
