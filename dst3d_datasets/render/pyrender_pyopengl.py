"""The PyOpenGL that pyrender asks for, mended.

pyrender 0.1.45 pins PyOpenGL 3.1.0, which knows neither the Python of today nor OSMesa's newer entry point. Both are
declared here as newer PyOpenGL does; with a newer one installed nothing is changed.
"""

from __future__ import annotations

import ctypes
from typing import Any

# GL/osmesa.h of Mesa
_CONSTANTS = {
    "OSMESA_DEPTH_BITS": 0x30,
    "OSMESA_PROFILE": 0x33,
    "OSMESA_CORE_PROFILE": 0x34,
    "OSMESA_CONTEXT_MAJOR_VERSION": 0x36,
    "OSMESA_CONTEXT_MINOR_VERSION": 0x37,
}


def mend_arrays() -> None:
    """Let `byref(...)` be passed where OpenGL writes: PyOpenGL knows its type by a name of Python 3.11 and before."""
    from OpenGL.plugins import FormatHandler

    name = f"{type(ctypes.byref(ctypes.c_int())).__module__}.CArgObject"
    if not any(name in (plugin.check or ()) for plugin in FormatHandler.all()):
        FormatHandler("dst3d_ctypes", "OpenGL.arrays.ctypesparameters.CtypesParameterHandler", [name])


def mend_osmesa() -> None:
    """Give `OpenGL.osmesa` what pyrender imports from it. PYOPENGL_PLATFORM must be `osmesa` already.

    `OSMesaCreateContextAttribs` is in PyOpenGL since 3.1.7 only, and in libOSMesa since Mesa 12.

    Raises:
        AttributeError: the installed libOSMesa is older than Mesa 12.
    """
    import OpenGL.osmesa as osmesa
    from OpenGL import arrays
    from OpenGL.osmesa import OSMesaContext
    from OpenGL.platform import PLATFORM

    if hasattr(osmesa, "OSMesaCreateContextAttribs"):
        return
    _name_contexts_by_address(PLATFORM)
    create: Any = PLATFORM.OSMesa.OSMesaCreateContextAttribs
    create.argtypes, create.restype = [arrays.GLintArray, OSMesaContext], OSMesaContext
    for name, value in {**_CONSTANTS, "OSMesaCreateContextAttribs": create}.items():
        setattr(osmesa, name, value)


def _name_contexts_by_address(platform: Any) -> None:
    """Old PyOpenGL keeps data by context in a dict, and a ctypes pointer cannot be its key: give it the address."""
    import OpenGL.platform

    current = platform.OSMesa.OSMesaGetCurrentContext
    current.restype = ctypes.c_void_p

    def address() -> int:
        return current() or 0

    platform.GetCurrentContext = platform.CurrentContextIsValid = address
    OpenGL.platform.GetCurrentContext = OpenGL.platform.CurrentContextIsValid = address
