"""OBJ and MTL: polygons, relative indices, materials and their textures."""

from __future__ import annotations

import numpy as np
import pytest
from _gltf import area_vectors, png, triangles

from dst3d_datasets.errors import ModelRefused, Reason
from dst3d_datasets.sources.mesh import load

SQUARE = "v 0 0 0\nv 2 0 0\nv 2 1 0\nv 0 1 0\n"
RED = np.full((2, 2, 3), [255, 0, 0])


def obj(text: str):
    return load(text.encode(), "obj")


def test_relative_indices_count_from_their_own_line():
    later = "v 0 0 5\nv 2 0 5\nv 2 1 5\nv 0 1 5\n"
    model = obj(SQUARE + "f -4 -3 -2 -1\n" + later + "f -4 -3 -2 -1\n" + "f 1 2 -1\n")
    found = triangles(model)
    assert len(found) == 5
    assert (found[:2, :, 2] == 0).all()
    assert (found[2:4, :, 2] == 5).all()
    assert np.allclose(found[4], [[0, 0, 0], [2, 0, 0], [0, 1, 5]])


def test_relative_texture_and_normal_indices():
    text = SQUARE + "vt 0 0\nvn 0 0 1\nf -4/-1/-1 -3/-1/-1 -2/-1/-1\nvn 0 1 0\nf 1//-1 2//-1 3//-1\n"
    with pytest.raises(ModelRefused, match="counts back"):
        obj(text.replace("-4/", "-9/"))
    assert len(triangles(obj(text))) == 2


def test_polygons_of_mixed_sizes_keep_area_and_winding():
    points = [(np.cos(a), np.sin(a)) for a in np.linspace(0, 2 * np.pi, 7)[:-1]]
    text = "".join(f"v {x} {y} 0\n" for x, y in points) + "f 1 2 3 4 5 6\nf 1 2 3\nf 3 4 5 6\n"
    model = obj(text)
    assert len(triangles(model)) == 4 + 1 + 2
    assert (area_vectors(model)[:, 2] > 0).all()


@pytest.mark.parametrize("start", range(5))
@pytest.mark.parametrize("axes", ["xy0", "x0y", "0xy", "yx0"])
def test_concave_polygons_are_not_folded_over(start, axes):
    """An arrow head, from every corner and in every plane: its triangles never overlap."""
    arrow = np.roll([(0, 0), (4, 0), (4, 4), (2, 1), (0, 4)], start, axis=0)
    rows = [" ".join({"x": str(x), "y": str(y), "0": "0"}[axis] for axis in axes) for x, y in arrow]
    model = obj("".join(f"v {row}\n" for row in rows) + "f 1 2 3 4 5\n")
    vectors = area_vectors(model)
    assert np.isclose(np.abs(vectors.sum(axis=0)).max() / 2, 10)
    assert np.isclose(np.linalg.norm(vectors, axis=1).sum() / 2, 10)


def test_concave_quad():
    for start in range(4):
        dart = np.roll([(0, 0), (2, -2), (0, 4), (-2, -2)], start, axis=0)
        model = obj("".join(f"v {x} {y} 0\n" for x, y in dart) + "f 1 2 3 4\n")
        assert np.isclose(np.linalg.norm(area_vectors(model), axis=1).sum() / 2, 8)


def test_odd_spellings():
    text = "# a comment\r\nv 0 0 0 # origin\r\nv 2\t0 0\r\nv 2 1 0 1.0\r\no thing\r\ns off\r\n"
    text += "f 1 \\\r\n2 3\r\nl 1 2\r\np 1\r\n"
    assert np.allclose(triangles(obj(text)), [[[0, 0, 0], [2, 0, 0], [2, 1, 0]]])
    assert len(triangles(obj("v 0 0 0\nv 1e-1 0 0\nv +1.5E0 1 0\nf 1/ 2/ 3/\n"))) == 1
    assert len(triangles(obj(SQUARE + "vt 0 0\nvn 0 0 1\nf 1/1 2 3//1\nf 1/1/1 3 4\n"))) == 2


def test_vertex_colours_are_srgb():
    rows = "v 0 0 0 1 0.5 0\nv 1 0 0 1 0.5 0\nv 0 1 0 1 0.5 0\n"
    (part,) = obj(rows + "f 1 2 3\n").parts
    assert np.allclose(part.colours, [[1, 0.21404, 0, 1]] * 3, atol=1e-4)
    (part,) = obj(rows.replace("1 0.5 0\n", "255 127.5 0\n") + "f 1 2 3\n").parts
    assert np.allclose(part.colours, [[1, 0.21404, 0, 1]] * 3, atol=1e-4)


def test_file_normals_are_kept_and_nonsense_is_not():
    text = SQUARE + "vn 0 0.6 0.8\nf 1//1 2//1 3//1\n"
    assert np.allclose(obj(text).parts[0].normals, [0, 0.6, 0.8])
    model = obj(text.replace("0 0.6 0.8", "1 0 0"))  # lies in the face
    assert np.allclose(model.parts[0].normals, [0, 0, 1])
    assert "normals" in model.warnings[0]
    assert np.allclose(obj(text.replace("0 0.6 0.8", "nan 0 1")).parts[0].normals, [0, 0, 1])


def write(folder, mtl: str, faces: str = "usemtl a\nf 1/1 2/2 3/3\n", head: str = "mtllib m.mtl\n"):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "m.mtl").write_text(mtl)
    path = folder / "m.obj"
    path.write_text(head + SQUARE + "vt 0 0\nvt 1 0\nvt 1 1\n" + faces)
    return path


def test_shapenet_layout(tmp_path):
    path = write(tmp_path / "id" / "models", "newmtl a\nKd 1 1 1\nmap_Kd ../images/t.png\n")
    (tmp_path / "id" / "images").mkdir()
    (tmp_path / "id" / "images" / "t.png").write_bytes(png(RED))
    (part,) = load(path, root=tmp_path / "id").parts
    assert (part.material.texture[..., :3] == RED).all()
    assert np.allclose(part.uv, part.vertices[:, :2] / [2, 1])


def test_kd_is_srgb_and_black_under_a_texture_means_white(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a b.png").write_bytes(png(RED))
    path = write(tmp_path / "x", "newmtl a\nKd 0.5 0.5 0.5\nd 0.5\nNs 250\n")
    material = load(path).parts[0].material
    assert np.allclose(material.base_colour, (0.21404, 0.21404, 0.21404, 0.5), atol=1e-4)
    assert (material.alpha_mode, material.metallic, material.roughness) == ("blend", 0.0, 0.5)
    path = write(tmp_path / "x", "newmtl a\nKd 0 0 0\nmap_Kd -s 2 3 1 -o 0.5 0 0 -clamp on a b.png\n")
    (part,) = load(path).parts
    assert part.material.base_colour == (1, 1, 1, 1)
    assert part.material.wrap == "clamp"
    assert np.allclose(part.uv.max(axis=0), [2.5, 3])


def test_missing_material_and_texture_are_warnings(tmp_path):
    path = write(tmp_path / "x", "newmtl a\nmap_Kd gone.png\n")
    model = load(path)
    assert model.parts[0].material.texture is None
    assert model.parts[0].material.base_colour == (0.8, 0.8, 0.8, 1)
    assert "gone.png" in model.warnings[0]
    path = write(tmp_path / "y", "", head="mtllib gone.mtl\n")
    assert "gone.mtl" in load(path).warnings[0]
    path = write(tmp_path / "z", "newmtl b\nKd 1 0 0\n")
    assert "'a' is not defined" in load(path).warnings[0]


def test_several_libraries_and_materials(tmp_path):
    path = write(
        tmp_path / "x",
        "newmtl a\nKd 1 0 0\n",
        head="mtllib m.mtl\nmtllib n.mtl\n",
        faces="usemtl a\nf 1 2 3\nusemtl b\nf 1 3 4\nusemtl a\nf 2 3 4\n",
    )
    (path.parent / "n.mtl").write_text("newmtl b\nKd 0 1 0\n")
    model = load(path)
    assert {part.material.base_colour[:3]: len(part.faces) for part in model.parts} == {(1, 0, 0): 2, (0, 1, 0): 1}


def test_faces_without_texture_coordinates_do_not_cost_the_others_theirs(tmp_path):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "t.png").write_bytes(png(RED))
    path = write(tmp_path / "x", "newmtl a\nmap_Kd t.png\n", faces="usemtl a\nf 1/1 2/2 3/3\nf 1 3 4\n")
    (part,) = load(path).parts
    assert part.material.texture is not None


@pytest.mark.parametrize(
    "name", ["/etc/hostname", "file:///etc/hostname", "http://127.0.0.1:9/x.png", "../../up.png", "~/x"]
)
@pytest.mark.parametrize("line", ["map_Kd {}", "mtllib {}"])
def test_names_that_leave_the_folder(tmp_path, name, line):
    (tmp_path / "up.png").write_bytes(png(RED))
    if line.startswith("map"):
        path = write(tmp_path / "a" / "b", f"newmtl a\n{line.format(name)}\n")
    else:
        path = write(tmp_path / "a" / "b", "", head=line.format(name) + "\n")
    with pytest.raises(ModelRefused) as caught:
        load(path)
    assert caught.value.reason == Reason.HOSTILE_PATH
    assert str(tmp_path) not in caught.value.detail


def test_a_link_that_leaves_the_folder(tmp_path):
    (tmp_path / "secret.png").write_bytes(png(RED))
    path = write(tmp_path / "a" / "b" / "c", "newmtl a\nmap_Kd t.png\n")
    (path.parent / "t.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(ModelRefused) as caught:
        load(path)
    assert caught.value.reason == Reason.HOSTILE_PATH


def test_windows_paths_are_looked_for_beside_the_model(tmp_path):
    path = write(tmp_path / "x", "newmtl a\nmap_Kd C:\\Users\\me\\t.png\n")
    assert "missing" in load(path).warnings[0]
    (path.parent / "t.png").write_bytes(png(RED))
    assert load(path).parts[0].material.texture is not None
