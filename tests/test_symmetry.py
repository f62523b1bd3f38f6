"""Orders of rotation symmetry: found on shapes whose order is known, and proven on pictures of what is found."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from _raycast import iou
from _render_shapes import REF, cube, model_of, part_of, sphere
from _symmetric_shapes import BLUE, RED, VASE, block, canonical, fan, lathe, noisy, recut, striped

from dst3d_datasets.camera import camera_of, rotation_z
from dst3d_datasets.nouns import CadModel, Camera, Lights, Material, ModelRef, Symmetry, View
from dst3d_datasets.render.raster import TorchRenderer
from dst3d_datasets.symmetry import estimate, symmetry_of, with_symmetry


def found(model: CadModel) -> tuple[int, int]:
    """Orders of shape and look."""
    return estimate(model)[:2]


def prism(sides: int) -> CadModel:
    return canonical(lathe(((0.0, 0.0), (0.5, 0.0), (0.5, 0.6), (0.0, 0.6)), sides=sides))


def mug() -> CadModel:
    return canonical(lathe(), block([0.3, -0.04, 0.3], [0.7, 0.04, 0.6]))


def test_bodies_of_revolution() -> None:
    assert found(canonical(lathe())) == (0, 0)
    assert found(canonical(lathe(), lathe(np.array(VASE) * [0.2, 1.5], material=Material(base_colour=RED)))) == (0, 0)
    assert found(sphere(40)) == (0, 0)
    assert found(striped(0)) == (0, 0)


def test_boxes() -> None:
    assert found(cube()) == (4, 4)
    assert found(canonical(block([0, 0, 0], [1, 0.6, 0.4]))) == (2, 2)
    assert found(canonical(block([0, 0, 0], [1, 1.004, 0.4]))) == (4, 4)
    assert found(canonical(block([0, 0, 0], [1, 1.04, 0.4]))) == (2, 2)
    assert found(canonical(block([0, 0, 0], [1, 0.6, 0.4]), block([1, 0, 0], [1.1, 0.1, 0.1]))) == (1, 1)


@pytest.mark.parametrize("blades", [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 24])
def test_fans_have_as_many_turns_as_blades(blades: int) -> None:
    model = fan(blades)
    shape, look, centre = estimate(model)
    assert (shape, look) == (blades, blades)
    hub = model.parts[0].vertices  # what the blades turn about, in the frame of the box
    np.testing.assert_allclose(centre, (hub.min(0) + hub.max(0))[:2] / 2, atol=1e-3)


def test_what_breaks_a_shape() -> None:
    assert found(mug()) == (1, 1)
    assert found(fan(6, first=1.2)) == (1, 1)
    assert found(fan(6, first=1.005)) == (6, 6)
    assert found(canonical(lathe(), block([-0.05, -0.5, 0.5], [0.05, -0.3, 0.6]))) == (1, 1)  # a knob


@pytest.mark.parametrize("sides", [3, 4, 5, 6, 8, 12])
def test_prisms_of_few_sides_have_corners(sides: int) -> None:
    assert found(prism(sides)) == (sides, sides)


def test_prisms_of_many_sides_are_round() -> None:
    assert found(prism(48)) == (0, 0)


@pytest.mark.parametrize(("wave", "order"), [(0.004, 0), (0.06, 5)])
def test_waves_above_and_below_the_tolerance(wave: float, order: int) -> None:
    assert found(canonical(lathe(wave=wave))) == (order, order)


@pytest.mark.parametrize("model", [canonical(lathe()), cube(), fan(5)])
def test_noise_above_and_below_the_tolerance(model: CadModel) -> None:
    assert found(noisy(model, 0.002)) == found(model)
    assert found(noisy(model, 0.04)) == (1, 1)


@pytest.mark.parametrize("model", [canonical(lathe()), cube(), fan(3), fan(8, (RED, BLUE)), striped(3), mug()])
def test_the_triangles_do_not_matter(model: CadModel) -> None:
    """Cut otherwise on one side, listed in another order, parts the other way round."""
    assert found(recut(model)) == found(model)
    assert found(replace(model, parts=model.parts[::-1])) == found(model)


def test_paint_breaks_the_look_and_not_the_shape() -> None:
    assert found(fan(6, (RED, BLUE))) == (6, 3)
    assert found(fan(6, (RED, BLUE, BLUE))) == (6, 2)
    assert found(fan(6, (RED, *[BLUE] * 5))) == (6, 1)
    assert found(cube({"-y": (0.1, 0.1, 0.9)})) == (4, 1)
    assert found(cube({"-y": (0.1, 0.1, 0.9), "+y": (0.1, 0.1, 0.9)})) == (4, 2)
    assert found(cube({"+z": (0.1, 0.1, 0.9)})) == (4, 4)
    assert found(cube({"-y": (0.78, 0.8, 0.8)})) == (4, 4)  # a shade that nobody sees


@pytest.mark.parametrize("stripes", [1, 2, 3, 4, 8])
def test_stripes_of_a_texture(stripes: int) -> None:
    assert found(striped(stripes)) == (0, stripes)


def test_colours_of_vertices() -> None:
    part = lathe()
    side = np.where(part.vertices[:, :1] > 0, np.array([RED]), np.array([BLUE])).astype(np.float32)
    assert found(canonical(replace(part, colours=side))) == (0, 1)
    assert found(canonical(replace(part, colours=np.full_like(side, 0.5)))) == (0, 0)


def test_materials_other_than_colour() -> None:
    def halves(**other: Any) -> CadModel:
        return canonical(block([0, 0, 0], [1, 1, 1]), block([1, 0, 0], [2, 1, 1], material=Material(**other)))

    assert found(halves()) == (2, 2)
    assert found(halves(metallic=1.0)) == (2, 1)
    assert found(halves(base_colour=(0.8, 0.8, 0.8, 0.3), alpha_mode="blend")) == (2, 1)


def test_what_is_cut_out_is_not_there() -> None:
    """Windows of a texture are holes where the material cuts them out, and mere texels where it is opaque."""
    texture = np.full((64, 512, 4), 255, np.uint8)
    for k in range(4):
        texture[16:48, 128 * k : 128 * k + 64, 3] = 0
    cut = canonical(lathe(material=Material(texture=texture, alpha_mode="mask")))
    assert found(cut) == (4, 4)
    assert found(canonical(lathe(material=Material(texture=texture)))) == (0, 0)
    texture[..., 3] = 0
    assert found(canonical(lathe(material=Material(texture=texture, alpha_mode="mask")))) == (1, 1)  # nothing is left


def test_nothing_to_turn() -> None:
    flat = part_of([[0, 0, 0], [0, 0, 0.5], [0, 0, 1]], [[0, 1, 2]])
    assert found(model_of(flat)) == (1, 1)
    assert found(CadModel(ref=REF, parts=(), size=(1.0, 1.0, 1.0))) == (1, 1)


def stated(model: CadModel, symmetry: int | None, **fields: Any) -> Symmetry:
    ref = ModelRef(source="s", model_id="m", class_name="c", symmetry=symmetry, **fields)
    return symmetry_of(replace(model, ref=ref))


def test_what_is_stated_wins() -> None:
    assert stated(striped(2), None) == Symmetry(look=2, shape=0, axis=(0.0, 0.0), source="estimated")
    assert stated(striped(2), 1) == Symmetry(look=1, shape=0, axis=(0.0, 0.0), source="source")
    assert stated(mug(), 0, symmetry_source="catalogue") == Symmetry(
        look=0, shape=0, axis=(0.0, 0.0), source="catalogue"
    )
    assert stated(fan(6), 3).shape == 6
    assert stated(fan(6), 4).shape == 4


def test_it_is_looked_for_once() -> None:
    model = with_symmetry(striped(2))
    assert model.symmetry == symmetry_of(striped(2))
    other = replace(model, symmetry=Symmetry(look=7, shape=7, axis=(0.0, 0.0), source="estimated"))
    assert symmetry_of(other) is other.symmetry


def test_who_says_it(tmp_path: Any) -> None:
    """A catalogue's cell, else the source, else nobody: then the label says what is found."""
    from dst3d_datasets.build import plan_for
    from dst3d_datasets.recipe import validate
    from dst3d_datasets.tools import Tools

    ids = ["wine-bottle-00000", "wine-bottle-00001"]
    (tmp_path / "models.csv").write_text(f"synset,model,symmetry\nn04591713,{ids[0]},5\nn04591713,{ids[1]},\n")
    recipe = validate({"sources": [{"kind": "primitives"}], "catalogue": {"file": str(tmp_path / "models.csv")}})
    refs = {job.ref.model_id: job.ref for spec in plan_for(recipe)[0] for job in spec.jobs}
    found = [symmetry_of(Tools(recipe).source("primitives").open(refs[name])) for name in ids]
    assert [(symmetry.look, symmetry.shape, symmetry.source) for symmetry in found] == [
        (5, 0, "catalogue"),
        (1, 0, "source"),
    ]
    assert ModelRef(source="s", model_id="m", class_name="c").symmetry is None


# --- pictures: what is said to look the same must look the same ---------------------------------------------------


EVEN = Lights(key_colour=(0.0, 0.0, 0.0), fill_colour=(0.0, 0.0, 0.0))  # the sky alone, which is the same all around


def views(model: CadModel, degrees: float, axis: tuple[float, float], elevation: float) -> list[tuple[Any, Any]]:
    """Pictures before and after the object is turned about `axis`: the camera's R and t take the turn."""
    camera = camera_of(View(index=0, azimuth=25.0, elevation=elevation, theta=0.0, distance=2.0), 160, 160)
    turn, centre = rotation_z(degrees), np.array([*axis, 0.0])
    moved = Camera(
        K=camera.K, R=camera.R @ turn, t=camera.t + camera.R @ (centre - turn @ centre), width=160, height=160
    )
    return [
        (b.colour * (b.alpha[..., None] / 255.0), b.mask)
        for b in TorchRenderer("cpu").render(model, [camera, moved], [EVEN] * 2)
    ]


def differences(model: CadModel, degrees: float, axis: tuple[float, float]) -> tuple[float, float]:
    """The worse of two heights: 1 - IoU of the masks, and the share of the object whose colour is another."""
    worst = 0.0, 0.0
    for elevation in (20.0, 65.0):
        (colour, mask), (other, turned) = views(model, degrees, axis, elevation)
        changed = (np.abs(colour - other).max(-1) > 40)[mask & turned].mean()
        worst = max(worst[0], 1.0 - iou(mask, turned)), max(worst[1], float(changed))
    return worst


def check_pictures(model: CadModel) -> None:
    symmetry = with_symmetry(model).symmetry
    assert symmetry is not None
    for order, is_look in ((symmetry.shape, False), (symmetry.look, True)):
        if order != 1:
            shape, look = differences(model, 360.0 / order if order else 77.0, symmetry.axis)
            assert shape < 0.03, f"{model.ref.model_id}: shape {order}"
            assert not is_look or look < 0.06, f"{model.ref.model_id}: look {order}"


SHAPES = [canonical(lathe()), cube(), prism(5), fan(3), fan(5), fan(7, (RED,)), fan(8, (RED, BLUE)), striped(3)]


@pytest.mark.parametrize("model", SHAPES)
def test_pictures_of_known_shapes(model: CadModel) -> None:
    check_pictures(model)
    symmetry = symmetry_of(model)
    if symmetry.look:  # half a step shows another picture
        assert max(differences(model, 180.0 / symmetry.look, symmetry.axis)) > 0.06


def test_pictures_of_primitives() -> None:
    """Where the family says nothing, what is found holds in pictures; where it does, the estimate says no less."""
    from dst3d_datasets.recipe import validate
    from dst3d_datasets.sources.primitives import Primitives

    names = ["table lamp", "dining table", "umbrella", "wine bottle", "coffee mug", "street sign"]
    recipe = validate({"sources": [{"kind": "primitives", "models_per_class": 6, "classes": names}]})
    source = Primitives(recipe.sources[0])
    orders = set()
    for ref in source.models():
        model = source.open(replace(ref, symmetry=None))
        check_pictures(model)
        symmetry = symmetry_of(model)
        orders |= {symmetry.look, symmetry.shape}
        assert symmetry.look == 0 or (ref.symmetry and symmetry.look % ref.symmetry == 0), ref.model_id
    assert {0, 1, 2, 4, 8} <= orders


def test_pictures_of_real_models(cad_root: Any) -> None:
    from test_labels import cad_sources, recipe_of

    from dst3d_datasets import build
    from dst3d_datasets.tools import Tools

    recipe = recipe_of(sources=cad_sources(cad_root), catalogue={"file": str(cad_root / "models.csv")})
    tools, orders = Tools(recipe), {}
    for job in (job for spec in build.plan_for(recipe)[0] for job in spec.jobs):
        model = with_symmetry(tools.source(job.ref.source).open(job.ref))
        check_pictures(model)
        assert model.symmetry is not None
        if model.symmetry.shape != 1:
            orders[job.ref.class_name, job.ref.model_id[:4]] = (model.symmetry.shape, model.symmetry.look)
    assert orders == {
        ("dining table", "2cd1"): (2, 1),  # its wood grain is not that of a half turn
        ("dining table", "4e1f"): (4, 4),
        ("pill bottle", "9397"): (0, 1),  # two labels, not quite alike
        ("table lamp", "bd2c"): (4, 4),
        ("water bottle", "cefb"): (4, 1),  # a holder with four windows; two logos
    }
