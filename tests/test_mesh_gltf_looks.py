"""glTF materials and textures: what the file says is what comes out, or a refusal; never a silently wrong colour."""

from __future__ import annotations

import numpy as np
import pytest
from _gltf import POINTS, Gltf, triangles

from dst3d_datasets.errors import ModelRefused, Reason
from dst3d_datasets.sources.mesh import load

PIXELS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]])
UV = [[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5]]


def reason(data: bytes, kind: str = "glb", **kwargs) -> Reason:
    with pytest.raises(ModelRefused) as caught:
        load(data, kind, **kwargs)
    return caught.value.reason


def test_texture_and_factor():
    made = Gltf().mesh().textured(PIXELS, UV)
    made.json["materials"][0]["pbrMetallicRoughness"]["baseColorFactor"] = [0.5, 0.25, 1, 0.75]
    made.json["materials"][0].update(alphaMode="MASK", alphaCutoff=0.3)
    (part,) = load(made.glb(), "glb").parts
    assert part.material.base_colour == (0.5, 0.25, 1, 0.75)
    assert (part.material.alpha_mode, part.material.alpha_cutoff) == ("mask", 0.3)
    assert (part.material.texture[..., :3] == PIXELS).all()
    assert (part.material.texture[..., 3] == 255).all()
    corner = part.uv[np.flatnonzero((part.vertices == POINTS[0]).all(axis=1))[0]]
    assert np.allclose(corner, [0, 1])  # glTF's (0, 0) is the top left


def test_texture_transform():
    transform = {"offset": [0.25, 0.5], "rotation": np.pi / 2, "scale": [2, 3]}
    made = Gltf().mesh().textured(PIXELS, UV, extensions={"KHR_texture_transform": transform})
    made.json["extensionsRequired"] = ["KHR_texture_transform"]
    (part,) = load(made.glb(), "glb").parts
    # A quarter turn counter-clockwise as seen with v down: (u, v) -> (v, -u), after the scale and before the offset.
    u, v = np.array(UV, float).T * [[2], [3]]
    expected = np.stack([v + 0.25, 1 - (-u + 0.5)], axis=1)
    for point, uv in zip(POINTS, expected, strict=True):
        at = (np.abs(part.vertices - point) < 1e-9).all(axis=1)
        assert np.allclose(part.uv[at], uv)


@pytest.mark.parametrize("by_extension", [False, True])
def test_second_uv_set(by_extension):
    info = {"extensions": {"KHR_texture_transform": {"texCoord": 1}}} if by_extension else {"texCoord": 1}
    made = Gltf().mesh().textured(PIXELS, np.array(UV) * 0.5, uv_set=1, **info)
    made.primitive["attributes"]["TEXCOORD_0"] = made.accessor(np.array(UV, "<f4") + 7)
    (part,) = load(made.glb(), "glb").parts
    assert part.uv.max() <= 1


def test_wrap_modes():
    for code, expected in ((33071, "clamp"), (33648, "mirror"), (10497, "repeat")):
        made = Gltf().mesh().textured(PIXELS, UV)
        made.json["samplers"] = [{"wrapS": code, "wrapT": code}]
        made.json["textures"][0]["sampler"] = 0
        assert load(made.glb(), "glb").parts[0].material.wrap == expected


@pytest.mark.parametrize("dtype", ["f4", "u1", "u2"])
@pytest.mark.parametrize("width", [3, 4])
def test_vertex_colours_are_linear_and_multiply_the_texture(dtype, width):
    colour = np.array([[1, 0.5, 0, 0.5]] * 5)[:, :width]
    top = 1 if dtype == "f4" else np.iinfo(dtype).max
    made = Gltf().mesh().textured(PIXELS, UV)
    made.primitive["attributes"]["COLOR_0"] = made.accessor(
        (colour * top).astype("<" + dtype), **({} if dtype == "f4" else {"normalized": True})
    )
    (part,) = load(made.glb(), "glb").parts
    assert part.material.texture is not None
    assert np.allclose(part.colours[:, :width], colour[0], atol=0.005)
    assert width == 4 or (part.colours[:, 3] == 1).all()


def test_metallic_roughness_come_from_the_file():
    made = Gltf().mesh()
    made.json["materials"] = [{"pbrMetallicRoughness": {"metallicFactor": 0.25, "roughnessFactor": 0.5}}, {}]
    for index, expected in ((0, (0.25, 0.5)), (1, (1.0, 1.0))):
        made.primitive["material"] = index
        material = load(made.glb(), "glb").parts[0].material
        assert (material.metallic, material.roughness) == expected


def test_metallic_texture_is_averaged():
    made = Gltf().mesh().textured(np.full((8, 8, 3), [0, 128, 51]), UV)
    made.json["materials"][0]["pbrMetallicRoughness"] = {"metallicRoughnessTexture": {"index": 0}}
    material = load(made.glb(), "glb").parts[0].material
    assert np.allclose((material.metallic, material.roughness), (0.2, 128 / 255))
    assert material.texture is None


def test_unlit_specular_glossiness_and_glowing_black():
    made = Gltf().mesh().textured(PIXELS, UV)
    made.json["materials"][0]["extensions"] = {"KHR_materials_unlit": {}}
    assert load(made.glb(), "glb").parts[0].material.unlit
    gloss = {"diffuseFactor": [0.1, 0.2, 0.3, 1], "diffuseTexture": {"index": 0}, "glossinessFactor": 0.75}
    made.json["materials"] = [{"extensions": {"KHR_materials_pbrSpecularGlossiness": gloss}}]
    material = load(made.glb(), "glb").parts[0].material
    assert (material.base_colour, material.roughness, material.metallic) == ((0.1, 0.2, 0.3, 1), 0.25, 0)
    assert material.texture is not None
    made.json["materials"] = [
        {
            "pbrMetallicRoughness": {"baseColorFactor": [0, 0, 0, 1]},
            "emissiveFactor": [1, 1, 1],
            "emissiveTexture": {"index": 0},
        }
    ]
    material = load(made.glb(), "glb").parts[0].material
    assert material.unlit
    assert material.texture is not None
    assert material.base_colour == (1, 1, 1, 1)


@pytest.mark.parametrize("name", ["KHR_texture_basisu", "MSFT_texture_dds"])
def test_textures_without_a_decoder_are_refused_only_where_they_are_seen(name):
    made = Gltf().mesh().textured(PIXELS, UV)
    made.json["extensionsRequired"] = [name]
    made.json["textures"] = [{"extensions": {name: {"source": 0}}}]
    assert reason(made.glb()) == Reason.UNSUPPORTED
    made.json["materials"] = [{"normalTexture": {"index": 0}}]
    assert len(triangles(load(made.glb(), "glb"))) == 3
    made.json["textures"] = [{"source": 0, "extensions": {name: {"source": 0}}}]  # a plain copy is there as well
    made.json["materials"] = [{"pbrMetallicRoughness": {"baseColorTexture": {"index": 0}}}]
    assert load(made.glb(), "glb").parts[0].material.texture is not None


def test_ktx_bytes_under_another_name_are_refused():
    made = Gltf().mesh().textured(PIXELS, UV)
    made.json["images"] = [{"bufferView": made.view(b"\xabKTX 20\xbb\r\n\x1a\n" + b"\0" * 64)}]
    assert reason(made.glb()) == Reason.UNSUPPORTED


def test_a_damaged_texture_is_a_warning():
    made = Gltf().mesh().textured(PIXELS, UV)
    made.json["images"] = [{"bufferView": made.view(b"\x89PNG\r\n\x1a\n broken")}]
    model = load(made.glb(), "glb")
    assert model.parts[0].material.texture is None
    assert "texture" in model.warnings[0]
