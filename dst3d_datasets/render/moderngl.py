"""The fast OpenGL renderer: moderngl over EGL, all buffers of a view in one pass. Needs the extra `moderngl` and EGL.

It works as `raster.TorchRenderer` does and differs from it by OpenGL's arithmetic: vertices snap to 1/512 pixel, and
what lies less than a 24-bit depth step apart may change places.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from ..nouns import Buffers, CadModel, Camera, Lights
from .environment import polynomials
from .layers import LAYERS
from .moderngl_context import Context, Model, Target, set_uniforms
from .scene import NEAR

TILE = 2048  # largest picture drawn at once, pixels a side; larger ones are put together from tiles
MARGIN = 1  # pixels about a tile that are drawn and thrown away: smoothing looks at neighbours
GROUP = 256  # invocations of a compute shader that go together
Inside = tuple[slice, slice]  # rows, columns
T = TypeVar("T")


class ModernglRenderer:
    """Draws a model with OpenGL, keeping its context and what was uploaded, and moving only the camera.

    * Mask, depth, normal and part are sampled at pixel centres.
    * Colour has one sample at the centre, and a tent of 3 x 3 samples half a pixel apart wherever that picture is not
      smooth or the object's outline passes.
    * Alpha as in `TorchRenderer`.
    """

    name = "moderngl"

    def __init__(self, device: str = "auto") -> None:
        """`device` is taken for the other engines' sake; OpenGL's device is chosen by EGL_DEVICE_ID.

        Raises:
            MissingDependency: the Python package or a system library is not installed; the message names it.
        """
        self._thread = ThreadPoolExecutor(1, "moderngl")
        self._kept: tuple[CadModel, Model] | None = None
        self._context: Context = self._call(Context)
        self.versions = self._context.versions

    def render(self, model: CadModel, cameras: Sequence[Camera], lights: Sequence[Lights]) -> Iterator[Buffers]:
        """Yield one `Buffers` a camera, in order; `lights` has one entry a camera."""
        for camera, light in zip(cameras, lights, strict=True):
            yield self._call(lambda camera=camera, light=light: self._render(model, camera, light))  # type: ignore[misc]

    def silhouette(self, model: CadModel, camera: Camera) -> NDArray[np.bool_]:
        """Only the mask (H, W) of one camera, of any image size."""
        return self._call(lambda: self._silhouette(model, camera))

    def close(self) -> None:
        """Free the model, the context and the engine's thread."""
        self._call(self._forget)
        self._call(self._context.release)
        self._thread.shutdown()

    def _call(self, work: Callable[[], T]) -> T:
        """Do it in the thread that the context belongs to."""
        return self._thread.submit(work).result()

    def _forget(self) -> None:
        if self._kept is not None:
            self._kept[1].release()
            self._kept = None

    def _model(self, model: CadModel) -> Model:
        if self._kept is None or self._kept[0] is not model:
            self._forget()
            self._kept = (model, Model(self._context, model))
        self._kept[1].use()
        return self._kept[1]

    def _silhouette(self, model: CadModel, camera: Camera) -> NDArray[np.bool_]:
        held = self._model(model)
        mask = np.zeros((camera.height, camera.width), np.bool_)
        for tile, inside, place in _tiles(held, camera):
            sheet = self._sheet("silhouette", held, _aim(held, tile, 1), tile.width, tile.height)
            mask[place] = sheet.read(tile.width, tile.height)[inside] > 0
        return mask

    def _render(self, model: CadModel, camera: Camera, lights: Lights) -> Buffers:
        held = self._model(model)
        shape = (camera.height, camera.width)
        colour, alpha = np.zeros((*shape, 3), np.uint8), np.zeros(shape, np.uint8)
        normal, depth = np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
        part = np.full(shape, -1, np.int32)
        for tile, inside, place in _tiles(held, camera):
            rgba, geometry, owner = (plane[inside] for plane in self._tile(held, tile, lights))
            colour[place], alpha[place] = rgba[..., :3], rgba[..., 3]
            normal[place], depth[place] = geometry[..., :3], geometry[..., 3]
            part[place] = owner
        return Buffers(colour=colour, alpha=alpha, mask=part >= 0, depth=depth, normal=normal, part=part)

    def _tile(self, held: Model, camera: Camera, lights: Lights) -> tuple[NDArray[Any], ...]:
        """Colour and alpha (H, W, 4) uint8, normal and depth (H, W, 4) float32, part (H, W) int32."""
        context, (width, height) = self._context, (camera.width, camera.height)
        uniforms = {**_aim(held, camera, 2), **_light_uniforms(camera, lights), "size": (width, height)}
        lattice = 2 * width + 1, 2 * height + 1
        sheets = [self._sheet("layer 0", held, uniforms, *lattice)]
        if held.see_through:
            for layer in range(1, LAYERS):
                sheets.append(self._sheet(f"layer {layer}", held, uniforms, *lattice, sheets[-1]))
        for number, sheet in enumerate(sheets):
            sheet.numbers.use(number)
            uniforms[f"sheet{number}"] = number
        count = width * height
        work, _, colours, geometry, owners = context.pixels(count)
        work.write(bytes(8))
        self._compute("COVERED", held, uniforms, count)
        self._compute("CENTRES", held, uniforms, _listed(work, 0))
        self._compute("ROUGH", held, uniforms, count)
        self._compute("SMOOTH", held, uniforms, _listed(work, 1))
        return (
            np.frombuffer(colours.read(4 * count), np.uint8).reshape(height, width, 4),
            np.frombuffer(geometry.read(16 * count), np.float32).reshape(height, width, 4),
            np.frombuffer(owners.read(4 * count), np.int32).reshape(height, width),
        )

    def _compute(self, name: str, held: Model, uniforms: dict[str, Any], count: int) -> None:
        """Run a compute shader `count` times."""
        program = self._context.program(name, {"layered": held.see_through, **held.features})
        set_uniforms(program, {**uniforms, **held.numbers})
        program.run(-(-count // GROUP))
        self._context.gl.memory_barrier()

    def _sheet(
        self, name: str, held: Model, uniforms: dict[str, Any], width: int, height: int, earlier: Target | None = None
    ) -> Target:
        """Numbers of the nearest triangles, or of the nearest behind those of an earlier sheet."""
        context, gl = self._context, self._context.gl
        sheet = context.target(name, width, height)
        sheet.begin(width, height)
        gl.enable_only(gl.DEPTH_TEST)
        uniforms = {**uniforms, **held.numbers}
        if earlier is None:
            program = context.program("VISIBLE", {}, "VERTEX")
            set_uniforms(program, uniforms)
            held.draw(program, 0, held.num_solid)
        else:
            earlier.numbers.use(0)
            uniforms["earlier"] = 0
        program = context.program("VISIBLE", {"holes": True, "behind": earlier is not None, **held.features}, "VERTEX")
        set_uniforms(program, uniforms)
        first = held.num_solid if earlier is None else 0
        held.draw(program, first, held.num_solid + held.num_holed - first)
        return sheet


def _listed(work: Any, which: int) -> int:
    """How many pixels a compute shader has put on the list: the first or the second."""
    return int(np.frombuffer(work.read(4, offset=4 * which), np.uint32)[0])


def _tiles(held: Model, camera: Camera) -> Iterator[tuple[Camera, Inside, Inside]]:
    """Cameras of the tiles that can see the model, what of each tile is used, and where that goes in the picture."""
    left, top, right, bottom = _window(held, camera)
    for y in range(top, bottom, TILE):
        for x in range(left, right, TILE):
            end_x, end_y = min(x + TILE, right), min(y + TILE, bottom)
            x0, y0, x1, y1 = x - MARGIN, y - MARGIN, end_x + MARGIN, end_y + MARGIN
            K = camera.K - np.array([[0.0, 0.0, x0], [0.0, 0.0, y0], [0.0, 0.0, 0.0]])
            tile = Camera(K=K, R=camera.R, t=camera.t, width=x1 - x0, height=y1 - y0)
            inside = slice(MARGIN, MARGIN + end_y - y), slice(MARGIN, MARGIN + end_x - x)
            yield tile, inside, (slice(y, end_y), slice(x, end_x))


def _window(held: Model, camera: Camera) -> tuple[int, int, int, int]:
    """The box of pixels (x0, y0, x1, y1) that the model's box is seen in, and one more on each side."""
    x, y, z = camera.R @ held.box.T + camera.t[:, None]
    if z.min() < NEAR:
        return 0, 0, camera.width, camera.height
    K = camera.K
    u, v = (x * K[0, 0] + y * K[0, 1]) / z + K[0, 2], y * K[1, 1] / z + K[1, 2]
    x0, y0 = max(math.floor(u.min()) - 1, 0), max(math.floor(v.min()) - 1, 0)
    return x0, y0, min(math.ceil(u.max()) + 1, camera.width), min(math.ceil(v.max()) + 1, camera.height)


def _aim(held: Model, camera: Camera, scale: int) -> dict[str, Any]:
    """The camera's uniforms for a lattice: the pixels' centres (scale 1), or every half pixel from (0, 0) on (scale 2).

    The near and far planes lie close about the object, where 24-bit depth is finest.
    """
    (fx, skew, cx), (_, fy, cy) = camera.K[:2]
    z = held.box @ camera.R[2] + camera.t[2]
    near = max(NEAR, float(z.min()) - 1e-3)
    far = max(float(z.max()) + 1e-3, near + 1e-2)
    margin = 0.5 if scale == 2 else 0.0  # image point (0, 0) is the middle of the lattice's first point
    width, height = (side * scale + scale - 1 for side in (camera.width, camera.height))
    inverse = np.linalg.inv(camera.K)
    return {
        "turn": tuple(float(value) for value in camera.R.T.reshape(-1)),  # column by column
        "shift": tuple(float(value) for value in camera.t),
        "across": (2 * scale * fx / width, 2 * scale * skew / width, 2 * (scale * cx + margin) / width - 1),
        "down": (0.0, 2 * scale * fy / height, 2 * (scale * cy + margin) / height - 1),
        "ahead": ((far + near) / (far - near), -2 * far * near / (far - near)),
        "lens_x": tuple(map(float, inverse[0])),
        "lens_y": tuple(map(float, inverse[1])),
        "focal2": float(fx * fy),
        "spacing": 1.0 / scale,
        "corner": (0.5 - margin,) * 2,
    }


def _light_uniforms(camera: Camera, lights: Lights) -> dict[str, Any]:
    """The lights in the camera frame."""

    def towards(direction: tuple[float, float, float]) -> tuple[float, ...]:
        vector = np.asarray(direction, np.float64)
        return tuple(map(float, camera.R @ (vector / max(float(np.linalg.norm(vector)), 1e-12))))

    matt, mirrored = (tuple(tuple(map(float, term)) for term in kind) for kind in polynomials(lights, camera))
    return {
        "key_colour": tuple(map(float, lights.key_colour)),
        "fill_colour": tuple(map(float, lights.fill_colour)),
        "key_direction": towards(lights.key_direction),
        "fill_direction": towards(lights.fill_direction),
        "matt_light": matt,
        "mirror_light": mirrored,
    }
