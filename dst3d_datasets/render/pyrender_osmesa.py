"""OSMesa with the PyOpenGL that pyrender asks for.

pyrender 0.1.45 pins PyOpenGL 3.1.0 and wants `OSMesaCreateContextAttribs`, which PyOpenGL has only since 3.1.7; the
library itself (libOSMesa) has had it since Mesa 12. The missing names are declared here, as the newer PyOpenGL does.
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


def mend() -> None:
    """Give `OpenGL.osmesa` what pyrender imports from it. PYOPENGL_PLATFORM must be `osmesa` already.

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
