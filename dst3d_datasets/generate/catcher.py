"""A shadow catcher: pictures of elsewhere get the object's soft shadow where its ground would be.

The ground is the plane at the bottom of the object's box. A camera that does not look onto it from above gets none.
"""

from __future__ import annotations

import numpy as np

from ..nouns import AMBIENT, DIRECT, Camera, Lights
from .colour import Bytes, decode, encode
from .shadow import shade
from .stage import Stage

_CONTACT = 0.75  # strength of the contact shadow
_UPRIGHT = 0.85  # cosine of the tilt up to which a camera counts as upright


def is_upright(camera: Camera) -> bool:
    """Whether the canonical z axis points up in the picture, within about 30 degrees."""
    right, down = float(camera.R[0, 2]), float(camera.R[1, 2])
    return -down > _UPRIGHT * float(np.hypot(right, down))


def key_share(lights: Lights) -> float:
    """How much of the light on level ground comes from the key light, 0-1: what its shadow takes away."""
    luma = np.array([0.2126, 0.7152, 0.0722])
    key = DIRECT * max(lights.key_direction[2], 0.0) * float((luma * lights.key_colour).sum())
    fill = DIRECT * max(lights.fill_direction[2], 0.0) * float((luma * lights.fill_colour).sum())
    e = [float((luma * colour).sum()) for colour in lights.environment]
    upward = AMBIENT * max(0.28209479 * e[0] + 0.48860251 * e[2] + 0.63078313 * e[6], 0.0)
    return key / max(key + fill + upward, 1e-9)


def with_shadow(picture: Bytes, stage: Stage) -> Bytes:
    """The picture (H, W, 3) sRGB, darkened under and behind the object; unchanged where no shadow falls."""
    if not stage.stands:
        return picture
    left = shade(stage.shot, stage.plane, stage.floor, _CONTACT, key_share(stage.shot.lights))
    left = 1.0 - (1.0 - left) * stage.plane.share
    dark = left < 0.998
    out = picture.copy()
    out[dark] = encode(np.asarray(decode(picture[dark]) * left[dark][:, None], dtype=np.float32))
    return out
