"""The OpenGL renderer: pyrender without a screen, over EGL or OSMesa. Needs the extra `pyrender` and a driver (Mesa).

How its pictures differ from `raster.TorchRenderer`'s: normals have 8 bits an axis (0.3 degrees); depth has OpenGL's 24
bits between the object's own near and far; every pixel's colour is the mean of 2 x 2 samples; textures are filtered by
the driver; "blend" parts are solid. Silhouettes differ by single pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ..nouns import Buffers, CadModel, Camera, Lights, Part
from .environment import polynomials
from .pyrender_context import LIMIT, Context, context
from .pyrender_shaders import COLOUR, NORMAL, PART
from .scene import BLEND_HOLE, NEAR
from .texture import srgb_decode, srgb_encode

_DECODE = srgb_decode(np.arange(256) / 255.0)
_ENCODE = np.rint(srgb_encode(np.arange(1 << 14) / ((1 << 14) - 1.0)) * 255.0).astype(np.uint8)
_TO_GL = np.diag([1.0, -1.0, -1.0])  # OpenCV camera axes to OpenGL's eye axes
_FLIPS = np.array([1.0, 1.0, -1.0, -1.0, 1.0, 1.0, -1.0, 1.0, -1.0])  # the same for the terms of `polynomials`
_WRAPS = {"repeat": 10497, "clamp": 33071, "mirror": 33648}  # glTF's numbers


class PyrenderRenderer:
    """Draws a model with pyrender, keeping its context and scene and moving only the camera."""

    name = "pyrender"

    def __init__(self, device: str = "auto") -> None:
        """`device` is taken for the other engines' sake; OpenGL's device is chosen by EGL_DEVICE_ID.

        Raises:
            MissingDependency: a Python package or a system library is not installed; the message names it.
        """
        self._context: Context = context()
        self._kept: tuple[CadModel, Any, Any] | None = None

    def render(self, model: CadModel, cameras: Sequence[Camera], lights: Sequence[Lights]) -> Iterator[Buffers]:
        """Yield one `Buffers` a camera, in order; `lights` has one entry a camera."""
        for camera, light in zip(cameras, lights, strict=True):
            uniforms = _light_uniforms(camera, light)
            normals, depth = self._draw(model, camera, 1, {"pass_kind": NORMAL})
            mask = depth > 0
            if len(model.parts) > 1:
                numbers = self._draw(model, camera, 1, {"pass_kind": PART})[0].astype(np.int32)
                part = np.where(mask, numbers[..., 0] | numbers[..., 1] << 8 | numbers[..., 2] << 16, -1)
            else:
                part = np.where(mask, 0, -1)
            fine, fine_depth = self._draw(model, camera, 2, {"pass_kind": COLOUR, **uniforms})
            colour, alpha = _resolve(fine, fine_depth > 0)
            yield Buffers(
                colour=colour,
                alpha=alpha,
                mask=mask,
                depth=depth,
                normal=_normals(normals, mask),
                part=part.astype(np.int32),
            )

    def silhouette(self, model: CadModel, camera: Camera) -> NDArray[np.bool_]:
        """Only the mask (H, W) of one camera, of any image size."""
        mask: NDArray[np.bool_] = self._draw(model, camera, 1, {"pass_kind": PART})[1] > 0
        return mask

    def close(self) -> None:
        """Forget the model. The OpenGL context stays: it is the process's only one."""
        self._kept = None

    def _draw(
        self, model: CadModel, camera: Camera, scale: int, uniforms: dict[str, Any]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """One pass at `scale` times the image's size, in tiles where it is too large for one buffer."""
        scene, node = self._scene(model)
        pose = np.eye(4)
        pose[:3, :3] = camera.R.T @ _TO_GL
        pose[:3, 3] = -camera.R.T @ camera.t
        scene.set_pose(node, pose)
        node.camera.span(model, camera)
        width, height = camera.width * scale, camera.height * scale
        colour = np.zeros((height, width, 3), np.uint8)
        depth = np.zeros((height, width), np.float32)
        for y in range(0, height, LIMIT):
            for x in range(0, width, LIMIT):
                columns, rows = min(LIMIT, width - x), min(LIMIT, height - y)
                node.camera.aim(camera.K, scale, x, y)
                picture, z = self._context.draw(scene, columns, rows, uniforms)
                colour[y : y + rows, x : x + columns] = picture
                depth[y : y + rows, x : x + columns] = z
        return colour, depth

    def _scene(self, model: CadModel) -> tuple[Any, Any]:
        """The model as a pyrender scene with a camera node; made once a model."""
        if self._kept is None or self._kept[0] is not model:
            pyrender = self._context.pyrender
            scene = pyrender.Scene(bg_color=[0.0, 0.0, 0.0, 0.0])
            scene.add(pyrender.Mesh([_primitive(pyrender, part, i) for i, part in enumerate(model.parts)]))
            node = scene.add(_camera_class(pyrender)())
            self._kept = (model, scene, node)
        return self._kept[1], self._kept[2]


def _primitive(pyrender: Any, part: Part, number: int) -> Any:
    """One part with its material; the emissive factor carries what `pyrender_shaders` says."""
    material = part.material
    texture = None
    if material.texture is not None and part.uv is not None:
        wrap = _WRAPS[material.wrap]
        sampler = pyrender.Sampler(wrapS=wrap, wrapT=wrap)
        texture = pyrender.Texture(source=material.texture, source_channels="RGBA", sampler=sampler)
    cutoff = {"opaque": 0.0, "mask": max(material.alpha_cutoff, 1e-6), "blend": BLEND_HOLE}[material.alpha_mode]
    return pyrender.Primitive(
        positions=part.vertices,
        normals=part.normals,
        texcoord_0=part.uv if texture is not None else None,
        color_0=part.colours,
        indices=part.faces.astype(np.uint32),
        mode=4,
        material=pyrender.MetallicRoughnessMaterial(
            alphaMode="OPAQUE",
            baseColorFactor=np.array(material.base_colour, np.float32),
            baseColorTexture=texture,
            metallicFactor=float(material.metallic),
            roughnessFactor=float(material.roughness),
            emissiveFactor=np.array([number, cutoff, float(material.unlit)], np.float32),
            doubleSided=True,
        ),
    )


def _camera_class(pyrender: Any) -> Any:
    """A pyrender camera with any K, and near and far planes close about the object, where 24-bit depth is finest."""

    class PinholeCamera(pyrender.Camera):  # type: ignore[misc]
        """See `_camera_class`."""

        def __init__(self) -> None:
            super().__init__(znear=NEAR, zfar=10.0)
            self._rows = np.zeros((2, 3))

        def span(self, model: CadModel, camera: Camera) -> None:
            """Fit the planes to the model's box."""
            low = np.min([part.vertices.min(0) for part in model.parts], axis=0)
            high = np.max([part.vertices.max(0) for part in model.parts], axis=0)
            box = np.array([[(low, high)[i >> axis & 1][axis] for axis in range(3)] for i in range(8)])
            z = box @ camera.R[2] + camera.t[2]
            near = max(NEAR, float(z.min()) - 1e-3)
            self.znear, self.zfar = near, max(float(z.max()) + 1e-3, near + 1e-2)

        def aim(self, K: NDArray[np.float64], scale: int, x: int, y: int) -> None:
            """Look through the tile whose top left is at (x, y) of the picture `scale` times larger than K's."""
            self._rows = K[:2] * scale - np.array([[0.0, 0.0, x], [0.0, 0.0, y]])

        def get_projection_matrix(self, width: int | None = None, height: int | None = None) -> NDArray[np.float64]:
            """OpenGL's projection matrix (4, 4)."""
            (fx, skew, cx), (_, fy, cy) = self._rows
            n, f = self.znear, self.zfar
            P = np.zeros((4, 4))
            P[0, :3] = 2.0 * fx / width, -2.0 * skew / width, 1.0 - 2.0 * cx / width
            P[1, 1:3] = 2.0 * fy / height, 2.0 * cy / height - 1.0
            P[2, 2:] = (f + n) / (n - f), 2.0 * f * n / (n - f)
            P[3, 2] = -1.0
            return P

    return PinholeCamera


def _light_uniforms(camera: Camera, lights: Lights) -> dict[str, NDArray[np.float64]]:
    """The lights in OpenGL's eye frame."""
    turn = _TO_GL @ camera.R

    def towards(direction: tuple[float, float, float]) -> NDArray[np.float64]:
        vector = np.asarray(direction, np.float64)
        return turn @ (vector / max(float(np.linalg.norm(vector)), 1e-12))

    matt, mirrored = polynomials(lights, camera) * _FLIPS[:, None]
    return {
        "key_colour": np.array(lights.key_colour),
        "fill_colour": np.array(lights.fill_colour),
        "key_direction": towards(lights.key_direction),
        "fill_direction": towards(lights.fill_direction),
        **{f"matt_light[{term}]": colour for term, colour in enumerate(matt)},
        **{f"mirror_light[{term}]": colour for term, colour in enumerate(mirrored)},
    }


def _normals(picture: NDArray[np.uint8], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Unit normals (H, W, 3), OpenCV axes, from their 8-bit picture in OpenGL's."""
    result = np.zeros(picture.shape, np.float32)
    n = (picture[mask].astype(np.float32) / 127.5 - 1.0) * np.array([1.0, -1.0, -1.0], np.float32)
    result[mask] = n / np.maximum(np.sqrt((n * n).sum(1, keepdims=True)), 1e-6)
    return result


def _resolve(fine: NDArray[np.uint8], covered: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Mean of 2 x 2 samples in linear light: straight colour (H, W, 3) and coverage (H, W), uint8."""
    size = fine.shape[1] // 2, fine.shape[0] // 2
    share = cv2.resize(covered.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    linear = cv2.LUT(fine, _DECODE) * covered[..., None]
    mean = cv2.resize(linear, size, interpolation=cv2.INTER_AREA) / np.maximum(share, 0.25)[..., None]
    colour = _ENCODE[np.rint(mean * (len(_ENCODE) - 1)).astype(np.int32).clip(0, len(_ENCODE) - 1)]
    return np.where(share[..., None] > 0, colour, np.uint8(0)), np.rint(share * 255.0).astype(np.uint8)
