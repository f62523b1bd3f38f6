"""What ControlNets are shown, value by value: a ball and a wall whose depth and normals are known, and the ground."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from _generate_shots import ball_shot
from _raycast import Cast
from _render_shapes import REF, model_of, square
from pydantic import ValidationError

from dst3d_datasets.errors import RecipeError
from dst3d_datasets.generate.ade20k import segment_of, segments
from dst3d_datasets.generate.conventions import TABLE, convention_of
from dst3d_datasets.generate.guides import guide, resize
from dst3d_datasets.imagenet import classes
from dst3d_datasets.nouns import Camera, Controls, ModelRef, Shot
from dst3d_datasets.recipe.generator_options import CONVENTIONS, ControlNetOptions

SIZE = 64


def with_controls(shot: Shot, **changed: np.ndarray) -> Shot:
    controls: Controls = dataclasses.replace(shot.controls, **changed)
    return dataclasses.replace(shot, controls=controls)


def of_class(shot: Shot, name: str, index: int = -1) -> Shot:
    return dataclasses.replace(shot, ref=ModelRef(source="test", model_id="m", class_name=name, class_index=index))


def axis(shot: Shot, *, convention: str, pixel: tuple[int, int]) -> list[int]:
    return guide(shot, "normal", convention, SIZE, SIZE)[pixel].tolist()


# --- the table --------------------------------------------------------------------------------------------------------


def test_the_table_has_every_convention_of_the_recipe_and_its_source() -> None:
    assert {(row.control, row.name) for row in TABLE} == {
        (c, name) for c, names in CONVENTIONS.items() for name in names
    }
    assert all(row.source and row.drawn for row in TABLE)


@pytest.mark.parametrize(
    ("control", "net", "expected"),
    [
        ("depth", "lllyasviel/control_v11f1p_sd15_depth", "midas"),
        ("depth", "diffusers/controlnet-zoe-depth-sdxl-1.0", "zoe"),
        ("normal", "lllyasviel/control_v11p_sd15_normalbae", "bae"),
        ("normal", "lllyasviel/sd-controlnet-normal", "midas"),
        ("normal", "someone/my-net", "bae"),
        ("edge", "lllyasviel/control_v11p_sd15_canny", "plain"),
        ("line", "lllyasviel/control_v11p_sd15_lineart", "plain"),
        ("line", "lllyasviel/control_v11p_sd15_softedge", "softedge"),
        ("edge", "lllyasviel/sd-controlnet-hed", "softedge"),
        ("line", "xinsir/controlnet-scribble-sdxl-1.0", "scribble"),
        ("segmentation", "lllyasviel/control_v11p_sd15_seg", "ade20k"),
        ("mask", "someone/zoe-hed-scribble", "plain"),
        ("depth", "/home/zoe/nets/depth/", "midas"),
        ("depth", "C:\\nets\\my-zoe", "zoe"),
    ],
)
def test_auto_goes_by_the_networks_name(control: str, net: str, expected: str) -> None:
    assert convention_of(control, "auto", (net, "")) == expected
    assert convention_of(control, "auto", ("my-folder", net)) == expected
    assert convention_of(control, CONVENTIONS[control][-1], (net, "")) == CONVENTIONS[control][-1]


def test_conventions_must_fit_their_controls() -> None:
    fits = {"kind": "controlnet", "controlnet": ("a", "b"), "controls": ("depth", "normal"), "scales": (1.0, 1.0)}
    assert ControlNetOptions(**fits, conventions=("zoe", "auto")).conventions == ("zoe", "auto")
    with pytest.raises(ValidationError, match=r"depth has no 'bae'; it has auto, midas, zoe"):
        ControlNetOptions(**fits, conventions=("bae", "auto"))
    with pytest.raises(ValidationError, match="conventions has 1 entries and controls 2"):
        ControlNetOptions(**fits, conventions=("zoe",))


# --- depth ------------------------------------------------------------------------------------------------------------


def test_midas_depth_is_inverse_near_is_white_and_infinity_is_black() -> None:
    shot = ball_shot(size=SIZE)
    picture = guide(shot, "depth", "midas", SIZE, SIZE)
    assert (picture == picture[..., :1]).all()
    seen, z = shot.buffers.mask, shot.buffers.depth
    assert (picture[~seen] == 0).all()
    assert picture[np.unravel_index(np.where(seen, z, 9).argmin(), z.shape)][0] == 255
    np.testing.assert_allclose(picture[seen][:, 0], 255 * z[seen].min() / z[seen], atol=0.51)


def test_zoe_depth_is_linear_between_two_percentiles() -> None:
    shot = ball_shot(size=SIZE)
    seen, z = shot.buffers.mask, shot.buffers.depth
    picture = guide(shot, "depth", "zoe", SIZE, SIZE)[..., 0]
    near, far = np.percentile(z[seen].astype(np.float64), (2, 85))
    assert (picture[~seen] == 0).all()
    np.testing.assert_allclose(picture[seen], 255 * np.clip((far - z[seen]) / (far - near), 0, 1), atol=0.51)


@pytest.mark.parametrize("convention", CONVENTIONS["depth"])
def test_depth_of_a_picture_without_range(convention: str) -> None:
    shot = ball_shot(size=SIZE)
    everywhere, nowhere = np.ones((SIZE, SIZE), np.bool_), np.zeros((SIZE, SIZE), np.bool_)
    wall = dataclasses.replace(shot.buffers, mask=everywhere, depth=np.full((SIZE, SIZE), 1.5, np.float32))
    assert (guide(dataclasses.replace(shot, buffers=wall), "depth", convention, SIZE, SIZE) == 255).all()
    empty = dataclasses.replace(shot.buffers, mask=nowhere)
    assert not guide(dataclasses.replace(shot, buffers=empty), "depth", convention, SIZE, SIZE).any()


# --- normals ----------------------------------------------------------------------------------------------------------


def test_normals_by_the_axes_of_each_family() -> None:
    shot = ball_shot(size=SIZE, elevation=0, azimuth=0, box=(1.0, 1.0, 1.0), distance=1.7)
    n = shot.buffers.normal
    wanted = {
        "bae": 127.5 - 127.5 * n,
        "midas": 127.5 - 127.5 * n[..., ::-1],
        "stored": 127.5 + 127.5 * n * (1, -1, -1),
    }
    seen = shot.buffers.mask
    for convention, expected in wanted.items():
        np.testing.assert_allclose(guide(shot, "normal", convention, SIZE, SIZE)[seen], expected[seen], atol=0.51)
    rows, columns = np.nonzero(seen)
    left, top = (SIZE // 2, int(columns.min())), (int(rows.min()), SIZE // 2)
    assert axis(shot, convention="bae", pixel=left)[0] > 220  # red is left
    assert axis(shot, convention="bae", pixel=top)[1] > 220  # green is up
    assert axis(shot, convention="midas", pixel=left)[2] > 220
    assert axis(shot, convention="stored", pixel=left)[0] < 35
    middle = (SIZE // 2, SIZE // 2)
    assert axis(shot, convention="bae", pixel=middle)[2] > 250
    assert axis(shot, convention="midas", pixel=middle)[0] > 250
    assert axis(shot, convention="bae", pixel=(0, 0)) == [128, 128, 255]
    assert axis(shot, convention="midas", pixel=(0, 0)) == [255, 128, 128]
    assert axis(shot, convention="stored", pixel=(0, 0)) == [0, 0, 0]


# --- the ground -------------------------------------------------------------------------------------------------------


def floor_cast(camera: Camera, height: float) -> Cast:
    """A square of 60 units at a height, as rays meet it."""
    corners = np.array([[-30, -30, height], [30, -30, height], [30, 30, height], [-30, 30, height]])
    return Cast(model_of(square(corners)), camera)


@pytest.mark.parametrize("theta", [0.0, 25.0])
@pytest.mark.parametrize("elevation", [8.0, 35.0, 80.0])
def test_the_ground_lies_where_rays_meet_the_bottom_of_the_box(elevation: float, theta: float) -> None:
    shot = ball_shot(size=SIZE, elevation=elevation, theta=theta, distance=2.5)
    cast = floor_cast(shot.camera, -0.35)
    seen = shot.buffers.mask
    there = cast.mask & ~seen & (cast.depth < 20)
    assert there.sum() > 500
    inverse = np.where(
        seen, 1 / np.where(seen, shot.buffers.depth, 1), np.where(cast.mask, 1 / np.where(cast.mask, cast.depth, 1), 0)
    )
    picture = guide(shot, "depth", "midas", SIZE, SIZE, ground=True)[..., 0]
    low = inverse.min() if cast.mask.all() else 0.0
    np.testing.assert_allclose(picture[there], 255 * (inverse[there] - low) / (inverse.max() - low), atol=1.0)
    assert (cast.depth > shot.buffers.depth)[cast.mask & seen].all()  # the object stands on it, nothing is below it
    normal = guide(shot, "normal", "bae", SIZE, SIZE, ground=True)
    np.testing.assert_allclose(normal[there], 127.5 - 127.5 * cast.normal[there], atol=1.0)
    np.testing.assert_array_equal(normal[seen], guide(shot, "normal", "bae", SIZE, SIZE)[seen])


def test_the_ground_fades_into_the_background_at_the_horizon() -> None:
    shot = ball_shot(size=SIZE, elevation=5, distance=3.0)
    picture = guide(shot, "depth", "midas", SIZE, SIZE, ground=True)[:, 1, 0].astype(int)
    assert picture[0] == 0
    assert picture[-1] > 60
    assert (np.diff(picture) >= 0).all()
    assert np.diff(picture).max() < 12
    assert guide(shot, "normal", "bae", SIZE, SIZE, ground=True)[0, 1].tolist() == [128, 128, 255]


@pytest.mark.parametrize("name", ["depth", "normal"])
def test_no_ground_below_the_camera_no_ground_in_the_picture(name: str) -> None:
    shot = ball_shot(size=SIZE, elevation=-30)
    convention = CONVENTIONS[name][0]
    without = guide(shot, name, convention, SIZE, SIZE)
    assert np.array_equal(guide(shot, name, convention, SIZE, SIZE, ground=True), without)
    above = ball_shot(size=SIZE, elevation=30)
    assert not np.array_equal(
        guide(above, name, convention, SIZE, SIZE, ground=True), guide(above, name, convention, SIZE, SIZE)
    )


# --- segmentation -----------------------------------------------------------------------------------------------------


def test_segments_are_the_object_the_ground_and_what_is_behind() -> None:
    shot = of_class(ball_shot(size=SIZE, elevation=10, distance=2.5), "chair")
    picture = guide(shot, "segmentation", "ade20k", SIZE, SIZE, ground=True)
    seen = shot.buffers.mask
    assert (picture[seen] == (204, 70, 3)).all()
    assert picture[0, 0].tolist() == [120, 120, 120]  # wall
    assert picture[-1, 0].tolist() == [80, 50, 50]  # floor
    indoors = guide(shot, "segmentation", "ade20k", SIZE, SIZE)
    assert (indoors[~seen] == (120, 120, 120)).all()
    street = guide(of_class(shot, "convertible", 511), "segmentation", "ade20k", SIZE, SIZE, ground=True)
    assert (street[seen] == (0, 102, 200)).all()
    assert street[0, 0].tolist() == [6, 230, 230]  # sky
    assert street[-1, 0].tolist() == [140, 140, 140]  # road


def test_classes_of_imagenet_have_the_right_colours_or_none() -> None:
    names = {entry.index: entry.names for entry in classes()}
    found: dict[int, str] = {}
    refused: dict[int, str] = {}
    for index, words in names.items():
        try:
            found[index] = segment_of(dataclasses.replace(REF, class_name=words[0], class_index=index)).name
        except RecipeError as error:
            refused[index] = str(error)
    assert len(found) > 750
    assert all(repr(names[index][0]) in text for index, text in refused.items())
    assert found[0] == found[397] == "animal"
    expected = {404: "airplane", 817: "car", 559: "chair", 846: "lamp", 883: "vase", 919: "signboard", 954: "food"}
    assert {index: found[index] for index in expected} == expected
    assert 402 not in found  # there is no class for an acoustic guitar
    for index, name in found.items():  # a word that is an ADE20K class means that class
        own = [word for word in names[index] if word in segments()]
        assert index < 398 or not own or name in own or index in (517, 782)


def test_other_classes_go_by_their_name_or_are_refused() -> None:
    assert segment_of(dataclasses.replace(REF, class_name="Coffee_Table")).name == "coffee table"
    with pytest.raises(RecipeError, match=r"segmentation: ADE20K.*'frobnicator'"):
        segment_of(dataclasses.replace(REF, class_name="frobnicator"))


def test_the_palette_is_ade20ks() -> None:
    assert len(segments()) == 150
    assert list(segments())[:4] == ["wall", "building", "sky", "floor"]
    assert segments()["flag"].colour == (92, 0, 255)
    shared = {"road", "skyscraper"}  # the only two with one colour
    assert len({segment.colour for name, segment in segments().items() if name not in shared}) == 148
    assert all(segment.below in segments() and segment.behind in segments() for segment in segments().values())


# --- lines and sizes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "convention"), [(row.control, row.name) for row in TABLE])
def test_every_guide_has_the_wanted_size(name: str, convention: str) -> None:
    shot = of_class(ball_shot(size=SIZE), "chair")
    for height, width in ((64, 64), (96, 48), (32, 32), (128, 128)):
        picture = guide(shot, name, convention, height, width)
        assert picture.shape == (height, width, 3)
        assert picture.dtype == np.uint8
        assert picture.any()


@pytest.mark.parametrize("name", ["edge", "line"])
def test_thin_lines_survive_a_smaller_picture(name: str) -> None:
    drawing = np.zeros((SIZE, SIZE), np.uint8)
    drawing[:, 31] = 255
    small = guide(with_controls(ball_shot(size=SIZE), **{name: drawing}), name, "plain", 32, 32)
    assert (small[:, 15] == 255).all()
    assert (np.delete(small, 15, axis=1) == 0).all()


def test_soft_and_thick_lines_are_white_on_black() -> None:
    drawing = np.zeros((512, 512), np.uint8)
    drawing[:, 200] = 255
    shot = with_controls(ball_shot(size=SIZE), line=drawing)
    soft = guide(shot, "line", "softedge", 512, 512)[256, :, 0]
    assert 250 <= soft[200] <= 255
    assert 20 < soft[203] < soft[201] < soft[200]
    assert not soft[:190].any()
    thick = guide(shot, "line", "scribble", 512, 512)[256, :, 0]
    assert np.flatnonzero(thick).tolist() == [198, 199, 200, 201, 202]
    assert set(np.unique(guide(shot, "mask", "plain", 96, 96))) == {0, 255}


def test_colour_pictures_are_resized() -> None:
    render = ball_shot(size=SIZE).controls.render
    assert resize(render, 32, 32).shape == (32, 32, 3)
    assert resize(render, SIZE, SIZE) is render
