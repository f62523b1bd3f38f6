"""One headless OpenGL context over EGL, through moderngl: its shaders, its buffers, and models uploaded to it.

An OpenGL context belongs to the thread that made it, and a build's stages run in threads of their own: all that is here
is called by the engine's one thread only.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import MissingDependency, ModelRefused, Reason
from ..nouns import CadModel
from . import moderngl_shaders as shaders
from .scene import Scene, scene_of

_HOW = (
    "moderngl: EGL with OpenGL 4.3 does not work on this machine. Install it:\n"
    "  apt-get install libegl1 libgl1 libgl1-mesa-dri\n"
    'or use the engine "torch", which does not need it.'
)
FIRST_BINDING = 5  # of the buffers of `Context.pixels`; those before are a model's
MOST_TRIANGLES = 2**24 - 1  # their numbers are kept as float32
_STEP = 256  # buffers grow by this many pixels a side, so that pictures of many sizes share one


@dataclass(frozen=True, slots=True)
class Target:
    """A framebuffer that takes the numbers of the nearest triangles."""

    numbers: Any  # texture, one float a point
    depth: Any
    frame: Any
    width: int
    height: int

    def begin(self, width: int, height: int) -> None:
        """Clear its lower left corner, and draw there from now on."""
        self.frame.use()
        self.frame.viewport = (0, 0, width, height)
        self.frame.clear(viewport=(0, 0, width, height))

    def read(self, width: int, height: int) -> NDArray[np.float32]:
        """The numbers (height, width), top row first."""
        data = self.frame.read((0, 0, width, height), 1, dtype="f4", alignment=1)
        return np.frombuffer(data, np.float32).reshape(height, width)

    def release(self) -> None:
        """Free its memory."""
        for held in (self.frame, self.numbers, self.depth):
            held.release()


class Context:
    """The context, and what is kept in it between models."""

    def __init__(self) -> None:
        """Open EGL's device EGL_DEVICE_ID, or the first.

        Raises:
            MissingDependency: the package or a working EGL is not there; the message names what to install.
        """
        try:
            import moderngl
        except ModuleNotFoundError as error:
            raise MissingDependency(
                f"the engine moderngl needs the Python package {error.name!r}, which is not installed; "
                'run: pip install "dst3d-datasets[moderngl]"'
            ) from error
        try:
            create: Any = moderngl.create_context
            self.gl: Any = create(
                require=430,
                standalone=True,
                backend="egl",
                libgl="libGL.so.1",
                libegl="libEGL.so.1",
                device_index=int(os.environ.get("EGL_DEVICE_ID", "0")),
            )
        except Exception as error:  # moderngl raises Exception itself
            raise MissingDependency(f"{_HOW}\n({type(error).__name__}: {error})") from error
        info = self.gl.info
        self.versions = {"moderngl": version("moderngl"), "opengl": f"{info['GL_VERSION']} on {info['GL_RENDERER']}"}
        self._programs: dict[tuple[str, tuple[tuple[str, bool], ...]], Any] = {}
        self._targets: dict[str, Target] = {}
        self._pixels: list[Any] = []
        self._num_pixels = 0

    def program(self, fragment: str, defines: dict[str, bool], vertex: str = "") -> Any:
        """Two of the shaders, or a compute shader, compiled on first use; `defines` as in `moderngl_shaders.source`."""
        key = fragment, tuple(sorted(defines.items()))
        if key not in self._programs:
            texts = [shaders.source(getattr(shaders, name), defines) for name in (vertex, fragment) if name]
            self._programs[key] = self.gl.program(*texts) if vertex else self.gl.compute_shader(*texts)
        return self._programs[key]

    def pixels(self, count: int) -> list[Any]:
        """Buffers of the compute shaders for so many pixels, bound: work lists, centres, colours, geometry, owners."""
        if count > self._num_pixels:
            for buffer in self._pixels:
                buffer.release()
            sizes = [8 + 4 * count, 4 * count, 4 * count, 16 * count, 4 * count]
            self._pixels, self._num_pixels = [self.gl.buffer(reserve=size) for size in sizes], count
        for number, buffer in enumerate(self._pixels, FIRST_BINDING):
            buffer.bind_to_storage_buffer(number)
        return self._pixels

    def target(self, name: str, width: int, height: int) -> Target:
        """A framebuffer of at least this size, kept under `name`. What it holds is not cleared."""
        kept = self._targets.get(name)
        if kept is None or kept.width < width or kept.height < height:
            if kept is not None:
                width, height = max(width, kept.width), max(height, kept.height)
                kept.release()
            size = (-(-width // _STEP) * _STEP, -(-height // _STEP) * _STEP)
            numbers, depth = self.gl.texture(size, 1, dtype="f4"), self.gl.depth_renderbuffer(size)
            numbers.filter = self.gl.NEAREST, self.gl.NEAREST
            self._targets[name] = Target(numbers, depth, self.gl.framebuffer([numbers], depth), *size)
        return self._targets[name]

    def release(self) -> None:
        """Let go of everything; the context is not used afterwards."""
        for held in (*self._targets.values(), *self._pixels, *self._programs.values()):
            held.release()
        self.gl.release()


class Model:
    """A model in the context's memory. Triangles that can have holes come last."""

    def __init__(self, context: Context, model: CadModel) -> None:
        """Upload it.

        Raises:
            ModelRefused: it has more triangles than can be numbered.
        """
        if model.num_faces > MOST_TRIANGLES:
            raise ModelRefused(Reason.TOO_MANY_FACES, f"{model.num_faces:,}; moderngl draws {MOST_TRIANGLES:,} at most")
        scene = scene_of(model, torch.device("cpu"))
        self._context = context
        gl = context.gl
        part, cutoff = scene.part.numpy(), scene.materials.cutoff.numpy()
        holed = cutoff[part] > 0
        order = np.argsort(holed, kind="stable")
        self.num_solid, self.num_holed = int((~holed).sum()), int(holed.sum())
        self.see_through = scene.see_through
        self.features = {"textured": scene.atlas is not None, "tinted": scene.colour is not None}
        positions = _table(scene.position)
        low, high = positions.min(0), positions.max(0)
        self.box = np.array([[(low, high)[i >> axis & 1][axis] for axis in range(3)] for i in range(8)], np.float64)
        vertices = _vertices(scene, positions)
        self.numbers = {"stride": vertices.shape[1], "levels": 1 if scene.atlas is None else scene.atlas.levels}
        faces = np.concatenate([_table(scene.faces).astype(np.int32), part.astype(np.int32)[:, None]], axis=1)[order]
        self._positions = gl.buffer(np.ascontiguousarray(positions, np.float32))
        self._indices = gl.buffer(np.ascontiguousarray(faces[:, :3]))
        contents = (vertices, faces, _materials(scene), *_textures(scene))
        self._storage = [gl.buffer(np.ascontiguousarray(values)) for values in contents]
        self._arrays: dict[Any, Any] = {}

    def use(self) -> None:
        """Let the shaders see it."""
        for number, buffer in enumerate(self._storage):
            buffer.bind_to_storage_buffer(number)

    def draw(self, program: Any, first: int, count: int) -> None:
        """Rasterise `count` triangles from number `first` on; the shader numbers them from 1."""
        if not count:
            return
        if program not in self._arrays:
            gl = self._context.gl
            content = [(self._positions, "3f4", "position")]
            self._arrays[program] = gl.vertex_array(program, content, self._indices, index_element_size=4)
        set_uniforms(program, {"first": first + 1})
        self._arrays[program].render(self._context.gl.TRIANGLES, vertices=3 * count, first=3 * first)

    def release(self) -> None:
        """Free its memory."""
        for held in (*self._arrays.values(), *self._storage, self._positions, self._indices):
            held.release()


def set_uniforms(program: Any, values: dict[str, Any]) -> None:
    """Set those that the program has: compilers drop what is not used."""
    for name, value in values.items():
        if name in program:
            program[name].value = value


def _table(columns: tuple[torch.Tensor, ...]) -> NDArray[Any]:
    return np.stack([column.numpy() for column in columns], axis=1)


def _vertices(scene: Scene, positions: NDArray[Any]) -> NDArray[np.float32]:
    """(V, 6, 8 or 12): position, normal, then uv, then colour; those that come last are left out if there are none."""
    columns = [positions, _table(scene.normal)]
    if scene.uv is not None or scene.colour is not None:
        columns.append(np.zeros((len(positions), 2)) if scene.uv is None else _table(scene.uv))
    if scene.colour is not None:
        columns.append(_table(scene.colour))
    return np.concatenate(columns, axis=1).astype(np.float32)


def _materials(scene: Scene) -> NDArray[np.float32]:
    """(P, 3, 4): linear RGBA; metallic, roughness, unlit; cutoff, is blended, has a texture."""
    given = scene.materials
    table = np.zeros((len(given.metallic), 3, 4), np.float32)
    table[:, 0] = given.colour.numpy().T
    for column, values in enumerate((given.metallic, given.roughness, given.unlit)):
        table[:, 1, column] = values.numpy()
    table[:, 2, 0], table[:, 2, 1] = given.cutoff.numpy(), given.blend.numpy()
    table[:, 2, 2] = 0.0 if scene.atlas is None else scene.atlas.area.numpy() > 0
    return table


def _textures(scene: Scene) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Texels (M,), and (P * L, 4): start, width, height and wrap of every part's levels."""
    atlas = scene.atlas
    if atlas is None:
        return np.zeros(4, np.int32), np.zeros((1, 4), np.int32)
    wrap = np.zeros(len(atlas.area), np.int32) if atlas.wrap is None else atlas.wrap.numpy()
    columns = (atlas.start, atlas.width, atlas.height, torch.from_numpy(np.repeat(wrap, atlas.levels)))
    return atlas.texels.numpy(), _table(columns).astype(np.int32)
