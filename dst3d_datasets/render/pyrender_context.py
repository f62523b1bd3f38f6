"""One headless OpenGL context a process, through pyrender: EGL if it works here, else OSMesa.

pyrender 0.1.45 is mended from outside where it must be:

* `np.infty`, which NumPy 2 dropped, is given back;
* its 4x multisampled buffers, whose depth is resolved from one off-centre sample, get one sample;
* its shaders are replaced by `pyrender_shaders`, so that there are normals and part numbers, and the light is ours.

Deleting one EGL renderer terminates the display for all of them, so the context lives as long as the process.
"""

from __future__ import annotations

import ctypes
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import MissingDependency, UsageError
from . import pyrender_pyopengl, pyrender_shaders

LIMIT = 2048  # largest picture drawn at once, pixels a side; larger ones are put together from tiles
_HOW = (
    "pyrender: neither EGL nor OSMesa works on this machine. Install one of them:\n"
    "  EGL:    apt-get install libegl1 libgl1 libgl1-mesa-dri libxrender1\n"
    "  OSMesa: apt-get install libosmesa6\n"
    'or use the engine "torch", which needs neither.'
)


def choose_platform() -> str:
    """ "egl" or "osmesa": what PYOPENGL_PLATFORM says, else the first that works.

    Raises:
        MissingDependency: none works; the message names the Debian packages.
        UsageError: PYOPENGL_PLATFORM names something that draws only on a screen.
    """
    wanted = os.environ.get("PYOPENGL_PLATFORM", "")
    if wanted:
        if wanted not in ("egl", "osmesa"):
            raise UsageError(
                f"PYOPENGL_PLATFORM is {wanted!r}; pyrender draws without a screen by egl or osmesa: unset it"
            )
        return wanted
    if egl_works():
        return "egl"
    if osmesa_works():
        return "osmesa"
    raise MissingDependency(_HOW)


def egl_works() -> bool:
    """Whether EGL can open a display: libEGL alone, without a driver, cannot."""
    try:
        egl = ctypes.CDLL("libEGL.so.1")
        ctypes.CDLL("libGL.so.1")
    except OSError:
        return False
    address = egl.eglGetProcAddress
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    initialise = egl.eglInitialize
    initialise.argtypes = [ctypes.c_void_p] * 3
    displays = []
    query, platform = address(b"eglQueryDevicesEXT"), address(b"eglGetPlatformDisplayEXT")
    if query and platform:
        devices, found = (ctypes.c_void_p * 16)(), ctypes.c_int(0)
        list_devices = ctypes.CFUNCTYPE(ctypes.c_uint, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(query)
        display_of = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_uint, ctypes.c_void_p, ctypes.c_void_p)(platform)
        list_devices(16, devices, ctypes.byref(found))
        number = int(os.environ.get("EGL_DEVICE_ID", "0"))
        if number < found.value:
            displays.append(display_of(0x313F, devices[number], None))  # EGL_PLATFORM_DEVICE_EXT
    else:
        egl.eglGetDisplay.restype, egl.eglGetDisplay.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
        displays.append(egl.eglGetDisplay(None))
    # Not terminated again: pyrender opens the same display.
    return any(display and initialise(display, None, None) for display in displays)


def osmesa_works() -> bool:
    """Whether libOSMesa is there."""
    for name in ("libOSMesa.so.8", "libOSMesa.so.6", "libOSMesa.so"):
        try:
            ctypes.CDLL(name)
        except OSError:
            continue
        return True
    return False


def import_pyrender() -> Any:
    """pyrender on a headless platform, mended so far as it needs to work at all.

    Raises:
        MissingDependency: it, or a library it loads, is not installed.
    """
    os.environ["PYOPENGL_PLATFORM"] = choose_platform()
    if not hasattr(np, "infty"):
        np.infty = np.inf  # type: ignore[attr-defined]
    try:
        import pyglet

        pyglet.options["headless"] = True  # else importing pyrender's viewer asks for libXrender and a display
        pyrender_pyopengl.mend_arrays()
        import pyrender
        import pyrender.renderer

        if os.environ["PYOPENGL_PLATFORM"] == "osmesa":
            pyrender_pyopengl.mend_osmesa()
    except ModuleNotFoundError as error:
        raise MissingDependency(
            f"the engine pyrender needs the Python package {error.name!r}, which is not installed; "
            'run: pip install "dst3d-datasets[pyrender]"'
        ) from error
    except (ImportError, OSError, AttributeError) as error:
        raise MissingDependency(f"{_HOW}\n({type(error).__name__}: {error})") from error

    return pyrender


def _draw_one_sample(pyrender: Any) -> None:
    """Make its multisampled buffers plain ones."""
    from OpenGL.GL import glRenderbufferStorage

    def one_sample(target: int, _samples: int, kind: int, width: int, height: int) -> None:
        glRenderbufferStorage(target, kind, width, height)

    pyrender.renderer.glRenderbufferStorageMultisample = one_sample


@lru_cache(maxsize=1)
def context() -> Context:
    """The process's only context."""
    return Context()


class Context:
    """A renderer of pyrender's with our shaders; draws one pass of one scene at a time."""

    def __init__(self) -> None:
        self.pyrender = import_pyrender()
        _draw_one_sample(self.pyrender)
        from pyrender.shader_program import ShaderProgramCache

        try:
            self._off = self.pyrender.OffscreenRenderer(LIMIT, LIMIT)
        except Exception as error:  # AssertionError, GLError, EGLError, AttributeError: whatever a broken driver gives
            raise MissingDependency(f"{_HOW}\n({type(error).__name__}: {error})") from error
        self._platform, self._renderer = self._off._platform, self._off._renderer
        self._folder = tempfile.TemporaryDirectory(prefix="dst3d-shaders-")
        Path(self._folder.name, "mesh.vert").write_text(pyrender_shaders.VERTEX)
        Path(self._folder.name, "mesh.frag").write_text(pyrender_shaders.fragment())
        uniforms: dict[str, Any] = {}
        self._uniforms = uniforms

        class Cache(ShaderProgramCache):  # type: ignore[misc]
            """Sets our own uniforms whenever pyrender asks for a program."""

            def get_program(self, *args: Any, **kwargs: Any) -> Any:
                program = super().get_program(*args, **kwargs)
                if not program._in_context():
                    program._add_to_context()
                program._bind()
                for name, value in uniforms.items():
                    program.set_uniform(name, value)
                return program

        self._renderer._program_cache = Cache(self._folder.name)

    def draw(
        self, scene: Any, width: int, height: int, uniforms: dict[str, Any]
    ) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
        """Colour (height, width, 3) and z (height, width) with 0 for background; at most LIMIT a side."""
        flags = self.pyrender.RenderFlags.SKIP_CULL_FACES
        self._uniforms.clear()
        self._uniforms.update(uniforms)
        self._platform.make_current()
        renderer = self._renderer
        renderer.viewport_width, renderer.viewport_height = width, height
        if self._platform.supports_framebuffers():
            picture, depth = renderer.render(scene, flags | self.pyrender.RenderFlags.OFFSCREEN)
        else:
            renderer.render(scene, flags)
            depth = renderer.read_depth_buf()
            picture = renderer.read_color_buf()
        return picture, depth
