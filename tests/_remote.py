"""Sources at any address, and small collections to put there."""

from __future__ import annotations

import io
import tarfile
import zipfile

import numpy as np
from _gltf import png
from _models import WEDGE

from dst3d_datasets.nouns import CadModel
from dst3d_datasets.recipe import options as o
from dst3d_datasets.sources.folder import Folder
from dst3d_datasets.sources.objaverse import Objaverse
from dst3d_datasets.sources.omniobject3d import OmniObject3D
from dst3d_datasets.sources.shapenet import ShapeNet


def shapenet(root: str, **more: object) -> ShapeNet:
    return ShapeNet(o.ShapeNetOptions(kind="shapenet", root=root, **more))


def objaverse(root: str, **more: object) -> Objaverse:
    return Objaverse(o.ObjaverseOptions(kind="objaverse", root=root, **more))


def omni(root: str, **more: object) -> OmniObject3D:
    return OmniObject3D(o.OmniObject3DOptions(kind="omniobject3d", root=root, **more))


def folder(root: str, **more: object) -> Folder:
    return Folder(o.FolderOptions(kind="folder", root=root, **more))


OBJ = "mtllib model_normalized.mtl\nusemtl a\nvt 0 0\nvt 1 0\nvt 0 1\n" + WEDGE + "f 1/1 2/2 5/3\n"
MTL = "newmtl a\nKd 1 1 1\nmap_Kd ../images/t.png\n"
PICTURE = png(np.full((2, 2, 3), 200))


def tree(*models: str) -> dict[str, bytes]:
    files = {}
    for model in models:
        files[f"{model}/models/model_normalized.obj"] = OBJ.encode()
        files[f"{model}/models/model_normalized.mtl"] = MTL.encode()
        files[f"{model}/images/t.png"] = PICTURE
    return files


def as_zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def is_textured(model: CadModel) -> bool:
    return any(part.material.texture is not None for part in model.parts)


def same(one: CadModel, two: CadModel) -> bool:
    return one.ref == two.ref and all(
        np.array_equal(a.vertices, b.vertices)
        and np.array_equal(a.faces, b.faces)
        and np.array_equal(a.material.texture, b.material.texture)
        for a, b in zip(one.parts, two.parts, strict=True)
    )


def as_tar(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
