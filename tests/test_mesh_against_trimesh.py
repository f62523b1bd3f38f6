"""Our readers against trimesh's own on real files that hold nothing trimesh reads wrongly: same triangles, same box."""

from __future__ import annotations

import numpy as np
import trimesh
from _gltf import triangles

from dst3d_datasets.sources.mesh import load


def test_same_geometry_as_trimesh(cad_root):
    files = sorted(cad_root.glob("objaverse/**/*.glb")) + sorted(cad_root.glob("shapenet/**/*.obj"))
    assert len(files) == 24 + 19
    for path in files:
        ours = triangles(load(path))
        scene = trimesh.load_scene(path, process=False)
        theirs = np.concatenate([part.triangles for part in scene.dump()])
        area = np.linalg.norm(np.cross(theirs[:, 1] - theirs[:, 0], theirs[:, 2] - theirs[:, 0]), axis=1)
        theirs = theirs[area > 1e-14 * np.ptp(theirs.reshape(-1, 3), axis=0).max() ** 2]
        assert len(ours) == len(theirs), path.name
        # The order of parts differs; the signed content of both must not.
        for one, other in (
            (ours.reshape(-1, 3).min(axis=0), theirs.reshape(-1, 3).min(axis=0)),
            (ours.reshape(-1, 3).max(axis=0), theirs.reshape(-1, 3).max(axis=0)),
            (ours.mean(axis=(0, 1)), theirs.mean(axis=(0, 1))),
            (np.linalg.det(ours).sum(), np.linalg.det(theirs).sum()),
        ):
            assert np.allclose(one, other, rtol=1e-4, atol=1e-5 * np.ptp(theirs)), path.name
