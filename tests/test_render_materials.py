"""Materials from file to pixel: made files, read by the loader, drawn by every engine, and colours at known pixels.

What a file says is either right in the picture or refused with a reason; never silently white or of another size.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from _engines import NAMES, draw
from _gltf import Gltf
from _render_shapes import REF, camera, close

from dst3d_datasets.errors import ModelRefused, Reason
from dst3d_datasets.nouns import Buffers, CadModel
from dst3d_datasets.sources.canonical import canonicalise
from dst3d_datasets.sources.mesh import load

# A square that faces the front: in glTF y is up and the front is +z.
CORNERS = np.array([[-1, -1, 0], [1, -1, 0], [1, 1, 0], [-1, 1, 0]], "<f4")
QUAD = np.array([[0, 1, 2], [0, 2, 3]], "<u2")
UV = np.array([[0, 1], [1, 1], [1, 0], [0, 0]], "<f4")  # glTF's (0, 0) is the top left
FACING = camera(0, 0, 560 / 512 * 2, 128)  # the square covers the middle 64 x 64 pixels
RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
PLACES = {"top left": (44, 44), "top right": (44, 84), "bottom left": (84, 44), "bottom right": (84, 84)}


def painted(side: int = 64) -> np.ndarray:
    """Top left red, top right green, bottom left blue, bottom right white."""
    picture, half = np.full((side, side, 3), 255, np.uint8), side // 2
    picture[:half, :half], picture[:half, half:], picture[half:, :half] = RED, GREEN, BLUE
    return picture


def textured(pixels: Any = None, uv: Any = UV, unlit: bool = True, **info: Any) -> Gltf:
    """The square with a texture, by default shown as it is, so that colours are exact."""
    made = Gltf().mesh(CORNERS, QUAD).textured(painted() if pixels is None else pixels, uv, **info)
    if unlit:
        made.json["materials"][0]["extensions"] = {"KHR_materials_unlit": {}}
    return made


def model_from(made: Gltf | bytes) -> CadModel:
    """The file as a source gives it to the renderer."""
    loaded = load(made if isinstance(made, bytes) else made.glb(), "glb")
    return canonicalise(loaded, REF)


def drawn(name: str, made: Gltf | bytes) -> Buffers:
    return draw(name, model_from(made), FACING)


def at(seen: Buffers, place: str) -> tuple[int, ...]:
    return tuple(int(value) for value in seen.colour[PLACES[place]])


def srgb(linear: float) -> float:
    return 255 * (12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055)


pytestmark = pytest.mark.parametrize("name", NAMES)


def test_base_colour_texture(name: str) -> None:
    seen = drawn(name, textured())
    assert [at(seen, place) for place in PLACES] == [RED, GREEN, BLUE, WHITE]
    assert np.argwhere(seen.mask).min(0).tolist() == [32, 32]
    assert np.argwhere(seen.mask).max(0).tolist() == [95, 95]


def test_factor_times_texture_times_vertex_colour_in_linear_light(name: str) -> None:
    made = textured(np.full((4, 4, 3), 188, np.uint8))  # 0.5 linear
    made.json["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] = [0.5, 1.0, 1.0, 1.0]
    made.primitive["attributes"]["COLOR_0"] = made.accessor(np.tile(np.array([[1.0, 0.5, 1.0]], "<f4"), (4, 1)))
    half = ((188 / 255 + 0.055) / 1.055) ** 2.4
    assert close(drawn(name, made).colour[64, 64], [srgb(half * 0.5), srgb(half * 0.5), srgb(half)], 1.5)


def test_vertex_colours_run_smoothly(name: str) -> None:
    made = Gltf().mesh(CORNERS, QUAD)
    colours = np.array([[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], "<f4")
    made.primitive["attributes"]["COLOR_0"] = made.accessor(colours)
    made.json["materials"] = [{"extensions": {"KHR_materials_unlit": {}}}]
    made.primitive["material"] = 0
    seen = drawn(name, made)
    for row, column in ((40, 40), (50, 90), (80, 70)):
        expected = [srgb((column + 0.5 - 32) / 64), srgb((96 - row - 0.5) / 64), 0.0]
        assert close(seen.colour[row, column], expected, 2.0)


def test_colours_of_faces(name: str) -> None:
    """PLY keeps a colour a face; glTF has none."""
    text = "ply\nformat ascii 1.0\nelement vertex 4\nproperty float x\nproperty float y\nproperty float z\n"
    text += "element face 2\nproperty list uchar int vertex_indices\nproperty uchar red\nproperty uchar green\n"
    text += "property uchar blue\nend_header\n-1 0 -1\n1 0 -1\n1 0 1\n-1 0 1\n3 0 1 2 255 0 0\n3 0 2 3 0 0 255\n"
    loaded = load(text.encode(), "ply")
    seen = draw(name, canonicalise(loaded, REF, up="z"), camera(0, 0, 560 / 512 * 2, 128))
    if not (seen.mask.any() and seen.part[64, 64] >= 0):
        pytest.fail("the square is not where it should be")
    lower, upper = seen.colour[80, 76].astype(int), seen.colour[48, 52].astype(int)
    assert lower[0] > 2 * lower[2] + 40
    assert upper[2] > 2 * upper[0] + 40


def test_several_materials_in_one_model(name: str) -> None:
    made = textured()
    left = made.json["meshes"][0]["primitives"][0]
    right = {
        "attributes": {"POSITION": made.accessor(CORNERS + np.array([2, 0, 0], "<f4"))},
        "indices": left["indices"],
    }
    made.json["materials"].append(
        {"pbrMetallicRoughness": {"baseColorFactor": [0, 1, 0, 1]}, "extensions": {"KHR_materials_unlit": {}}}
    )
    made.json["meshes"][0]["primitives"].append({**right, "material": 1})
    seen = drawn(name, made)  # 64 x 32 pixels: a painted square and a green one
    assert tuple(seen.colour[56, 40]) == RED
    assert tuple(seen.colour[56, 56]) == GREEN
    assert tuple(seen.colour[72, 40]) == BLUE
    assert tuple(seen.colour[72, 80]) == GREEN
    assert len({int(part) for part in seen.part[seen.mask]}) == 2


@pytest.mark.parametrize("mode", ["OPAQUE", "MASK", "BLEND"])
def test_alpha_modes(name: str, mode: str) -> None:
    pixels = np.dstack([painted(), np.full((64, 64), 255, np.uint8)])
    pixels[:, :32, 3] = 0
    made = textured(pixels)
    made.json["materials"][0]["alphaMode"] = mode
    seen = drawn(name, made)
    left = (slice(36, 92), slice(36, 60))
    assert seen.mask[left].all() if mode == "OPAQUE" else not seen.mask[left].any()
    assert seen.alpha[left].all() if mode == "OPAQUE" else not seen.alpha[left].any()
    assert at(seen, "top right") == GREEN
    assert seen.depth[PLACES["top left"]] == (pytest.approx(FACING.t[2], abs=1e-4) if mode == "OPAQUE" else 0)


def test_texture_transform(name: str) -> None:
    """A quarter turn about the top left, and back into the picture: what was top right comes top left."""
    transform = {"offset": [1, 0], "rotation": -np.pi / 2}
    seen = drawn(name, textured(extensions={"KHR_texture_transform": transform}))
    # (u, v) -> (1 - v, u) for this turn: top left shows (1, 0), which is green; top right (1, 1), white.
    assert [at(seen, place) for place in PLACES] == [GREEN, WHITE, RED, BLUE]
    seen = drawn(name, textured(extensions={"KHR_texture_transform": {"scale": [0.5, 0.5], "offset": [0.5, 0]}}))
    assert {at(seen, place) for place in PLACES} == {GREEN}


def test_second_set_of_coordinates(name: str) -> None:
    made = textured(uv=UV, uv_set=1, texCoord=1)
    made.primitive["attributes"]["TEXCOORD_0"] = made.accessor(UV * 0.25)
    assert [at(drawn(name, made), place) for place in PLACES] == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize(("wrap", "expected"), [(10497, BLUE), (33648, GREEN), (33071, WHITE)])
def test_wraps(name: str, wrap: int, expected: tuple[int, int, int]) -> None:
    """Coordinates from 1 to 2: the picture again, its mirror image, or the colour of its corner."""
    made = textured(uv=UV + np.array([1.0, 1.0], "<f4"))
    made.json["samplers"], made.json["textures"][0]["sampler"] = [{"wrapS": wrap, "wrapT": wrap}], 0
    assert at(drawn(name, made), "bottom left") == expected


def test_quantised_positions_have_the_right_size(name: str) -> None:
    made = Gltf().mesh(np.round(CORNERS * 32767).astype("<i2"), QUAD).textured(painted(), UV)
    made.json["accessors"][0]["normalized"] = True
    made.json["materials"][0]["extensions"] = {"KHR_materials_unlit": {}}
    made.json["extensionsRequired"] = ["KHR_mesh_quantization"]
    seen = drawn(name, made)
    assert [at(seen, place) for place in PLACES] == [RED, GREEN, BLUE, WHITE]
    assert seen.mask.sum() == 64 * 64


def test_specular_glossiness(name: str) -> None:
    made = textured(unlit=False)
    gloss = {"diffuseFactor": [1, 1, 1, 1], "diffuseTexture": {"index": 0}, "glossinessFactor": 0.2}
    made.json["materials"] = [{"extensions": {"KHR_materials_pbrSpecularGlossiness": gloss, "KHR_materials_unlit": {}}}]
    assert [at(drawn(name, made), place) for place in PLACES] == [RED, GREEN, BLUE, WHITE]


def test_mirrored_nodes_are_lit_and_seen_like_others(name: str) -> None:
    plain, mirrored = textured(unlit=False), textured(unlit=False)
    mirrored.json["nodes"][0]["scale"] = [-1, 1, 1]
    seen, other = drawn(name, plain), drawn(name, mirrored)
    assert np.array_equal(seen.mask, other.mask)
    assert close(other.normal[64, 64], [0, 0, -1], 0.01)
    assert close(seen.colour[44, 84], other.colour[44, 44], 1)  # green has changed sides
    assert close(seen.depth[seen.mask], other.depth[seen.mask], 1e-4)


def test_both_sides_are_drawn(name: str) -> None:
    made = textured()
    made.primitive["indices"] = made.accessor(QUAD[:, ::-1].reshape(-1).copy())
    assert [at(drawn(name, made), place) for place in PLACES] == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("feature", ["KHR_texture_basisu", "EXT_meshopt_compression"])
def test_what_cannot_be_read_is_refused(name: str, feature: str) -> None:
    made = textured()
    made.json["extensionsRequired"] = [feature]
    if feature == "KHR_texture_basisu":
        made.json["textures"] = [{"extensions": {feature: {"source": 0}}}]
    else:
        made.json["bufferViews"][0]["extensions"] = {
            feature: {"buffer": 0, "byteLength": 4, "byteStride": 12, "count": 4}
        }
    with pytest.raises(ModelRefused) as caught:
        drawn(name, made)
    assert caught.value.reason == Reason.UNSUPPORTED


def test_draco(name: str) -> None:
    draco = pytest.importorskip("DracoPy", reason="DracoPy is not installed")
    made = Gltf().mesh(CORNERS, QUAD)
    blob = draco.encode(CORNERS, QUAD.astype(np.uint32), quantization_bits=16)
    packed = {"bufferView": made.view(blob), "attributes": {"POSITION": 0}}
    made.primitive["extensions"] = {"KHR_draco_mesh_compression": packed}
    made.json["extensionsUsed"] = made.json["extensionsRequired"] = ["KHR_draco_mesh_compression"]
    seen = drawn(name, made)
    assert seen.mask.sum() == pytest.approx(64 * 64, rel=0.02)
