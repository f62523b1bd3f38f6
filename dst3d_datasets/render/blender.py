"""Path-traced colour by Blender's Cycles, over the exact buffers of the torch engine. Optional; see `blender_process`.

Mask, depth, normal and part are the torch engine's: they are sampled at pixel centres and agree with every other
engine bit for bit, which Cycles' own passes do not (its sub-pixel positions are random, and its camera has a sensor).
Colour and alpha are Cycles', with the mean over a pixel as filter, so that both lie on each other. Shadows, reflections
and light between parts are there; textures have no smaller copies.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import UsageError
from ..nouns import Buffers, CadModel, Camera, Lights
from ..recipe.rendering import Render
from .blender_process import Blender, find
from .environment import MIRRORED, basis
from .raster import TorchRenderer
from .scene import BLEND_HOLE, NEAR
from .shade import AMBIENT, DIRECT, SHOULDER
from .texture import srgb_encode

SECONDS = 1800.0  # for one view
PANORAMA = 32  # rows of the picture of the light from all around, which holds nothing finer
SUN_ANGLE = 0.05  # radians: shadows have a slightly soft edge
_TO_GL = np.diag([1.0, -1.0, -1.0])  # OpenCV camera axes to Blender's


class BlenderRenderer:
    """Draws a model's colour by Cycles on the CPU, in a process that keeps the model and moves only the camera."""

    name = "blender"

    def __init__(self, device: str = "auto", python: str = "", samples: int = 32) -> None:
        """`device`: of the torch engine; `python`: see `blender_process.find`; `samples`: paths a pixel.

        Raises:
            MissingDependency: there is no Blender, or it does not start.
            UsageError: what `python` names is not there.
        """
        self._geometry = TorchRenderer(device)
        self._samples = samples
        self._blender = Blender(find(python))
        self._finalizer = weakref.finalize(self, self._blender.close)
        self._kept: CadModel | None = None
        self.versions = {"blender": self._blender.version}

    @classmethod
    def of(cls, options: Render) -> BlenderRenderer:
        """As a recipe has it."""
        return cls(options.device, options.blender_python, options.samples)

    def render(self, model: CadModel, cameras: Sequence[Camera], lights: Sequence[Lights]) -> Iterator[Buffers]:
        """Yield one `Buffers` a camera, in order; `lights` has one entry a camera.

        Raises:
            UsageError: a camera with skew or pixels that are not square, which Blender does not have.
            Dst3dError: Blender crashed or hung.
        """
        for camera in cameras:
            if abs(camera.K[0, 1]) > 1e-9 or abs(camera.K[0, 0] - camera.K[1, 1]) > 1e-6 * camera.K[0, 0]:
                raise UsageError("the engine blender draws square pixels without skew only: use another engine")
        unlit = np.array([part.material.unlit for part in model.parts])
        for exact, camera, light in zip(self._geometry.render(model, cameras, lights), cameras, lights, strict=True):
            linear = self._trace(model, camera, light)
            opacity = np.clip(linear[..., 3], 0.0, 1.0)
            straight = linear[..., :3] / np.maximum(opacity, 1e-6)[..., None]
            shown = np.where(unlit[exact.part][..., None], straight, _tone(straight))
            colour = np.rint(srgb_encode(np.clip(shown, 0.0, 1.0)) * 255.0).astype(np.uint8)
            alpha = np.rint(opacity * 255.0).astype(np.uint8)
            yield Buffers(
                colour=np.where(alpha[..., None] > 0, colour, np.uint8(0)),
                alpha=alpha,
                mask=exact.mask,
                depth=exact.depth,
                normal=exact.normal,
                part=exact.part,
            )

    def silhouette(self, model: CadModel, camera: Camera) -> NDArray[np.bool_]:
        """Only the mask (H, W) of one camera, of any image size: the torch engine's."""
        return self._geometry.silhouette(model, camera)

    def close(self) -> None:
        """End Blender."""
        self._geometry.close()
        self._finalizer()

    def _trace(self, model: CadModel, camera: Camera, lights: Lights) -> NDArray[np.float64]:
        """Linear RGBA (H, W, 4), multiplied by alpha."""
        if self._kept is not model:
            header, arrays = _parts(model)
            self._blender.ask({"do": "load", **header}, arrays, SECONDS)
            self._kept = model
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = camera.R.T @ _TO_GL, -camera.R.T @ camera.t
        header = {
            "do": "render",
            "width": camera.width,
            "height": camera.height,
            "samples": self._samples,
            "seed": 0,
            "near": NEAR,
            "angle": SUN_ANGLE,
        }
        arrays = {
            "K": camera.K,
            "pose": pose,
            # A lamp of irradiance E makes a white matt surface that faces it as bright as E / pi.
            "key colour": np.pi * DIRECT * np.array(lights.key_colour),
            "key direction": np.array(lights.key_direction),
            "fill colour": np.pi * DIRECT * np.array(lights.fill_colour),
            "fill direction": np.array(lights.fill_direction),
            "panorama": _panorama(lights),
        }
        return self._blender.ask(header, arrays, SECONDS)["rgba"].astype(np.float64)


def _parts(model: CadModel) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """A model as a message to Blender."""
    listed: list[dict[str, Any]] = []
    arrays: dict[str, NDArray[Any]] = {}
    for number, part in enumerate(model.parts):
        look = part.material
        cutoff = {"opaque": 0.0, "mask": max(look.alpha_cutoff, 1e-6), "blend": BLEND_HOLE}[look.alpha_mode]
        listed.append(
            {
                "colour": [float(value) for value in look.base_colour],
                "metallic": float(look.metallic),
                "roughness": float(look.roughness),
                "unlit": look.unlit,
                "wrap": look.wrap,
                "cutoff": float(cutoff),
                "blend": look.alpha_mode == "blend",
            }
        )
        own: dict[str, Any] = {
            "vertices": part.vertices,
            "faces": part.faces,
            "normals": part.normals,
            "colours": part.colours,
        }
        if look.texture is not None and part.uv is not None:
            own |= {"uv": part.uv, "texture": look.texture}
        arrays |= {f"{number}:{name}": values for name, values in own.items() if values is not None}
    return {"parts": listed}, arrays


def _panorama(lights: Lights) -> NDArray[np.float32]:
    """The light from all around as (PANORAMA, 2 PANORAMA, 4): radiance by `environment.MIRRORED`; see `surround`."""
    v, u = np.meshgrid(
        (np.arange(PANORAMA) + 0.5) / PANORAMA, (np.arange(2 * PANORAMA) + 0.5) / (2 * PANORAMA), indexing="ij"
    )
    latitude, longitude = np.pi * (0.5 - v), 2.0 * np.pi * (0.5 - u)
    x, y = np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude)
    bands = np.array([MIRRORED[0], *(MIRRORED[1],) * 3, *(MIRRORED[2],) * 5])
    coefficients = np.asarray(lights.environment) * bands[:, None]
    radiance = np.einsum("kij,kc->ijc", basis(x, y, np.sin(latitude)), coefficients)
    picture = np.ones((PANORAMA, 2 * PANORAMA, 4), np.float32)
    picture[..., :3] = AMBIENT * radiance.clip(min=0.0)
    return picture


def _tone(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """`shade.tone` in NumPy."""
    over = np.maximum(x - SHOULDER, 0.0) / (1.0 - SHOULDER)
    return np.minimum(x, SHOULDER) + (1.0 - SHOULDER) * (over / (1.0 + over))
