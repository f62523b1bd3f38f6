"""glTF: what the file says is what comes out, or a refusal; never a silently wrong shape or colour."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from _gltf import FACES, POINTS, Gltf, area_vectors, triangles

from dst3d_datasets.errors import ModelRefused, Reason
from dst3d_datasets.sources.mesh import load

PIXELS = np.array([[[255, 0, 0], [0, 255, 0]], [[0, 0, 255], [255, 255, 255]]])
UV = [[0, 0], [1, 0], [1, 1], [0, 1], [0.5, 0.5]]


def reason(data: bytes, kind: str = "glb", **kwargs) -> Reason:
    with pytest.raises(ModelRefused) as caught:
        load(data, kind, **kwargs)
    return caught.value.reason


def test_plain_mesh():
    model = load(Gltf().mesh().glb(), "glb")
    assert np.allclose(triangles(model), POINTS[FACES])
    assert model.warnings == ()
    (part,) = model.parts
    assert np.allclose(np.linalg.norm(part.normals, axis=1), 1)
    assert part.material.metallic == 0.0  # no material at all: a neutral surface, not glTF's mirror


def test_json_form_with_data_uri_and_wrong_suffix():
    data = Gltf().mesh().gltf()
    assert np.allclose(triangles(load(data, "gltf")), POINTS[FACES])
    assert np.allclose(triangles(load(data, "glb")), POINTS[FACES])
    assert np.allclose(triangles(load(Gltf().mesh().glb(), "obj")), POINTS[FACES])


def test_nodes_are_multiplied_in_double_precision():
    made = Gltf().mesh()
    made.json["nodes"] = [
        {"children": [1], "translation": [1e7, 0, 0]},
        {"children": [2], "rotation": [0, 0, 2**0.5 / 2, 2**0.5 / 2]},
        {"mesh": 0, "translation": [-1e-3, 0, 0], "scale": [2, 3, 4]},
    ]
    found = triangles(load(made.glb(), "glb"))
    x, y, z = (POINTS[FACES].astype(np.float64) * [2, 3, 4] + [-1e-3, 0, 0]).transpose(2, 0, 1)
    assert np.allclose(found - [1e7, 0, 0], np.stack([-y, x, z], axis=-1), rtol=0, atol=1e-8)


def test_matrix_is_column_major():
    made = Gltf().mesh()
    made.json["nodes"] = [{"mesh": 0, "matrix": [0, 1, 0, 0, -1, 0, 0, 0, 0, 0, 1, 0, 5, 6, 7, 1]}]
    x, y, z = POINTS[FACES].transpose(2, 0, 1)
    assert np.allclose(triangles(load(made.glb(), "glb")), np.stack([-y + 5, x + 6, z + 7], axis=-1))


def test_mirrored_node_keeps_its_outside():
    normals = np.tile(np.array([0, 0, 1], dtype="<f4"), (5, 1))
    made = Gltf().mesh(faces=FACES[:2], NORMAL=normals)
    made.json["nodes"] = [{"mesh": 0, "scale": [-1, 1, 1]}]
    model = load(made.glb(), "glb")
    assert (area_vectors(model)[:, 2] > 0).all()  # without turning the winding round they would point down
    assert np.allclose(model.parts[0].normals, [0, 0, 1])
    assert np.isclose(triangles(model)[..., 0].min(), -2)


def test_instances_are_baked_and_counted():
    made = Gltf().mesh()
    made.json["nodes"] = [{"mesh": 0, "translation": [3.0 * i, 0, 0]} for i in range(5)]
    made.json["scenes"] = [{"nodes": [0, 1, 2, 3, 4]}]
    found = triangles(load(made.glb(), "glb"))
    assert len(found) == 15
    assert np.allclose(found, np.concatenate([POINTS[FACES] + [3 * i, 0, 0] for i in range(5)]))

    class Fourteen:
        max_faces, max_texture_pixels, max_bytes = 14, 10**6, 10**6

    assert reason(made.glb(), bounds=Fourteen()) == Reason.TOO_MANY_FACES


def test_gpu_instancing_and_hidden_nodes():
    made = Gltf().mesh()
    places = made.accessor(np.array([[0, 0, 0], [5, 0, 0]], dtype="<f4"))
    made.json["nodes"] = [
        {"mesh": 0, "extensions": {"EXT_mesh_gpu_instancing": {"attributes": {"TRANSLATION": places}}}},
        {"mesh": 0, "translation": [0, 90, 0], "extensions": {"KHR_node_visibility": {"visible": False}}},
    ]
    made.json["scenes"] = [{"nodes": [0, 1]}]
    assert np.allclose(triangles(load(made.glb(), "glb")), np.concatenate([POINTS[FACES], POINTS[FACES] + [5, 0, 0]]))


def test_only_the_active_scene_is_read():
    made = Gltf().mesh()
    made.json["nodes"] = [{"mesh": 0}, {"mesh": 0, "translation": [0, 0, 9]}]
    made.json["scenes"] = [{"nodes": [0]}, {"nodes": [1]}]
    made.json["scene"] = 1
    assert np.allclose(triangles(load(made.glb(), "glb")), POINTS[FACES] + [0, 0, 9])


def test_quantised_positions():
    made = Gltf().mesh()
    made.json["accessors"][0] = None
    points = np.rint(POINTS / 2 * 32767).astype("<i2")
    index = made.accessor(np.concatenate([points, np.zeros((5, 1), "<i2")], axis=1), normalized=True)
    made.json["accessors"][0] = {**made.json["accessors"][index], "type": "VEC3"}
    made.json["bufferViews"][made.json["accessors"][0]["bufferView"]]["byteStride"] = 8
    made.json["extensionsRequired"] = made.json["extensionsUsed"] = ["KHR_mesh_quantization"]
    assert np.allclose(triangles(load(made.glb(), "glb")), POINTS[FACES] / 2, atol=1e-4)


def test_sparse_accessor():
    made = Gltf().mesh()
    rows, values = made.view(np.array([4], "<u2").tobytes()), made.view(np.array([[0, 0, 7]], "<f4").tobytes())
    made.json["accessors"][0]["sparse"] = {
        "count": 1,
        "indices": {"bufferView": rows, "componentType": 5123},
        "values": {"bufferView": values},
    }
    assert triangles(load(made.glb(), "glb"))[..., 2].max() == 7


@pytest.mark.parametrize(
    ("mode", "indices", "expected"),
    [(5, [0, 1, 3, 2], [[0, 1, 3], [1, 2, 3]]), (6, [0, 1, 2, 3], [[0, 1, 2], [0, 2, 3]])],
)
def test_strips_and_fans(mode, indices, expected):
    made = Gltf().mesh(faces=np.array(indices, "<u2"))
    made.primitive["mode"] = mode
    model = load(made.glb(), "glb")
    assert np.allclose(triangles(model), POINTS[expected])
    assert (area_vectors(model)[:, 2] > 0).all()


def test_skin_in_rest_pose_ignores_the_node_itself():
    made = Gltf().mesh()
    made.primitive["attributes"]["JOINTS_0"] = made.accessor(np.tile(np.array([1, 0, 0, 0], "u1"), (5, 1)))
    made.primitive["attributes"]["WEIGHTS_0"] = made.accessor(np.tile(np.array([1, 0, 0, 0], "<f4"), (5, 1)))
    inverse = np.tile(np.eye(4, dtype="<f4"), (2, 1, 1))
    inverse[1, 2, 3] = -1  # bound one unit up
    matrices = made.accessor(inverse.transpose(0, 2, 1).reshape(2, 16))
    made.json["skins"] = [{"joints": [1, 2], "inverseBindMatrices": matrices}]
    made.json["nodes"] = [
        {"mesh": 0, "skin": 0, "translation": [50, 50, 50]},
        {"children": [2], "translation": [10, 0, 0]},
        {"translation": [0, 0, 1]},
    ]
    made.json["scenes"] = [{"nodes": [0, 1]}]
    assert np.allclose(triangles(load(made.glb(), "glb")), POINTS[FACES] + [10, 0, 0])


def test_morph_targets_at_their_default_weights():
    made = Gltf().mesh()
    made.primitive["targets"] = [{"POSITION": made.accessor(np.full((5, 3), 2, "<f4"))}]
    made.json["meshes"][0]["weights"] = [0.5]
    assert np.allclose(triangles(load(made.glb(), "glb")), POINTS[FACES] + 1)


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


def test_parts_of_one_material_are_merged_and_others_are_not():
    made = Gltf().mesh()
    made.json["materials"] = [{}, {"pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 1]}}]
    primitives = [{**made.primitive, "material": index} for index in (0, 1, 0, 1, 1)]
    made.json["meshes"][0]["primitives"] = primitives
    model = load(made.glb(), "glb")
    assert [len(part.faces) for part in model.parts] == [6, 9]


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


def test_meshopt_and_unknown_required_extensions_are_refused():
    made = Gltf().mesh()
    made.json["bufferViews"][0]["extensions"] = {"EXT_meshopt_compression": {"buffer": 0}}
    assert reason(made.glb()) == Reason.UNSUPPORTED
    made = Gltf().mesh()
    made.json["extensionsRequired"] = ["ACME_folded_space"]
    assert reason(made.glb()) == Reason.UNSUPPORTED
    made.json["extensionsRequired"] = ["KHR_materials_clearcoat"]
    assert len(triangles(load(made.glb(), "glb"))) == 3


def test_draco_decoded_or_refused(cad_root, monkeypatch):
    path = cad_root / "broken" / "draco.glb"
    pytest.importorskip("DracoPy")
    (plain,) = cad_root.rglob("6906ce930b7f8b0b2798b3bfdea25d99.glb")  # the same model, never compressed
    found, expected = (triangles(load(each)).reshape(-1, 3) for each in (path, plain))
    assert np.allclose(np.ptp(found, axis=0), np.ptp(expected, axis=0), atol=1e-3)
    assert load(path).parts[0].material.texture is not None
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    assert reason(path.read_bytes()) == Reason.UNSUPPORTED


def test_draco_of_our_own(monkeypatch):
    draco = pytest.importorskip("DracoPy")
    made = Gltf().mesh()
    blob = draco.encode(POINTS, FACES.astype(np.uint32), quantization_bits=16)
    packed = {"bufferView": made.view(blob), "attributes": {"POSITION": 0}}
    made.primitive["extensions"] = {"KHR_draco_mesh_compression": packed}
    made.json["extensionsUsed"] = ["KHR_draco_mesh_compression"]
    model = load(made.glb(), "glb")
    plain = load(Gltf().mesh().glb(), "glb")
    assert np.allclose(area_vectors(model).sum(axis=0), area_vectors(plain).sum(axis=0), atol=1e-3)
    monkeypatch.setitem(sys.modules, "DracoPy", None)
    plain = load(made.glb(), "glb")  # not required, and the plain copy is there
    assert np.allclose(triangles(plain), POINTS[FACES])
    assert "DRACO" in plain.warnings[0]


def test_vertices_that_no_face_uses_are_dropped_before_instancing():
    points = np.concatenate([np.full((500, 3), 9, "<f4"), POINTS])
    model = load(Gltf().mesh(points=points, faces=FACES + np.uint16(500)).glb(), "glb")
    assert np.allclose(triangles(model), POINTS[FACES])
    assert len(model.parts[0].vertices) <= 9


def test_a_damaged_texture_is_a_warning():
    made = Gltf().mesh().textured(PIXELS, UV)
    made.json["images"] = [{"bufferView": made.view(b"\x89PNG\r\n\x1a\n broken")}]
    model = load(made.glb(), "glb")
    assert model.parts[0].material.texture is None
    assert "texture" in model.warnings[0]
