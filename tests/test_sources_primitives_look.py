"""The procedural source: closed bodies, true symmetry, a front that can be told from the back."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from dst3d_datasets.camera import rotation_z
from dst3d_datasets.nouns import CadModel, Part
from dst3d_datasets.seeds import uniforms
from dst3d_datasets.sources.primitives import Primitives
from dst3d_datasets.sources.shapes import FAMILIES

NAMES = [family.name for family in FAMILIES]
POINTS = 40_000


def models(name: str, count: int) -> list[CadModel]:
    primitives = Primitives(SimpleNamespace(name="", models_per_class=count, classes=(name,)))
    return [primitives.open(ref) for ref in primitives.models()]


def colours(part: Part, faces: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Linear RGB (n, 3) at barycentric `weights` (n, 3) of `faces` (n,)."""
    base = np.broadcast_to(np.asarray(part.material.base_colour[:3]), (len(faces), 3))
    texture = part.material.texture
    if texture is None:
        return base
    uv = (part.uv[part.faces[faces]] * weights[..., None]).sum(1)
    uv = uv - np.floor(uv)
    rows = ((1.0 - uv[:, 1]) * texture.shape[0]).astype(int).clip(0, texture.shape[0] - 1)
    columns = (uv[:, 0] * texture.shape[1]).astype(int).clip(0, texture.shape[1] - 1)
    return base * (texture[rows, columns, :3] / 255.0) ** 2.2


def surface(model: CadModel) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, 3) spread evenly over the surface, and their colours (n, 3)."""
    corners = [part.vertices[part.faces].astype(np.float64) for part in model.parts]
    areas = [np.linalg.norm(np.cross(c[:, 1] - c[:, 0], c[:, 2] - c[:, 0]), axis=1) for c in corners]
    total = sum(float(area.sum()) for area in areas)
    where, what = [], []
    for k, (part, corner, area) in enumerate(zip(model.parts, corners, areas, strict=True)):
        count = max(1, round(POINTS * float(area.sum()) / total))
        r = uniforms("test", k, count=3 * count).reshape(3, count)
        faces = np.searchsorted(np.cumsum(area), r[0] * area.sum()).clip(0, len(area) - 1)
        root = np.sqrt(r[1])
        weights = np.stack([1 - root, root * (1 - r[2]), root * r[2]], axis=1)
        where.append((corner[faces] * weights[..., None]).sum(1))
        what.append(colours(part, faces, weights))
    return np.concatenate(where), np.concatenate(what)


def change(model: CadModel, degrees: float) -> float:
    """Share of the surface that has no like in place and colour after a turn about z."""
    points, paint = surface(model)
    distance, nearest = cKDTree(points).query(points @ rotation_z(degrees).T, k=24, distance_upper_bound=0.02)
    found = np.isfinite(distance)
    other = np.concatenate([paint, np.full((1, 3), 9.0)])[nearest]
    alike = found & (np.abs(other - paint[:, None]).max(-1) < 0.1)
    return float(1.0 - alike.any(1).mean())


@pytest.mark.parametrize("name", NAMES)
def test_symmetry_is_true(name: str) -> None:
    for model in models(name, 8):
        order = model.ref.symmetry
        assert order in (0, 1, 2, 4, 8)
        if order == 1:
            assert change(model, 180.0) > 0.0008, f"{model.ref.model_id} has no front"
        elif order == 0:
            for degrees in (37.0, 90.0, 180.0):
                assert change(model, degrees) < 0.0004, model.ref.model_id
        else:
            assert change(model, 360.0 / order) < 0.0004, model.ref.model_id
            assert change(model, 180.0 / order) > 0.0008, model.ref.model_id


def test_both_symmetric_and_frontal_instances_exist() -> None:
    orders = {name: {model.ref.symmetry for model in models(name, 16)} for name in ("table lamp", "dining table")}
    assert orders == {"table lamp": {0, 1}, "dining table": {1, 2}}


def components(model: CadModel) -> list[np.ndarray]:
    """The faces' corners (f, 3, 3) of each connected body; vertices are welded by place within a part."""
    out = []
    for part in model.parts:
        places, index = np.unique(np.round(part.vertices.astype(np.float64), 6), axis=0, return_inverse=True)
        faces = index.reshape(-1)[part.faces]
        edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]]])
        graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(len(places),) * 2)
        _, label = connected_components(graph, directed=False)
        owner = label[faces[:, 0]]
        out += [places[faces[owner == k]] for k in np.unique(owner)]
    return out


@pytest.mark.parametrize("name", NAMES)
def test_bodies_are_wound_outward(name: str) -> None:
    for model in models(name, 3):
        for corner in components(model):
            a, b, c = corner[:, 0], corner[:, 1], corner[:, 2]
            middle = corner.reshape(-1, 3).mean(0)
            volume = float((np.cross(a - middle, b - middle) * (c - middle)).sum() / 6.0)
            assert volume > -1e-9, (model.ref.model_id, len(corner), volume)


FRONTS = {  # where to look (azimuth of the camera) and what must be seen there more than from the other side
    "sports car": ((238, 242, 246), (172, 14, 20)),
    "minivan": ((238, 242, 246), (172, 14, 20)),
    "cab": ((238, 242, 246), (172, 14, 20)),
    "convertible": ((238, 242, 246), (172, 14, 20)),
}


@pytest.mark.parametrize("name", FRONTS)
def test_headlights_look_to_the_front_and_tail_lamps_to_the_back(name: str) -> None:
    for model in models(name, 3):
        middle = {}
        for part in model.parts:
            for which, srgb in zip(("head", "tail"), FRONTS[name], strict=True):
                linear = ((np.asarray(srgb) / 255 + 0.055) / 1.055) ** 2.4
                if np.allclose(part.material.base_colour[:3], linear, atol=2e-3) and part.material.texture is None:
                    middle[which] = float(part.vertices[:, 1].mean())
        assert middle["head"] < -0.3
        assert middle["tail"] > 0.3


def test_airliners_taper_to_the_tail_and_carry_the_fin_there() -> None:
    for model in models("airliner", 6):
        points = np.concatenate([part.vertices for part in model.parts])
        top = points[points[:, 2].argmax()]
        assert top[1] > 0.3


@pytest.mark.parametrize("name", ["park bench", "folding chair", "rocking chair"])
def test_backs_of_seats_are_at_the_back(name: str) -> None:
    for model in models(name, 6):
        points = np.concatenate([part.vertices for part in model.parts])
        high = points[points[:, 2] > points[:, 2].max() - 0.1]
        assert high[:, 1].mean() > 0.1


def test_mugs_have_their_handle_at_plus_x_as_the_print_faces_the_front() -> None:
    for model in models("coffee mug", 6):
        points = np.concatenate([part.vertices for part in model.parts])
        rim = points[points[:, 2] > points[:, 2].max() - 0.02]
        assert points[:, 0].max() - rim[:, 0].max() > 0.05
        assert rim[:, 0].min() - points[:, 0].min() < 0.1
