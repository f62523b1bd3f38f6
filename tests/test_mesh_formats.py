"""PLY, STL and OFF; normals; and what every model must pass."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from _gltf import FACES, POINTS, Gltf, png, triangles

from dst3d_datasets.errors import ModelRefused, Reason
from dst3d_datasets.sources.mesh import DefaultBounds, load
from dst3d_datasets.sources.normals import creased

RGB = [[255, 0, 0], [255, 0, 0], [0, 255, 0], [0, 0, 255], [188, 188, 188]]


def ply(binary: str = "", colours: bool = False, comment: str = "") -> bytes:
    kind = {"": "ascii", "<": "binary_little_endian", ">": "binary_big_endian"}[binary]
    extra = "property uchar red\nproperty uchar green\nproperty uchar blue\n" if colours else ""
    head = (
        f"ply\nformat {kind} 1.0\n{comment}element vertex 5\nproperty float x\nproperty float y\nproperty float z\n"
        f"{extra}element face 3\nproperty list uchar int vertex_indices\nend_header\n"
    ).encode()
    if not binary:
        rows = [" ".join(map(str, [*p, *(c if colours else [])])) for p, c in zip(POINTS, RGB, strict=True)]
        return head + "\n".join([*rows, *("3 " + " ".join(map(str, face)) for face in FACES)]).encode() + b"\n"
    body = b"".join(
        struct.pack(binary + "3f", *p) + (bytes(c) if colours else b"") for p, c in zip(POINTS, RGB, strict=True)
    )
    return head + body + b"".join(struct.pack(binary + "B3i", 3, *map(int, face)) for face in FACES)


@pytest.mark.parametrize("binary", ["", "<", ">"])
@pytest.mark.parametrize("colours", [False, True])
def test_ply(binary, colours):
    model = load(ply(binary, colours), "ply")
    assert np.allclose(triangles(model), POINTS[FACES])
    found = model.parts[0].colours
    if colours:
        grey = (np.abs(found[:, :3] - 0.5028) < 0.001).all(axis=1)  # 188 in sRGB
        assert grey.any()
        assert model.parts[0].material.base_colour == (1, 1, 1, 1)
    else:
        assert found is None


def test_ply_quads_and_polygons():
    head = "ply\nformat ascii 1.0\nelement vertex 4\nproperty double x\nproperty double y\nproperty double z\n"
    head += "element face 1\nproperty list uchar int vertex_index\nend_header\n"
    text = head + "0 0 0\n2 0 0\n2 1 0\n0 1 0\n4 0 1 2 3\n"
    assert len(triangles(load(text.encode(), "ply"))) == 2


def stl() -> bytes:
    rows = b"".join(struct.pack("<12fH", 0, 0, 0, *POINTS[face].reshape(-1), 0) for face in FACES)
    return b"solid but binary".ljust(80, b"\0") + struct.pack("<I", len(FACES)) + rows


def stl_text() -> bytes:
    lines = ["solid a"]
    for face in FACES:
        lines += ["facet normal 0 0 0", "outer loop", *(f"vertex {x} {y} {z}" for x, y, z in POINTS[face])]
        lines += ["endloop", "endfacet"]
    return "\n".join([*lines, "endsolid a", ""]).encode()


def test_stl_binary_and_text():
    assert np.allclose(triangles(load(stl(), "stl")), POINTS[FACES])
    assert np.allclose(triangles(load(stl_text(), "stl")), POINTS[FACES])


@pytest.mark.parametrize("head", ["OFF\n5 3 0\n", "OFF 5 3 0\n", "# comment\nOFF\n# more\n5 3 0\n"])
def test_off(head):
    rows = [" ".join(map(str, point)) for point in POINTS] + ["3 " + " ".join(map(str, face)) for face in FACES]
    assert np.allclose(triangles(load((head + "\n".join(rows) + "\n").encode(), "off")), POINTS[FACES])


def test_off_polygons_and_colours():
    pentagon = "5 2 0\n0 0 0\n2 0 0\n2 1 0\n0 1 0\n-1 .5 0\n"
    model = load(("OFF\n" + pentagon + "5 0 1 2 3 4\n3 0 1 2\n").encode(), "off")
    assert len(triangles(model)) == 4
    model = load(("OFF\n" + pentagon + "5 0 1 2 3 4 255 0 0\n3 0 1 2 0 0 255\n").encode(), "off")
    assert [tuple(c) for c in model.parts[0].colours[[0, -1]]] == [(1, 0, 0, 1), (0, 0, 1, 1)]
    rows = "".join(f"{x} {y} 0 0 0 2 0 0.5 1 1\n" for x, y in ((0, 0), (1, 0), (0, 1)))
    (part,) = load(("CNOFF\n3 1 0\n" + rows + "3 0 1 2\n").encode(), "off").parts
    assert np.allclose(part.colours, [0, 0.21404, 1, 1], atol=1e-4)
    assert np.allclose(part.normals, [0, 0, 1])
    for text, reason in (("4OFF\n" + pentagon, Reason.UNSUPPORTED), ("OFF BINARY\n\0\0", Reason.UNSUPPORTED)):
        with pytest.raises(ModelRefused) as caught:
            load(text.encode(), "off")
        assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        ("ply", ply().replace(b"element face 3", b"element face 4000000000")),
        ("ply", ply("<").replace(b"element face 3", b"element face 2000001")),
        ("stl", b"\0" * 80 + struct.pack("<I", 4_000_000_000)),
        ("off", b"OFF\n3 4000000000 0\n0 0 0\n1 0 0\n0 1 0\n3 0 1 2\n"),
    ],
)
def test_headers_that_promise_too_much(kind, data):
    with pytest.raises(ModelRefused) as caught:
        load(data, kind)
    assert caught.value.reason in (Reason.TOO_MANY_FACES, Reason.UNREADABLE)


@pytest.mark.parametrize("kind", ["ply", "ply-text", "stl", "stl-text"])
def test_cut_off_files(kind):
    data = {"ply": ply("<"), "ply-text": ply(), "stl": stl(), "stl-text": stl_text()}[kind]
    kind = kind.partition("-")[0]
    assert len(triangles(load(data, kind))) == 3
    for length in range(0, len(data) - 2, 7):
        with pytest.raises(ModelRefused) as caught:
            load(data[:length], kind)
        assert caught.value.reason in (Reason.UNREADABLE, Reason.NOT_A_MODEL)


def test_ply_texture_is_confined_and_bounded(tmp_path):
    path = tmp_path / "a" / "m.ply"
    path.parent.mkdir()
    for name, reason in (("../../x.png", Reason.HOSTILE_PATH), ("big.png", Reason.TEXTURE_TOO_LARGE)):
        path.write_bytes(ply(comment=f"comment TextureFile {name}\n"))
        (path.parent / "big.png").write_bytes(png(np.zeros((40, 30, 3))))
        with pytest.raises(ModelRefused) as caught:
            load(path, bounds=DefaultBounds(max_texture_pixels=1199))
        assert caught.value.reason == reason


def bounds_of(**limits: int) -> DefaultBounds:
    return DefaultBounds(**limits)


@pytest.mark.parametrize(
    ("data", "kind", "limits", "reason"),
    [
        (Gltf().mesh().glb(), "glb", {"max_faces": 2}, Reason.TOO_MANY_FACES),
        (b"v 0 0 0\nv 1 0 0\nv 1 1 0\nv 0 1 0\nf 1 2 3 4\n", "obj", {"max_faces": 1}, Reason.TOO_MANY_FACES),
        (ply(), "ply", {"max_faces": 2}, Reason.TOO_MANY_FACES),
        (stl(), "stl", {"max_faces": 2}, Reason.TOO_MANY_FACES),
        (stl(), "stl", {"max_bytes": 100}, Reason.TOO_LARGE),
    ],
)
def test_bounds(data, kind, limits, reason):
    with pytest.raises(ModelRefused) as caught:
        load(data, kind, bounds=bounds_of(**limits))
    assert caught.value.reason == reason


def flat(points: str, face: str = "f 1 2 3\n") -> bytes:
    return "".join(f"v {point}\n" for point in points.split(",")).encode() + face.encode()


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (flat("0 0 0,1 0 0,0 nan 0"), Reason.NON_FINITE),
        (flat("0 0 0,1 0 0,0 inf 0"), Reason.NON_FINITE),
        (flat("0 0 0,1e400 0 0,0 1 0"), Reason.NON_FINITE),
        (flat("0 0 0,1e16 0 0,0 1e16 0"), Reason.HUGE_COORDINATES),
        (flat("0 0 0,1 0 0,2 0 0"), Reason.ZERO_EXTENT),
        (flat("5 5 5,5 5 5,5 5 5"), Reason.ZERO_EXTENT),
        (flat("0 0 0,1 0 0,0 1 0", "f 1 2 2\n"), Reason.ZERO_EXTENT),
        (flat("0 0 0,1 0 0,0 1 0", ""), Reason.NO_FACES),
        (flat("0 0 0,1 0 0,0 1 0", "f 1 2 4\n"), Reason.UNREADABLE),
        (flat("0 0 0,1 0 0,0 1 0", "f 0 1 2\n"), Reason.UNREADABLE),
        (flat("0 0 0,1 0 0,0 1 0", "f 1 2 x\n"), Reason.UNREADABLE),
        (flat("0 0 0,1 0 zero,0 1 0"), Reason.UNREADABLE),
        (b"", Reason.UNREADABLE),
        (b"just a letter to a friend\nwith two lines\n", Reason.NOT_A_MODEL),
        (b"\0\1\2\3" * 100, Reason.UNREADABLE),
    ],
)
def test_geometry_that_cannot_be_used(data, reason):
    with pytest.raises(ModelRefused) as caught:
        load(data, "obj")
    assert caught.value.reason == reason


def test_far_from_origin_is_judged_by_what_the_numbers_can_tell_apart():
    far = (POINTS + np.float32(1e7)).astype("<f4")
    with pytest.raises(ModelRefused) as caught:
        load(Gltf().mesh(points=far).glb(), "glb")
    assert caught.value.reason == Reason.FAR_FROM_ORIGIN
    text = "".join(f"v {x + 1e7:.6f} {y:.6f} {z:.6f}\n" for x, y, z in POINTS) + "f 1 2 3\n"
    assert len(triangles(load(text.encode(), "obj"))) == 1  # text is read in double precision and loses nothing


def test_a_vertex_no_face_uses_does_no_harm():
    assert len(triangles(load(flat("0 0 0,1 0 0,0 1 0,nan 0 1e30"), "obj"))) == 1


def test_faces_without_area_are_dropped_and_named():
    model = load(flat("0 0 0,1 0 0,0 1 0", "f 1 2 3\nf 1 1 2\n"), "obj")
    assert len(triangles(model)) == 1
    assert "1 of 2 faces" in model.warnings[0]


def test_normals_are_split_at_hard_edges_and_smooth_elsewhere():
    corners = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], dtype=float)
    quads = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    faces = np.array([face for q in quads for face in ([q[0], q[1], q[2]], [q[0], q[2], q[3]])])
    rows, new, normals = creased(corners, faces)
    assert len(rows) == 24
    assert np.allclose(np.abs(normals).max(axis=1), 1)
    flat_normals = np.cross(corners[faces[:, 1]] - corners[faces[:, 0]], corners[faces[:, 2]] - corners[faces[:, 0]])
    assert np.allclose(normals[new], flat_normals[:, None])
    assert (corners[rows][new] == corners[faces]).all()

    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)  # 15 degrees a side
    ring = np.stack([np.cos(angle), np.sin(angle), np.zeros(24)], axis=1)
    points, here, there = np.concatenate([ring, ring + np.array([0, 0, 1])]), np.arange(24), (np.arange(24) + 1) % 24
    side = np.concatenate([np.stack([here, there, there + 24], 1), np.stack([here, there + 24, here + 24], 1)])
    rows, _, normals = creased(points, side)
    assert len(rows) == 48
    assert np.allclose(normals, points[rows] * [1, 1, 0], atol=1e-9)
    soup = points[side].reshape(-1, 3)  # unshared vertices are welded by position
    _, new, normals = creased(soup, np.arange(len(soup)).reshape(-1, 3))
    assert np.allclose(normals[new], points[side] * [1, 1, 0], atol=1e-9)


def test_normals_of_doubled_faces_stay_smooth():
    angle = np.linspace(0, np.pi / 3, 5)
    points = np.concatenate([np.stack([np.cos(angle), np.sin(angle), np.full(5, z)], axis=1) for z in (0.0, 1.0)])
    here, there = np.arange(4), np.arange(1, 5)
    one = np.concatenate([np.stack([here, there, there + 5], 1), np.stack([here, there + 5, here + 5], 1)])
    _, new, normals = creased(points, np.concatenate([one, one[:, ::-1]]))
    inner = points[:, 1] > 0.1
    sign = np.repeat([1.0, -1.0], len(one))[:, None]
    for corner in range(3):
        at = np.concatenate([one, one[:, ::-1]])[:, corner]
        keep = inner[at] & (points[at, 1] < 0.8)
        expected = (points[at] * [1, 1, 0] * sign)[keep]
        assert np.allclose(normals[new[keep, corner]], expected, atol=0.1)
