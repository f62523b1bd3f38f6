"""Our own catalogue table: columns by name, rotations that are checked, and what its rows make of a model."""

from __future__ import annotations

import math

import numpy as np
import pytest
from _models import nose, put, ref, wedge

from dst3d_datasets.camera import (
    alignment,
    alignment_of,
    as_rotation,
    camera_of,
    is_exact,
    project,
    reference_deviation,
    reference_view,
    rotation_x,
    rotation_z,
)
from dst3d_datasets.errors import RecipeError
from dst3d_datasets.plan import ModelViews, ShardSpec
from dst3d_datasets.recipe import validate
from dst3d_datasets.sources.canonical import canonicalise
from dst3d_datasets.sources.catalogue import build_sources, resolve
from dst3d_datasets.sources.catalogue_file import COLUMNS, Row, catalogue_text, read_catalogue

FULL = Row(
    line=2,
    synset="n02690373",
    source="folder",
    model_id="a",
    distance=1.7,
    strength=2,
    sampling=3,
    alignment=as_rotation((0, -1, 0, 1, 0, 0, 0, 0, 1)),
    symmetry=4,
    licence="CC-BY-4.0",
    author='Ann, "the maker"',
    url="https://example.org/a",
    title="A plane",
    tags=("red", "old plane"),
    textureless=True,
    exact=False,
)


def table(tmp_path, *lines: str):
    (tmp_path / "models.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "models.csv"


def test_a_table_survives_writing(tmp_path):
    rows = [FULL, Row(line=3, synset="n02690373", model_id="b")]
    text = catalogue_text(rows)
    assert text.splitlines()[0] == ",".join(COLUMNS)
    assert read_catalogue(table(tmp_path, text.strip())) == rows


def test_columns_stand_in_any_order_and_empty_cells_say_nothing(tmp_path):
    (row,) = read_catalogue(table(tmp_path, "model,Tags,synset,exact", "x, a ; b ;,n02690373,"))
    assert (row.model_id, row.tags, row.distance, row.exact, row.is_exact) == ("x", ("a", "b"), None, None, True)
    (row,) = read_catalogue(table(tmp_path, "model,synset,elevation", "x,n02690373,-90"))
    assert (row.elevation, row.azimuth, row.is_exact) == (-90.0, None, False)


@pytest.mark.parametrize(
    ("head", "line", "words"),
    [
        ("synset,model,colour", "n02690373,a,red", "unknown column 'colour'.*known: synset"),
        ("synset,model,distanc", "n02690373,a,2", "did you mean 'distance'"),
        ("synset,distance", "n02690373,2", "no column 'model'"),
        ("synset,model,model", "n02690373,a,a", "twice"),
        ("synset,model,alignment", "n02690373,a,1 0 0 0 1 0 0 0", "line 2.*8 numbers"),
        ("synset,model,alignment", "n02690373,a,1 0 0 0 1 0 0 0 -1", "mirror"),
        ("synset,model,alignment", "n02690373,a,2 0 0 0 1 0 0 0 1", "not a rotation"),
        ("synset,model,alignment", "n02690373,a,1 0 0 0 1 0 0 0 x", "alignment '1 0 0"),
        ("synset,model,alignment", "n02690373,a,1 0 0 0 1 0 0 0 nan", "9 numbers|not a rotation"),
        ("synset,model,alignment,azimuth", "n02690373,a,1 0 0 0 1 0 0 0 1,90", "either alignment or azimuth"),
        ("synset,model,symmetry", "n02690373,a,-1", "symmetry"),
        ("synset,model,symmetry", "n02690373,a,1.5", "symmetry"),
        ("synset,model,exact", "n02690373,a,maybe", "true or false"),
        ("synset,model,strength", "n02690373,a,3", "strength"),
        ("synset,model,distance", "n02690373,a,0.2", "inside the object's box"),
        ("synset,model,distance", "n02690373,a", "2 columns; expected 3"),
    ],
)
def test_wrong_tables_are_named(tmp_path, head, line, words):
    with pytest.raises(RecipeError, match=words):
        read_catalogue(table(tmp_path, head, line))


def test_rows_fill_in_what_the_source_says(tmp_path):
    put(tmp_path / "m", "thing/a.obj", "thing/b.obj")
    rows = [
        FULL,
        Row(line=3, synset="n02690373", model_id="b"),
        Row(line=4, synset="n02690373", model_id="a", source="x"),
    ]
    path = table(tmp_path, catalogue_text(rows).strip())
    recipe = validate(
        {
            "sources": [{"kind": "folder", "root": str(tmp_path / "m"), "licence": "CC0-1.0"}],
            "catalogue": {"file": str(path)},
        }
    )
    (a, b), (missing,) = resolve(recipe, build_sources(recipe))
    assert (a.model_id, a.distance, a.sampling, a.symmetry, a.licence) == ("thing/a.obj", 1.7, 3, 4, "CC-BY-4.0")
    assert (a.author, a.title, a.keywords, a.exact) == (FULL.author, "A plane", ("red", "old plane"), False)
    assert a.alignment == FULL.alignment
    assert (b.distance, b.licence, b.title, b.alignment, b.exact) == (1.5, "CC0-1.0", "b", (), True)
    assert (a.class_name, b.class_name) == ("airliner", "airliner")
    assert missing.model_id == "a"  # the recipe has no source x


def test_an_alignment_turns_the_model_as_the_columns_do():
    for azimuth, elevation in ((0.0, 0.0), (90.0, 0.0), (33.0, -90.0), (200.0, 20.0)):
        turn = alignment(azimuth, elevation)
        by_columns = ref(azimuth=azimuth, elevation=elevation)
        by_matrix = ref(alignment=as_rotation(turn.reshape(-1).tolist()))
        assert np.allclose(alignment_of(by_matrix), turn, atol=1e-15)
        assert np.allclose(nose(canonicalise(wedge(), by_matrix)), nose(canonicalise(wedge(), by_columns)), atol=1e-5)
    rolled = rotation_x(10.0) @ rotation_z(20.0) @ rotation_x(30.0)  # what no two columns can say
    model = canonicalise(wedge(), ref(alignment=as_rotation([round(v, 4) for v in rolled.reshape(-1)])))
    points = np.concatenate([part.vertices for part in wedge().parts])
    turned = points @ (rolled @ [[1, 0, 0], [0, 0, -1], [0, 1, 0]]).T
    extents = np.ptp(turned, axis=0)
    assert np.allclose(model.size, extents / extents.max(), atol=1e-3)


def test_rotations_of_a_few_digits_become_rotations():
    rough = [round(value, 3) for value in (rotation_z(37.0) @ rotation_x(11.0)).reshape(-1)]
    R = np.array(as_rotation(rough)).reshape(3, 3)
    assert np.abs(R @ R.T - np.eye(3)).max() < 1e-15
    assert np.linalg.det(R) == pytest.approx(1.0, abs=1e-15)
    assert np.abs(R.reshape(-1) - rough).max() < 2e-3


def test_digests_of_models_without_a_matrix_are_what_they_were():
    """Since labels have symmetry_source: what an older version made lacks fields, and is made again."""
    spec = ShardSpec("s-00000", "s", (ModelViews(ref(), 0, 2),), "0123456789abcdef")
    assert spec.digest == "33cc7f2a0a2a466b7a0ea28fa94cf348"
    inexact = ShardSpec("s-00000", "s", (ModelViews(ref(exact=False), 0, 2),), "0123456789abcdef")
    turned = ref(alignment=as_rotation((0, -1, 0, 1, 0, 0, 0, 0, 1)))
    assert inexact.digest == spec.digest
    assert ShardSpec("s-00000", "s", (ModelViews(turned, 0, 2),), "0123456789abcdef").digest != spec.digest


def reference_pixels(azimuth: float, elevation: float, theta: float, phi: float, points: np.ndarray) -> np.ndarray:
    """The reference's picture: the raw model, seen from (theta + azimuth, phi - elevation)."""
    return project(camera_of(reference_view(theta + azimuth, phi - elevation, 2.0), 512, 512), points)[0]


@pytest.mark.parametrize(
    ("azimuth", "elevation"), [(0.0, 0.0), (90.0, 0.0), (35.0, 20.0), (180.0, -15.0), (0.0, -90.0)]
)
def test_the_references_picture_is_kept_in_the_plane_of_the_front(azimuth, elevation):
    points = np.random.default_rng(1).uniform(-0.4, 0.4, (20, 3))
    turned = points @ alignment(azimuth, elevation).T
    for phi in (30.0, 60.0, 80.0):  # phi - elevation stays between the poles
        ours = project(camera_of(reference_view(-90.0, phi, 2.0), 512, 512), turned)[0]
        assert np.allclose(ours, reference_pixels(azimuth, elevation, -90.0, phi, points), atol=1e-6)
        assert reference_deviation(azimuth, elevation, -90.0, phi) < 1e-5
        if is_exact(elevation):
            for theta in (-170.0, 0.0, 45.0, 120.0):
                ours = project(camera_of(reference_view(theta, phi, 2.0), 512, 512), turned)[0]
                assert np.allclose(ours, reference_pixels(azimuth, elevation, theta, phi, points), atol=1e-6)
                assert reference_deviation(azimuth, elevation, theta, phi) < 1e-5


def test_how_far_the_reference_is_off_elsewhere():
    """Beside the front's plane its elevation column is no rotation: off by this many degrees, whatever phi."""
    for theta, degrees in ((-80.0, 3.5), (-60.0, 10.3), (-45.0, 15.2), (0.0, 28.2), (90.0, 40.0)):
        for phi in (45.0, 80.0, 120.0):
            assert reference_deviation(35.0, 20.0, theta, phi) == pytest.approx(degrees, abs=0.1)
    assert reference_deviation(0.0, -90.0, -60.0, 60.0) == pytest.approx(42.2, abs=0.1)
    assert reference_deviation(0.0, -90.0, -90.0, 120.0) == pytest.approx(180.0, abs=1e-3)  # over the pole: TRACK_TO
    off = reference_deviation(10.0, 20.0, -70.0, 60.0)
    ours = camera_of(reference_view(-70.0, 60.0, 2.0), 64, 64).R @ alignment(10.0, 20.0)
    theirs = camera_of(reference_view(-60.0, 40.0, 2.0), 64, 64).R
    assert math.degrees(math.acos((np.trace(theirs.T @ ours) - 1) / 2)) == pytest.approx(off, abs=1e-9)
