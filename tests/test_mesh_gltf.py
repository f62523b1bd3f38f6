"""glTF geometry: what the file says is what comes out, or a refusal; never a silently wrong shape."""

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


def test_parts_of_one_material_are_merged_and_others_are_not():
    made = Gltf().mesh()
    made.json["materials"] = [{}, {"pbrMetallicRoughness": {"baseColorFactor": [1, 0, 0, 1]}}]
    primitives = [{**made.primitive, "material": index} for index in (0, 1, 0, 1, 1)]
    made.json["meshes"][0]["primitives"] = primitives
    model = load(made.glb(), "glb")
    assert [len(part.faces) for part in model.parts] == [6, 9]


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
